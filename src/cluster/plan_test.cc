#include "cluster/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <span>
#include <string>

#include "cluster/limits.h"

namespace tandem::cluster {
namespace {

using model::RoleCode;

// Two servers of one site with everything twice, one node each.
Layout two_servers() {
    Layout layout;
    for (uint64_t s = 1; s <= 2; ++s) {
        model::Server server;
        server.id = ServerId{{0, s}};
        server.site = SiteId{{0, 1}};
        server.name = "s" + std::to_string(s);
        layout.servers.push_back(server);
        for (const RoleCode role : {RoleCode::Sg, RoleCode::Ws, RoleCode::Mg, RoleCode::B2b,
                                    RoleCode::Sr, RoleCode::Mgc, RoleCode::Cs, RoleCode::St}) {
            model::RoleInstance instance;
            instance.number = static_cast<int>(layout.instances.size()) + 1;
            instance.id = RoleInstanceId{{1, static_cast<uint64_t>(instance.number)}};
            instance.role = role;
            instance.server = server.id;
            instance.node = static_cast<int>(s);
            instance.order = static_cast<int>(s);
            layout.instances.push_back(instance);
        }
    }
    return layout;
}
model::RoleInstance& get(Layout& layout, RoleCode role, int server) {
    for (model::RoleInstance& each : layout.instances)
        if (each.role == role && each.server.bits.low == static_cast<uint64_t>(server)) return each;
    ADD_FAILURE() << "no such instance";
    return layout.instances.front();
}
void erase(Layout& layout, RoleCode role, int server) {
    const RoleInstanceId id = get(layout, role, server).id;
    std::erase_if(layout.instances, [&](const auto& each) { return each.id == id; });
}
std::string findings_of(const Layout& layout) {
    std::string text;
    for (const Finding& each : check(layout)) {
        text += each.severity == Severity::Error ? "E " : "W ";
        text += std::string(each.code) + ": " + each.text + "\n";
    }
    return text;
}

TEST(Plan, AGoodLayoutHasNoFindings) {
    EXPECT_EQ(findings_of(two_servers()), "");
}

TEST(Plan, AWitnessHasNoRoles) {
    Layout layout = two_servers();
    layout.servers[1].witness = true;
    const std::string found = findings_of(layout);
    EXPECT_NE(found.find("E role-on-witness: SR "), found.npos) << found;
    EXPECT_NE(found.find(" is on server 's2', which is a witness and has no roles."), found.npos);
}

struct Spoilt {
    std::function<void(Layout&)> spoil;
    std::string expected;
};
void expect_findings(std::span<const Spoilt> cases) {
    for (const Spoilt& each : cases) {
        Layout layout = two_servers();
        each.spoil(layout);
        EXPECT_EQ(findings_of(layout), each.expected);
    }
}

TEST(Plan, FindsWhatIsWrongWithGroups) {
    const Spoilt cases[] = {
        {[](Layout& l) { get(l, RoleCode::St, 2).group = 2; },
         "E one-group-only: A site has one group of ST, and this has 2: only SR and CS share the "
         "domains.\n"
         "W no-second-copy: ST group 1 is on server s1 only: it dies with it.\n"
         "W no-second-copy: ST group 2 is on server s2 only: it dies with it.\n"},
        {[](Layout& l) {
             l.instances.push_back(get(l, RoleCode::Cs, 2));
             l.instances.back().id = RoleInstanceId{{2, 1}};
             l.instances.back().number = 99;
             l.instances.back().group = 2;
             l.instances.back().enabled = false;
             l.assignments = {{"acme.test", true, RoleCode::Cs, 2},
                              {"sub.acme.test", false, RoleCode::Cs, 1},
                              {"", true, RoleCode::Sr, 1},
                              {"good.test", true, RoleCode::Sr, 1}};
         },
         "W idle-group: CS group 2 has no copy that runs: other groups serve all domains.\n"
         "W assigned-unknown-group: Domain acme.test is assigned to CS group 2, which does not "
         "run: another one serves it.\n"
         "W assigned-no-root: Domain sub.acme.test is assigned to CS group 1, but goes where the "
         "domain above it goes.\n"
         "W assigned-domain-gone: A domain that is no longer there is assigned to SR group 1.\n"},
    };
    expect_findings(cases);
}

TEST(Plan, FindsWhatIsWrong) {
    const Spoilt cases[] = {
        {[](Layout& l) { erase(l, RoleCode::Mgc, 1), erase(l, RoleCode::Mgc, 2); },
         "E missing-role: No MGC runs: no call gets sound.\n"},
        {[](Layout& l) { erase(l, RoleCode::Cs, 1), erase(l, RoleCode::Cs, 2); },
         "W missing-role: No CS runs: calls are not listed.\n"},
        {[](Layout& l) { get(l, RoleCode::Sr, 2).enabled = false; },
         "W no-second-copy: SR group 1 is on server s1 only: it dies with it.\n"},
        {[](Layout& l) { get(l, RoleCode::Sr, 2).group = 2; },
         "W no-second-copy: SR group 1 is on server s1 only: it dies with it.\n"
         "W no-second-copy: SR group 2 is on server s2 only: it dies with it.\n"},
        {[](Layout& l) { erase(l, RoleCode::Sg, 2); },
         "W no-second-copy: Role SG is on server s1 only: it dies with it.\n"},
        {[](Layout& l) { get(l, RoleCode::Sr, 2).node = 1; },
         "E node-on-two-servers: Node 1 is on servers s1 (SG 1) and s2 (SR 13); each server needs "
         "node numbers of its own.\n"},
        {[](Layout& l) { get(l, RoleCode::Sr, 2).number = 5; },
         "E number-twice: SR 5 and SR 5 have the same number.\n"},
        {[](Layout& l) {
             get(l, RoleCode::B2b, 2).server = ServerId{{0, 9}};
         },
         "E unknown-server: B2B 12 is on a server that does not exist.\n"
         "E node-on-two-servers: Node 2 is on servers s2 (SG 9) and "
         "00000000000000000000000000000009 (B2B 12); each server needs node numbers of its own.\n"
         "W no-second-copy: Role B2B is on server s1 only: it dies with it.\n"},
        {[](Layout& l) { get(l, RoleCode::Ws, 1).web_gate.emplace().http_port = 5060; },
         "E port-clash: SG 1 (SIP over TCP) and WS 2 (HTTP) both want TCP port 5060 on server "
         "s1.\n"},
        {[](Layout& l) { get(l, RoleCode::Mg, 1).media_gate.emplace().rtp_port_min = 5000; },
         "E port-clash: SG 1 (SIP over UDP) and MG 3 (RTP) both want UDP port 5060 on server "
         "s1.\n"},
        {[](Layout& l) { get(l, RoleCode::Mg, 1).media_gate.emplace().rtp_port_max = 20000; },
         "E rtp-range: MG 3 has no RTP ports: its range ends before it begins.\n"},
        {[](Layout& l) { get(l, RoleCode::Sg, 1).sip_gate.emplace().wss_port = 8443; }, ""},
        {[](Layout& l) {
             get(l, RoleCode::Sg, 1).sip_gate.emplace().wss_port = 8443;
             get(l, RoleCode::Ws, 1).node = 3;
         },
         "E port-clash: SG 1 (SIP over WebSocket with TLS) and WS 2 (HTTPS) both want TCP port "
         "8443 on server s1.\n"},
        {[](Layout& l) {
             l.servers[1].site = SiteId{{0, 2}};
             erase(l, RoleCode::Mg, 2);
         },
         "E no-media-near: The site of B2B 12 has no MG.\n"
         "W no-second-copy: Role MG is on server s1 only: it dies with it.\n"},
        {[](Layout& l) {
             get(l, RoleCode::Sg, 1).interfaces = {InterfaceId{{0, 7}}};
         },
         "E foreign-interface: SG 1 uses an interface that its server does not have.\n"},
        {[](Layout& l) { l.servers[1].enabled = false; },
         "W one-server: Everything is on one server: not fault-tolerant.\n"},
    };
    expect_findings(cases);
}

TEST(Plan, PortsClashOnlyWhereAddressesMeet) {
    struct Case {
        const char* first;
        const char* second;
        bool same;
        bool clash;
    };
    const Case cases[] = {
        {"192.0.2.1", "192.0.2.2", false, false},
        {"192.0.2.1", "192.0.2.1", true, true},
        {"0.0.0.0", "192.0.2.2", false, true},
    };
    for (const Case& each : cases) {
        Layout layout = two_servers();
        model::RoleInstance second = get(layout, RoleCode::Sg, 1);
        second.id = RoleInstanceId{{1, 99}};
        second.number = 99;
        for (uint64_t i = 1; i <= 2; ++i) {
            model::Interface interface;
            interface.id = InterfaceId{{0, i}};
            interface.server = second.server;
            interface.address = i == 1 ? each.first : each.second;
            layout.interfaces.push_back(interface);
        }
        get(layout, RoleCode::Sg, 1).interfaces = {InterfaceId{{0, 1}}};
        second.interfaces = {InterfaceId{{0, each.same ? 1u : 2u}}};
        layout.instances.push_back(second);
        EXPECT_EQ(!findings_of(layout).empty(), each.clash) << each.first << " " << each.second;
    }
}

TEST(Plan, SaysWhichFieldsHavePartInAFinding) {
    Layout layout = two_servers();
    get(layout, RoleCode::Ws, 1).web_gate.emplace().http_port = 5060;
    const auto findings = check(layout);
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].places,
              (std::vector<Place>{{get(layout, RoleCode::Sg, 1).id, "sip_gate.tcp_port"},
                                  {get(layout, RoleCode::Ws, 1).id, "web_gate.http_port"}}));
}

TEST(Plan, KeepsHomeNodesForTheirServers) {
    Layout layout = two_servers();
    layout.servers[1].node = 2;
    EXPECT_EQ(findings_of(layout), "");
    erase(layout, RoleCode::Sr, 2);
    model::RoleInstance& moved = get(layout, RoleCode::Sr, 1);
    moved.server = layout.servers[1].id;
    EXPECT_EQ(
        findings_of(layout).substr(0, 83),
        "E foreign-home-node: Node 1 is the home node of the server 's1' and cannot host SR ");
}

TEST(Plan, ErrorsAreThoseThatAnEditBringsWithIt) {
    Layout before = two_servers();
    get(before, RoleCode::Ws, 1).web_gate.emplace().http_port = 5060;
    erase(before, RoleCode::Mgc, 1);
    erase(before, RoleCode::Mgc, 2);
    Layout after = before;
    model::RoleInstance& gate = get(after, RoleCode::Sg, 1);
    gate.weight = 50;
    EXPECT_TRUE(errors_brought_by(before, after, gate.id).empty()) << "it clashed before";
    gate.sip_gate.emplace().tls_port = 8443;
    const auto errors = errors_brought_by(before, after, gate.id);
    ASSERT_EQ(errors.size(), 1u);
    EXPECT_EQ(errors[0].places[0], (Place{gate.id, "sip_gate.tls_port"}));
    EXPECT_TRUE(errors_brought_by(before, after, get(after, RoleCode::Mg, 1).id).empty());
}

TEST(Plan, TellsNoMoreThanAPersonReads) {
    Layout layout = two_servers();
    for (uint64_t i = 0; i < 300; ++i) {
        model::RoleInstance gate = get(layout, RoleCode::Sg, 1);
        gate.id = RoleInstanceId{{2, i}};
        gate.number = static_cast<int>(100 + i);
        layout.instances.push_back(gate);
    }
    EXPECT_EQ(check(layout).size(), findings_max);
    EXPECT_EQ(losses(layout).size(), 2u + 316u);
}

TEST(Plan, SaysWhatADeathCosts) {
    Layout layout = two_servers();
    const Subject first{Subject::Kind::Server, ServerId{{0, 1}}, 0, {}};
    const Subject second{Subject::Kind::Server, ServerId{{0, 2}}, 0, {}};
    EXPECT_EQ(loss_of(layout, first).text,
              "If server s1 dies: SR 1 switches to SR 13 on server s2, MGC 1 switches to MGC 14 on "
              "server s2, CS 1 switches to CS 15 on server s2, ST 1 switches to ST 16 on server "
              "s2, 50 % of media capacity is left, 0 answered calls are lost.");
    EXPECT_EQ(loss_of(layout, second).text,
              "If server s2 dies: 50 % of media capacity is left, 0 answered calls are lost.");
    EXPECT_EQ(loss_of(layout, first).switches.size(), 4u);

    get(layout, RoleCode::Sr, 2).group = 2;
    const std::string groups = loss_of(layout, second).text;
    EXPECT_NE(groups.find("SR group 2 has no other copy, and its domains wait for it"), groups.npos)
        << groups;
    get(layout, RoleCode::Sr, 2).group = 1;

    get(layout, RoleCode::B2b, 2).b2bua.emplace().survival = model::Survival::None;
    EXPECT_FALSE(loss_of(layout, second).answered_calls_survive);
    EXPECT_TRUE(loss_of(layout, first).answered_calls_survive);

    erase(layout, RoleCode::Sr, 2);
    erase(layout, RoleCode::Sg, 2);
    get(layout, RoleCode::Mg, 1).media_gate.emplace().contexts_max = 6000;
    const Loss loss = loss_of(layout, first);
    EXPECT_TRUE(loss.switches.front().to.is_nil());
    EXPECT_EQ(loss.roles_gone, (std::vector<RoleCode>{RoleCode::Sg, RoleCode::Sr}));
    EXPECT_EQ(loss.media_left_percent, 25);
    EXPECT_NE(loss.text.find("SR 1 has no other copy"), std::string::npos);
    EXPECT_NE(loss.text.find("no SG and SR is left"), std::string::npos);
}

TEST(Plan, ListsAllThatMayDie) {
    Layout layout = two_servers();
    EXPECT_EQ(losses(layout).size(), 2u + 16u) << "each server and each instance";
    get(layout, RoleCode::Mg, 1).node = 3;
    EXPECT_EQ(losses(layout).size(), 2u + 2u + 15u) << "its nodes, too; one of them is one MG";
    const Loss nothing =
        loss_of(layout, {Subject::Kind::Instance, {}, 0, get(layout, RoleCode::Sr, 2).id});
    EXPECT_EQ(nothing.text, "If SR 13 dies: nothing is interrupted.");
}

TEST(Plan, ShowsWhatChanges) {
    const Layout before = two_servers();
    Layout after = before;
    EXPECT_TRUE(difference(before, after).empty());
    get(after, RoleCode::Sg, 1).weight = 50;
    get(after, RoleCode::Mg, 1).media_gate.emplace().rtp_port_max = 34999;
    get(after, RoleCode::B2b, 2).enabled = false;
    model::RoleInstance& moved = get(after, RoleCode::Sr, 1);
    moved.server = ServerId{{0, 2}};
    moved.node = 2;
    model::RoleInstance extra = get(after, RoleCode::B2b, 1);
    extra.id = RoleInstanceId{{1, 99}};
    extra.number = 99;
    after.instances.push_back(extra);
    std::string text;
    for (const Change& each : difference(before, after)) text += each.text + "\n";
    EXPECT_EQ(text,
              "Start B2B 99 on server s1, node 1.\n"
              "Change settings of SG 1.\n"
              "Start MG 3 anew with other ports; its calls get another MG.\n"
              "Move SR 5 from server s1, node 1 to server s2, node 2; another copy of its group "
              "takes over first.\n"
              "Drain and stop B2B 12 on server s2, node 2; its calls move to the other B2Bs.\n");
    Layout alone = before;
    for (const RoleCode role : {RoleCode::Sr, RoleCode::B2b})
        erase(alone, role, 2), get(alone, role, 1).enabled = false;
    text.clear();
    for (const Change& each : difference(before, alone)) text += each.text + "\n";
    EXPECT_EQ(text,
              "Drain and stop B2B 4 on server s1, node 1; it finishes what it has.\n"
              "Drain and stop SR 5 on server s1, node 1; there is no other copy to take over.\n"
              "Drain and stop B2B 12 on server s2, node 2; it finishes what it has.\n"
              "Drain and stop SR 13 on server s2, node 2; there is no other copy to take over.\n");
    Layout idle = before;
    extra.enabled = false;
    idle.instances.push_back(extra);
    ASSERT_EQ(difference(before, idle).size(), 1u);
    EXPECT_EQ(difference(before, idle)[0].text,
              "Note B2B 99 on server s1, node 1, which does not run.");
    EXPECT_TRUE(difference(idle, idle).empty());
    EXPECT_EQ(difference(idle, before)[0].text, "Forget B2B 99, which does not run.");
    Layout gone = before;
    gone.servers[1].enabled = false;
    EXPECT_EQ(difference(before, gone).size(), 8u) << "a server that is taken out stops all it has";
}

TEST(Plan, NamesGroupsForTheStore) {
    EXPECT_EQ(group_name(RoleCode::Mgc, 2), "mgc-2");
}

}  // namespace
}  // namespace tandem::cluster
