#include "sip/locate.h"

#include <gtest/gtest.h>

#include <map>

namespace tandem::sip {
namespace {

using Type = DnsType;

// A zone as a table; what is not in it does not exist.
struct Zone {
    std::map<DnsQuestion, DnsAnswer> answers;
    std::vector<std::string> asked;

    void add(std::string name, Type type, DnsAnswer answer) {
        answer.question = {std::move(name), type};
        answer.outcome = DnsAnswer::Outcome::Records;
        answers[answer.question] = std::move(answer);
    }
    void address(std::string name, const char* ip) {
        const IpAddress parsed = *IpAddress::parse(ip);
        const Type type = parsed.family == AddressFamily::V4 ? Type::A : Type::Aaaa;
        DnsAnswer answer = answers[{name, type}];
        answer.addresses.push_back(parsed);
        add(std::move(name), type, std::move(answer));
    }
    void srv(std::string name, std::vector<SrvRecord> records) {
        DnsAnswer answer;
        answer.srv = std::move(records);
        add(std::move(name), Type::Srv, std::move(answer));
    }
    void naptr(std::string name, std::vector<NaptrRecord> records) {
        DnsAnswer answer;
        answer.naptr = std::move(records);
        add(std::move(name), Type::Naptr, std::move(answer));
    }
    // Fills `facts` too.
    Result<std::vector<Target>> locate(LocateRequest request, uint64_t seed = 1) {
        SeededRng rng(seed);
        Locator locator(std::move(request), rng);
        for (int round = 0; round < 10 && !locator.result(); ++round) {
            for (const DnsQuestion& question : locator.take_questions()) {
                asked.push_back(question.name);
                const auto found = answers.find(question);
                DnsAnswer none;
                none.question = question;
                if (servers_fail) none.outcome = DnsAnswer::Outcome::Failed;
                locator.on_answer(found == answers.end() ? none : found->second);
            }
        }
        EXPECT_TRUE(locator.result().has_value()) << "the look-up hangs";
        facts = locator.facts();
        return locator.result().value_or(make_error(ErrorCode::Internal, "", "hangs"));
    }
    bool servers_fail = false;
    LookUpFacts facts;
};

std::string text_of(const Result<std::vector<Target>>& targets) {
    if (!targets) return "error " + std::string(to_string(targets.error().code));
    static constexpr const char* names[] = {"udp", "tcp", "tls"};
    std::string out;
    for (const Target& target : *targets) {
        out += std::string(names[static_cast<int>(target.transport)]) + " " +
               target.address.text() + "\n";
    }
    return out;
}

LocateRequest to(std::string host) {
    LocateRequest request;
    request.host = std::move(host);
    return request;
}

// The example of RFC 3263 4.1 with its records.
Zone rfc_example() {
    Zone zone;
    zone.naptr("example.com", {{50, 50, "s", "SIPS+D2T", "", "_sips._tcp.example.com."},
                               {90, 50, "s", "SIP+D2T", "", "_sip._tcp.example.com"},
                               {100, 50, "s", "SIP+D2U", "", "_sip._udp.example.com"},
                               {10, 50, "u", "E2U+sip", "!x!y!", ""}});
    zone.srv("_sip._tcp.example.com",
             {{0, 1, 5060, "server1.example.com"}, {1, 2, 5060, "server2.example.com"}});
    zone.srv("_sips._tcp.example.com", {{0, 0, 5061, "Server1.example.com."}});
    zone.address("server1.example.com", "192.0.2.1");
    zone.address("server1.example.com", "2001:db8::1");
    zone.address("server2.example.com", "192.0.2.2");
    return zone;
}

TEST(Locate, FollowsTheExampleOfTheRfc) {
    Zone zone = rfc_example();
    EXPECT_EQ(text_of(zone.locate(to("Example.COM."))),
              "tls 192.0.2.1:5061\ntls [2001:db8::1]:5061\n"
              "tcp 192.0.2.1:5060\ntcp [2001:db8::1]:5060\ntcp 192.0.2.2:5060\n");
    LocateRequest tcp_only = to("example.com");
    tcp_only.supported = {TargetTransport::Tcp};
    tcp_only.ipv6 = false;
    EXPECT_EQ(text_of(zone.locate(tcp_only)), "tcp 192.0.2.1:5060\ntcp 192.0.2.2:5060\n");
    LocateRequest sips = to("example.com");
    sips.sips = true;
    sips.ipv6 = false;
    EXPECT_EQ(text_of(zone.locate(sips)), "tls 192.0.2.1:5061\n");
}

TEST(Locate, AsksOnlyWhatTheUriLeavesOpen) {
    struct Case {
        const char* what;
        LocateRequest request;
        std::string targets;
        size_t questions;
    };
    std::vector<Case> cases;
    cases.push_back({"address", to("192.0.2.9"), "udp 192.0.2.9:5060\n", 0});
    cases.push_back({"IPv6", to("[2001:db8::9]"), "udp [2001:db8::9]:5060\n", 0});
    LocateRequest sips = to("192.0.2.9");
    sips.sips = true;
    cases.push_back({"sips address", sips, "tls 192.0.2.9:5061\n", 0});
    LocateRequest port = to("server2.example.com");
    port.port = 5070;
    cases.push_back({"port", port, "udp 192.0.2.2:5070\n", 2});
    LocateRequest transport = to("example.com");
    transport.transport = TargetTransport::Tcp;
    transport.ipv6 = false;
    cases.push_back({"transport", transport, "tcp 192.0.2.1:5060\ntcp 192.0.2.2:5060\n", 3});
    LocateRequest upgraded = transport;
    upgraded.sips = true;
    cases.push_back({"sips over tcp is TLS", upgraded, "tls 192.0.2.1:5061\n", 2});
    LocateRequest udp = upgraded;
    udp.transport = TargetTransport::Udp;
    cases.push_back({"sips over udp", udp, "error unsupported", 0});
    cases.push_back({"no records", to("server2.example.com"), "udp 192.0.2.2:5060\n", 6});
    cases.push_back({"nothing", to("none.test"), "error not_found", 6});
    cases.push_back({"no host", to(""), "error malformed", 0});
    for (auto& test : cases) {
        Zone zone = rfc_example();
        const auto found = zone.locate(test.request);
        if (found.has_value()) {
            EXPECT_EQ(text_of(found), test.targets) << test.what;
        } else {
            EXPECT_TRUE(test.targets.starts_with("error")) << test.what;
        }
        EXPECT_EQ(zone.asked.size(), test.questions) << test.what;
    }
}

TEST(Locate, TellsSilentServersFromMissingNames) {
    Zone zone;
    EXPECT_EQ(zone.locate(to("none.test")).error().code, ErrorCode::NotFound);
    zone.servers_fail = true;
    EXPECT_EQ(zone.locate(to("none.test")).error().code, ErrorCode::Unavailable);
    Zone refusing;
    refusing.srv("_sip._udp.a.test", {{0, 0, 0, "."}});
    EXPECT_EQ(refusing.locate(to("a.test")).error().code, ErrorCode::NotFound);
}

TEST(Locate, SaysWhoStandsInForWhom) {
    Zone zone;
    zone.srv("_sip._udp.a.test",
             {{20, 0, 5060, "c.test"}, {10, 30, 5060, "a.test"}, {10, 10, 5060, "b.test"}});
    zone.srv("_sip._tcp.a.test", {{5, 1, 5060, "a.test"}});
    zone.address("a.test", "192.0.2.1");
    zone.address("a.test", "192.0.2.2");
    zone.address("b.test", "192.0.2.3");
    zone.address("c.test", "192.0.2.4");
    const auto found = zone.locate(to("a.test"));
    ASSERT_TRUE(found.has_value());
    std::map<std::string, std::string> of;  // rank and weight by transport and address
    std::map<uint16_t, int> servers;
    for (const Target& each : *found) {
        const char* transport = each.transport == TargetTransport::Udp ? "udp " : "tcp ";
        of[transport + each.address.ip.text()] =
            std::to_string(each.rank) + " " + std::to_string(each.weight);
        ++servers[each.server];
    }
    EXPECT_EQ(of, (std::map<std::string, std::string>{{"udp 192.0.2.1", "0 30"},
                                                      {"udp 192.0.2.2", "0 30"},
                                                      {"udp 192.0.2.3", "0 10"},
                                                      {"udp 192.0.2.4", "1 0"},
                                                      {"tcp 192.0.2.1", "2 1"},
                                                      {"tcp 192.0.2.2", "2 1"}}));
    EXPECT_EQ(servers.size(), 4u);  // two of them with two addresses
}

TEST(Locate, SaysForHowLongAndWhetherSomethingIsMissing) {
    Zone zone;
    zone.srv("_sip._udp.a.test", {{1, 0, 5060, "h.test"}});
    zone.address("h.test", "192.0.2.1");
    for (auto& [question, answer] : zone.answers)
        answer.ttl_s = question.type == Type::Srv ? 300 : 20;
    ASSERT_TRUE(zone.locate(to("a.test")).has_value());
    EXPECT_EQ(zone.facts.ttl_s, 20u);
    EXPECT_FALSE(zone.facts.is_partial);
    zone.servers_fail = true;  // for what is not in the zone
    ASSERT_TRUE(zone.locate(to("a.test")).has_value());
    EXPECT_TRUE(zone.facts.is_partial);
}

TEST(Locate, LeavesOutWhereNoServerCanBe) {
    Zone zone;
    zone.srv("_sip._udp.a.test", {{1, 0, 0, "good.test"}, {2, 0, 5060, "bad.test"}});
    zone.address("good.test", "192.0.2.1");
    for (const char* bad : {"0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.1", "::", "ff02::1"})
        zone.address("bad.test", bad);
    EXPECT_EQ(text_of(zone.locate(to("a.test"))), "error not_found");
    EXPECT_EQ(zone.facts.unfit, *SocketAddress::parse("192.0.2.1:0"));
    zone.address("bad.test", "192.0.2.2");
    EXPECT_EQ(text_of(zone.locate(to("a.test"))), "udp 192.0.2.2:5060\n");
    EXPECT_TRUE(zone.facts.unfit.has_value());
    EXPECT_TRUE(zone.locate(to("good.test")).has_value());
    EXPECT_FALSE(zone.facts.unfit.has_value());
}

TEST(Locate, BoundsWhatAHostileZoneCausesToBeAsked) {
    Zone zone;
    std::vector<NaptrRecord> naptr;
    std::vector<SrvRecord> srv;
    for (uint16_t i = 0; i < 500; ++i) {
        naptr.push_back({i, 0, "s", "SIP+D2U", "", "_sip._udp." + std::to_string(i) + ".test"});
        srv.push_back({i, 0, 5060, "h" + std::to_string(i) + ".test"});
    }
    zone.naptr("evil.test", naptr);
    for (int i = 0; i < 500; ++i) zone.srv("_sip._udp." + std::to_string(i) + ".test", srv);
    EXPECT_FALSE(zone.locate(to("evil.test")).has_value());
    EXPECT_LE(zone.asked.size(), 1 + locate_srv_names_max + 2 * locate_hosts_max);
}

TEST(OrderSrv, HonoursPriorityAndWeight) {
    const std::vector<SrvRecord> records{
        {2, 0, 1, "last"}, {1, 75, 1, "heavy"}, {1, 25, 1, "light"}, {1, 0, 1, "zero"}};
    std::map<std::string, int> first;
    constexpr int kDraws = 4000;
    SeededRng rng(7);
    for (int i = 0; i < kDraws; ++i) {
        const auto ordered = order_srv(records, rng);
        ASSERT_EQ(ordered.size(), 4u);
        EXPECT_EQ(ordered[3].target, "last");
        ++first[ordered[0].target];
    }
    EXPECT_NEAR(first["heavy"], kDraws * 0.74, kDraws * 0.05);
    EXPECT_NEAR(first["light"], kDraws * 0.25, kDraws * 0.05);
    EXPECT_LT(first["zero"], kDraws * 0.03);
    EXPECT_GT(first["zero"], 0);
}

// Their order takes the square of their number, at each look-up.
TEST(OrderSrv, DrawsAmongTheBestOfVeryMany) {
    SeededRng rng(7);
    std::vector<SrvRecord> records(3'000, {2, 1, 1, "worse"});
    for (size_t i = 0; i < 40; ++i) records.push_back({1, 1, 1, "better"});
    const auto ordered = order_srv(records, rng);
    ASSERT_EQ(ordered.size(), locate_srv_records_max);
    EXPECT_EQ(ordered[39].target, "better");
    EXPECT_EQ(ordered[40].target, "worse");
}

}  // namespace
}  // namespace tandem::sip
