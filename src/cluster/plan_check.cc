// What is wrong with a layout.
#include <algorithm>
#include <map>
#include <set>

#include "cluster/layout_index.h"
#include "cluster/limits.h"
#include "cluster/plan.h"

namespace tandem::cluster {
namespace {

using model::RoleCode;
using model::RoleInstance;
using Instances = std::vector<const RoleInstance*>;

void find(std::vector<Finding>& out, Severity severity, std::string_view code, std::string text,
          std::vector<Place> places) {
    if (out.size() < findings_max)
        out.push_back({severity, code, std::move(text), std::move(places)});
}

std::vector<Place> places_of(const Instances& instances, std::string_view field) {
    std::vector<Place> places;
    for (const RoleInstance* each : instances) places.push_back({each->id, std::string(field)});
    return places;
}

// --- Identities.

// A home node hosts instances of its own server only.
void check_home_node(const Layout& layout, const RoleInstance& each, std::vector<Finding>& out) {
    const model::Server* owner = nullptr;
    for (const model::Server& server : layout.servers) {
        if (server.node != each.node) continue;
        if (server.id == each.server) return;
        owner = &server;
    }
    if (owner == nullptr) return;
    find(out, Severity::Error, "foreign-home-node",
         "Node " + std::to_string(each.node) + " is the home node of the server '" + owner->name +
             "' and cannot host " + name_of(each) + " of server " +
             server_name(layout, each.server) + ".",
         {{each.id, "node"}});
}

void check_interfaces(const Layout& layout, const RoleInstance& each, std::vector<Finding>& out) {
    for (size_t i = 0; i < each.interfaces.size(); ++i) {
        const auto known = std::find_if(
            layout.interfaces.begin(), layout.interfaces.end(), [&](const auto& interface) {
                return interface.id == each.interfaces[i] && interface.server == each.server;
            });
        if (known == layout.interfaces.end())
            find(out, Severity::Error, "foreign-interface",
                 name_of(each) + " uses an interface that its server does not have.",
                 {{each.id, "interfaces[" + std::to_string(i) + "]"}});
    }
}

void check_identities(const Layout& layout, std::vector<Finding>& out) {
    std::map<int, const RoleInstance*> by_number;
    std::map<int, const RoleInstance*> by_node;
    for (const RoleInstance& each : layout.instances) {
        const model::Server* server = find_server(layout, each.server);
        if (server == nullptr)
            find(out, Severity::Error, "unknown-server",
                 name_of(each) + " is on a server that does not exist.", {{each.id, "server"}});
        else if (server->witness)
            find(out, Severity::Error, "role-on-witness",
                 name_of(each) + " is on server '" + server->name +
                     "', which is a witness and has no roles.",
                 {{each.id, "server"}});
        const auto [number, is_new] = by_number.emplace(each.number, &each);
        if (!is_new)
            find(out, Severity::Error, "number-twice",
                 name_of(*number->second) + " and " + name_of(each) + " have the same number.",
                 places_of({number->second, &each}, "number"));
        check_home_node(layout, each, out);
        const auto [node, first] = by_node.emplace(each.node, &each);
        if (!first && node->second->server != each.server)
            find(out, Severity::Error, "node-on-two-servers",
                 "Node " + std::to_string(each.node) + " is on servers " +
                     server_name(layout, node->second->server) + " (" + name_of(*node->second) +
                     ") and " + server_name(layout, each.server) + " (" + name_of(each) +
                     "); each server needs node numbers of its own.",
                 places_of({node->second, &each}, "node"));
        check_interfaces(layout, each, out);
    }
}

// --- Ports.

struct PortUse {
    const RoleInstance* who = nullptr;
    bool is_udp = false;
    int first = 0;
    int last = 0;
    std::string_view what;
    std::string_view field;
};

std::vector<PortUse> ports_of(const RoleInstance& who) {
    std::vector<PortUse> out;
    const auto use = [&](bool is_udp, int port, std::string_view what, std::string_view field) {
        if (port != 0) out.push_back({&who, is_udp, port, port, what, field});
    };
    if (who.role == RoleCode::Sg) {
        const auto settings = who.sip_gate.value_or(model::SipGateSettings{});
        use(true, settings.udp_port, "SIP over UDP", "sip_gate.udp_port");
        use(false, settings.tcp_port, "SIP over TCP", "sip_gate.tcp_port");
        use(false, settings.tls_port, "SIP over TLS", "sip_gate.tls_port");
        use(false, settings.ws_port, "SIP over WebSocket", "sip_gate.ws_port");
        use(false, settings.wss_port, "SIP over WebSocket with TLS", "sip_gate.wss_port");
    } else if (who.role == RoleCode::Esg) {
        const auto settings = who.external_sip_gate.value_or(model::ExternalSipGateSettings{});
        use(true, settings.udp_port, "SIP over UDP with providers", "external_sip_gate.udp_port");
        use(false, settings.tcp_port, "SIP over TCP with providers", "external_sip_gate.tcp_port");
        use(false, settings.tls_port, "SIP over TLS with providers", "external_sip_gate.tls_port");
    } else if (who.role == RoleCode::Ws) {
        const auto settings = who.web_gate.value_or(model::WebGateSettings{});
        use(false, settings.http_port, "HTTP", "web_gate.http_port");
        use(false, settings.https_port, "HTTPS", "web_gate.https_port");
    } else if (who.role == RoleCode::Mg) {
        const auto settings = who.media_gate.value_or(model::MediaGateSettings{});
        out.push_back({&who, true, settings.rtp_port_min, settings.rtp_port_max, "RTP",
                       "media_gate.rtp_port_min"});
    }
    return out;
}

// None named: all of the server. An address of 0.0.0.0 or :: takes the port of all others, too.
bool share_an_address(const Layout& layout, const RoleInstance& a, const RoleInstance& b) {
    if (a.interfaces.empty() || b.interfaces.empty()) return true;
    const auto is_any = [&](const RoleInstance& each) {
        return std::any_of(layout.interfaces.begin(), layout.interfaces.end(), [&](const auto& i) {
            const bool uses = std::find(each.interfaces.begin(), each.interfaces.end(), i.id) !=
                              each.interfaces.end();
            return uses && (i.address == "0.0.0.0" || i.address == "::");
        });
    };
    if (is_any(a) || is_any(b)) return true;
    return std::find_first_of(a.interfaces.begin(), a.interfaces.end(), b.interfaces.begin(),
                              b.interfaces.end()) != a.interfaces.end();
}

// SIP over WebSocket may come in at the web gate's HTTPS port, where both share a node.
bool is_shared_on_purpose(const PortUse& a, const PortUse& b) {
    const auto is_pair = [](const PortUse& sip, const PortUse& web) {
        return sip.what == "SIP over WebSocket with TLS" && web.what == "HTTPS";
    };
    return a.who->node == b.who->node && (is_pair(a, b) || is_pair(b, a));
}

void check_ports(const Layout& layout, const Instances& all, std::vector<Finding>& out) {
    std::vector<PortUse> uses;
    for (const RoleInstance* each : all) {
        const auto settings = each->media_gate.value_or(model::MediaGateSettings{});
        if (each->role == RoleCode::Mg && settings.rtp_port_min >= settings.rtp_port_max)
            find(out, Severity::Error, "rtp-range",
                 name_of(*each) + " has no RTP ports: its range ends before it begins.",
                 {{each->id, "media_gate.rtp_port_max"}});
        for (const PortUse& port : ports_of(*each)) uses.push_back(port);
    }
    for (size_t i = 0; i < uses.size(); ++i) {
        if (out.size() >= findings_max) return;
        for (size_t j = i + 1; j < uses.size(); ++j) {
            const PortUse& a = uses[i];
            const PortUse& b = uses[j];
            if (a.who->server != b.who->server || a.is_udp != b.is_udp || a.first > b.last ||
                b.first > a.last || is_shared_on_purpose(a, b) ||
                (a.who != b.who && !share_an_address(layout, *a.who, *b.who)))
                continue;
            find(out, Severity::Error, "port-clash",
                 name_of(*a.who) + " (" + std::string(a.what) + ") and " + name_of(*b.who) + " (" +
                     std::string(b.what) + ") both want " + (a.is_udp ? "UDP" : "TCP") + " port " +
                     std::to_string(std::max(a.first, b.first)) + " on server " +
                     server_name(layout, a.who->server) + ".",
                 {{a.who->id, std::string(a.field)}, {b.who->id, std::string(b.field)}});
        }
    }
}

// --- Completeness.

void check_roles(const Instances& all, std::vector<Finding>& out) {
    struct Needed {
        RoleCode role;
        Severity severity;
        std::string_view without;
    };
    static constexpr Needed needed[] = {
        {RoleCode::St, Severity::Error, "nothing can be written"},
        {RoleCode::Sg, Severity::Error, "no phone can reach the system"},
        {RoleCode::Sr, Severity::Error, "no phone can register"},
        {RoleCode::B2b, Severity::Error, "no call is possible"},
        {RoleCode::Mgc, Severity::Error, "no call gets sound"},
        {RoleCode::Mg, Severity::Error, "no call has sound"},
        {RoleCode::Ws, Severity::Error, "nobody can administer the system"},
        {RoleCode::Cs, Severity::Warning, "calls are not listed"},
    };
    for (const Needed& each : needed) {
        const bool is_there = std::any_of(all.begin(), all.end(), [&](const RoleInstance* one) {
            return one->role == each.role;
        });
        if (!is_there)
            find(out, each.severity, "missing-role",
                 "No " + std::string(model::to_string(each.role)) +
                     " runs: " + std::string(each.without) + ".",
                 {});
    }
}

// Sound must not cross sites: a media gate of the site is needed, whatever others have.
void check_media_near(const Layout& layout, const Instances& all, std::vector<Finding>& out) {
    std::set<SiteId> with_media;
    for (const RoleInstance* each : all)
        if (each->role == RoleCode::Mg) with_media.insert(find_server(layout, each->server)->site);
    for (const RoleInstance* each : all)
        if (each->role == RoleCode::B2b && !with_media.empty() &&
            !with_media.contains(find_server(layout, each->server)->site))
            find(out, Severity::Error, "no-media-near",
                 "The site of " + name_of(*each) + " has no MG.", {{each->id, "server"}});
}

void check_groups(const Layout& layout, const Instances& all, std::vector<Finding>& out) {
    std::map<RoleCode, std::set<int>> there;
    for (const GroupKey& group : groups_of(all)) there[group.first].insert(group.second);
    for (const auto& [role, groups] : there) {
        if (has_domain_groups(role) || groups.size() < 2) continue;
        Instances copies;
        for (const RoleInstance* each : all)
            if (each->role == role && each->group != *groups.begin()) copies.push_back(each);
        find(out, Severity::Error, "one-group-only",
             "A site has one group of " + std::string(model::to_string(role)) + ", and this has " +
                 std::to_string(groups.size()) + ": only SR and CS share the domains.",
             places_of(copies, "group"));
    }
    std::set<GroupKey> idle;
    for (const RoleInstance& each : layout.instances) {
        const std::set<int>& running = there[each.role];
        if (!has_domain_groups(each.role) || running.empty() || running.contains(each.group) ||
            !idle.emplace(each.role, each.group).second)
            continue;
        find(out, Severity::Warning, "idle-group",
             std::string(model::to_string(each.role)) + " group " + std::to_string(each.group) +
                 " has no copy that runs: other groups serve all domains.",
             {{each.id, "group"}});
    }
    for (const Assignment& each : layout.assignments) {
        const std::string what =
            std::string(model::to_string(each.role)) + " group " + std::to_string(each.group);
        if (each.domain.empty())
            find(out, Severity::Warning, "assigned-domain-gone",
                 "A domain that is no longer there is assigned to " + what + ".", {});
        else if (!each.is_root)
            find(out, Severity::Warning, "assigned-no-root",
                 "Domain " + each.domain + " is assigned to " + what +
                     ", but goes where the domain above it goes.",
                 {});
        else if (!there[each.role].contains(each.group))
            find(out, Severity::Warning, "assigned-unknown-group",
                 "Domain " + each.domain + " is assigned to " + what +
                     ", which does not run: another one serves it.",
                 {});
    }
}

void check_second_copies(const Layout& layout, const Instances& all, std::vector<Finding>& out) {
    std::set<ServerId> servers;
    for (const RoleInstance* each : all) servers.insert(each->server);
    if (servers.size() < 2) {
        find(out, Severity::Warning, "one-server",
             "Everything is on one server: not fault-tolerant.", {});
        return;
    }
    const auto judge = [&](const std::string& what, const Instances& copies) {
        const bool apart = std::any_of(copies.begin(), copies.end(), [&](const RoleInstance* one) {
            return one->server != copies.front()->server;
        });
        if (!copies.empty() && !apart)
            find(out, Severity::Warning, "no-second-copy",
                 what + " is on server " + server_name(layout, copies.front()->server) +
                     " only: it dies with it.",
                 places_of(copies, "server"));
    };
    for (const GroupKey& group : groups_of(all))
        judge(std::string(model::to_string(group.first)) + " group " + std::to_string(group.second),
              copies_of(all, group));
    for (const RoleCode role : {RoleCode::Sg, RoleCode::Esg, RoleCode::Ws, RoleCode::Mg,
                                RoleCode::B2b, RoleCode::Ivr, RoleCode::Conf, RoleCode::Svc}) {
        Instances copies;
        for (const RoleInstance* each : all)
            if (each->role == role) copies.push_back(each);
        judge("Role " + std::string(model::to_string(role)), copies);
    }
}

}  // namespace

std::vector<Finding> check(const Layout& layout) {
    std::vector<Finding> findings;
    const Instances all = running(layout);
    check_identities(layout, findings);
    check_ports(layout, all, findings);
    check_roles(all, findings);
    check_media_near(layout, all, findings);
    check_groups(layout, all, findings);
    check_second_copies(layout, all, findings);
    std::stable_sort(findings.begin(), findings.end(),
                     [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
    return findings;
}

std::vector<Finding> errors_brought_by(const Layout& before, const Layout& after,
                                       RoleInstanceId instance) {
    const std::vector<Finding> old = check(before);
    std::vector<Finding> brought = check(after);
    std::erase_if(brought, [&](const Finding& finding) {
        const bool has_part =
            std::any_of(finding.places.begin(), finding.places.end(),
                        [&](const Place& place) { return place.instance == instance; });
        const bool is_old = std::any_of(old.begin(), old.end(), [&](const Finding& each) {
            return each.code == finding.code && each.places == finding.places;
        });
        return finding.severity != Severity::Error || !has_part || is_old;
    });
    return brought;
}

}  // namespace tandem::cluster
