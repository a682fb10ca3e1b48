// What is wrong with a layout.
#include <algorithm>
#include <map>
#include <set>

#include "cluster/layout_index.h"
#include "cluster/plan.h"

namespace tandem::cluster {
namespace {

using model::RoleCode;
using model::RoleInstance;
using Instances = std::vector<const RoleInstance*>;

void find(std::vector<Finding>& out, Severity severity, std::string_view code, std::string text,
          const Instances& instances) {
    Finding finding{severity, code, std::move(text), {}};
    for (const RoleInstance* instance : instances) finding.instances.push_back(instance->id);
    out.push_back(std::move(finding));
}

// --- Identities.

void check_identities(const Layout& layout, std::vector<Finding>& out) {
    std::map<int, const RoleInstance*> by_number;
    std::map<int, const RoleInstance*> by_node;
    for (const RoleInstance& each : layout.instances) {
        if (find_server(layout, each.server) == nullptr)
            find(out, Severity::Error, "unknown-server",
                 name_of(each) + " is on a server that does not exist.", {&each});
        const auto [number, is_new] = by_number.emplace(each.number, &each);
        if (!is_new)
            find(out, Severity::Error, "number-twice",
                 name_of(*number->second) + " and " + name_of(each) + " have the same number.",
                 {number->second, &each});
        const auto [node, first] = by_node.emplace(each.node, &each);
        if (!first && node->second->server != each.server)
            find(out, Severity::Error, "node-on-two-servers",
                 "Node " + std::to_string(each.node) + " is on servers " +
                     server_name(layout, node->second->server) + " (" + name_of(*node->second) +
                     ") and " + server_name(layout, each.server) + " (" + name_of(each) +
                     "); each server needs node numbers of its own.",
                 {node->second, &each});
        for (const InterfaceId id : each.interfaces) {
            const auto known = std::find_if(
                layout.interfaces.begin(), layout.interfaces.end(), [&](const auto& interface) {
                    return interface.id == id && interface.server == each.server;
                });
            if (known == layout.interfaces.end())
                find(out, Severity::Error, "foreign-interface",
                     name_of(each) + " uses an interface that its server does not have.", {&each});
        }
    }
}

// --- Ports.

struct PortUse {
    const RoleInstance* who = nullptr;
    bool is_udp = false;
    int first = 0;
    int last = 0;
    std::string_view what;
};

void use(std::vector<PortUse>& out, const RoleInstance& who, bool is_udp, int port,
         std::string_view what) {
    if (port != 0) out.push_back({&who, is_udp, port, port, what});
}

std::vector<PortUse> ports_of(const RoleInstance& who) {
    std::vector<PortUse> out;
    if (who.role == RoleCode::Sg) {
        const auto settings = who.sip_gate.value_or(model::SipGateSettings{});
        use(out, who, true, settings.udp_port, "SIP over UDP");
        use(out, who, false, settings.tcp_port, "SIP over TCP");
        use(out, who, false, settings.tls_port, "SIP over TLS");
        use(out, who, false, settings.ws_port, "SIP over WebSocket");
        use(out, who, false, settings.wss_port, "SIP over WebSocket with TLS");
    } else if (who.role == RoleCode::Ws) {
        const auto settings = who.web_gate.value_or(model::WebGateSettings{});
        use(out, who, false, settings.http_port, "HTTP");
        use(out, who, false, settings.https_port, "HTTPS");
    } else if (who.role == RoleCode::Mg) {
        const auto settings = who.media_gate.value_or(model::MediaGateSettings{});
        out.push_back({&who, true, settings.rtp_port_min, settings.rtp_port_max, "RTP"});
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
                 name_of(*each) + " has no RTP ports: its range ends before it begins.", {each});
        for (const PortUse& port : ports_of(*each)) uses.push_back(port);
    }
    for (size_t i = 0; i < uses.size(); ++i) {
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
                 {a.who, b.who});
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
                 "The site of " + name_of(*each) + " has no MG.", {each});
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
                 copies);
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
    check_second_copies(layout, all, findings);
    std::stable_sort(findings.begin(), findings.end(),
                     [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
    return findings;
}

}  // namespace tandem::cluster
