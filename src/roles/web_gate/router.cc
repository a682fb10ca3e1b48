#include "roles/web_gate/router.h"

#include <array>

namespace tandem::roles::web_gate {
namespace {

constexpr uint8_t kItem = kGet | kPut | kPatch | kDelete;
constexpr uint8_t kList = kGet | kPost;
constexpr uint8_t kSingle = kGet | kPut | kPatch;

constexpr Route kRoutes[] = {
    {"/api/v1/health", kGet, Action::Health, {}, Access::Anyone},
    {"/metrics", kGet, Action::Metrics, {}, Access::AdminOrLocal},
    {"/api/v1/session", kGet | kPost | kDelete, Action::Session, {}, Access::Anyone},
    {"/api/v1/status", kGet, Action::Status},
    {"/api/v1/events", kGet, Action::Events, "event"},
    {"/api/v1/log-level", kPost, Action::LogLevel},
    {"/api/v1/nodes/{id}/harm", kPost, Action::Harm},
    {"/api/v1/site/store", kGet | kPost, Action::Store},
    {"/api/v1/site/backup", kPost, Action::Backup},
    {"/api/v1/site/backup/{id}", kGet | kDelete, Action::Backup},

    {"/api/v1/domains", kList, Action::EntityList, "domain"},
    {"/api/v1/domains/{id}", kItem, Action::EntityItem, "domain"},
    {"/api/v1/domains/{domain}/accounts", kList, Action::EntityList, "account"},
    {"/api/v1/domains/{domain}/accounts/{id}", kItem, Action::EntityItem, "account"},
    {"/api/v1/domains/{domain}/accounts/{id}/services", kSingle, Action::EntityItem,
     "account_service"},
    {"/api/v1/domains/{domain}/accounts/{id}/agent", kSingle, Action::EntityItem, "queue_agent"},
    {"/api/v1/domains/{domain}/users", kList, Action::EntityList, "user"},
    {"/api/v1/domains/{domain}/users/{id}", kItem, Action::EntityItem, "user"},
    {"/api/v1/domains/{domain}/grants", kList, Action::EntityList, "grant"},
    {"/api/v1/domains/{domain}/grants/{id}", kItem, Action::EntityItem, "grant"},
    {"/api/v1/domains/{domain}/tokens", kList, Action::EntityList, "api_token"},
    {"/api/v1/domains/{domain}/tokens/{id}", kItem, Action::EntityItem, "api_token"},
    {"/api/v1/domains/{domain}/trunks", kList, Action::EntityList, "trunk"},
    {"/api/v1/domains/{domain}/trunks/{id}", kItem, Action::EntityItem, "trunk"},
    {"/api/v1/domains/{domain}/trunk-groups", kList, Action::EntityList, "trunk_group"},
    {"/api/v1/domains/{domain}/trunk-groups/{id}", kItem, Action::EntityItem, "trunk_group"},
    {"/api/v1/domains/{domain}/number-ranges", kList, Action::EntityList, "number_range"},
    {"/api/v1/domains/{domain}/number-ranges/{id}", kItem, Action::EntityItem, "number_range"},
    {"/api/v1/domains/{domain}/dial-rules", kList, Action::EntityList, "dial_rule"},
    {"/api/v1/domains/{domain}/dial-rules/check", kGet, Action::DialPlanCheck},
    {"/api/v1/domains/{domain}/dial-rules/{id}", kItem, Action::EntityItem, "dial_rule"},
    {"/api/v1/domains/{domain}/schedules", kList, Action::EntityList, "schedule"},
    {"/api/v1/domains/{domain}/schedules/{id}", kItem, Action::EntityItem, "schedule"},
    {"/api/v1/domains/{domain}/representations", kList, Action::EntityList, "representation"},
    {"/api/v1/domains/{domain}/representations/{id}", kItem, Action::EntityItem, "representation"},
    {"/api/v1/domains/{domain}/ring-groups", kList, Action::EntityList, "ring_group"},
    {"/api/v1/domains/{domain}/ring-groups/{id}", kItem, Action::EntityItem, "ring_group"},
    {"/api/v1/domains/{domain}/music", kList, Action::EntityList, "music"},
    {"/api/v1/domains/{domain}/music/{id}", kItem, Action::EntityItem, "music"},
    {"/api/v1/domains/{domain}/queues", kList, Action::EntityList, "queue"},
    {"/api/v1/domains/{domain}/queues/{id}", kItem, Action::EntityItem, "queue"},
    {"/api/v1/domains/{domain}/queue-states", kGet, Action::QueueStates},
    {"/api/v1/domains/{domain}/feature-codes", kList, Action::EntityList, "feature_code"},
    {"/api/v1/domains/{domain}/feature-codes/{id}", kItem, Action::EntityItem, "feature_code"},
    {"/api/v1/domains/{domain}/licence", kSingle, Action::EntityItem, "licence"},
    {"/api/v1/domains/{domain}/trunk-states", kGet, Action::TrunkStates},
    {"/api/v1/domains/{domain}/bindings", kGet, Action::Bindings},
    {"/api/v1/domains/{domain}/bindings/{id}", kGet | kDelete, Action::Binding},
    {"/api/v1/domains/{domain}/calls", kGet, Action::Calls},
    {"/api/v1/domains/{domain}/calls/{id}", kGet | kDelete, Action::Call},
    {"/api/v1/domains/{domain}/calls/{id}/trace", kGet, Action::CallTrace},
    {"/api/v1/domains/{domain}/events", kGet, Action::CallEvents},
    {"/api/v1/domains/{domain}/cdr", kGet, Action::Cdr},
    {"/api/v1/domains/{domain}/route-test", kPost, Action::RouteTest},
    {"/api/v1/domains/{domain}/audit", kGet, Action::Audit},
    {"/api/v1/domains/{domain}/configuration", kGet | kPost, Action::Configuration},

    {"/api/v1/sites", kList, Action::EntityList, "site"},
    {"/api/v1/sites/{id}", kItem, Action::EntityItem, "site"},
    {"/api/v1/servers", kList, Action::EntityList, "server"},
    {"/api/v1/servers/tokens", kPost, Action::ServerToken},
    {"/api/v1/servers/{id}", kItem, Action::EntityItem, "server"},
    {"/api/v1/interfaces", kList, Action::EntityList, "interface"},
    {"/api/v1/interfaces/{id}", kItem, Action::EntityItem, "interface"},
    {"/api/v1/roles", kList, Action::EntityList, "role_instance"},
    {"/api/v1/roles/{id}", kItem, Action::EntityItem, "role_instance"},
    {"/api/v1/domain-groups", kList, Action::EntityList, "domain_group"},
    {"/api/v1/domain-groups/{id}", kItem, Action::EntityItem, "domain_group"},
    {"/api/v1/plan", kGet | kPost | kPut, Action::Plan, "plan"},
    {"/api/v1/settings", kSingle, Action::EntityItem, "system"},

    {"/api/v1/calls", kGet, Action::Calls},
    {"/api/v1/calls/{id}", kGet | kDelete, Action::Call},
    {"/api/v1/calls/{id}/trace", kGet, Action::CallTrace},
    {"/api/v1/cdr", kGet, Action::Cdr},
    {"/api/v1/route-test", kPost, Action::RouteTest},
    {"/api/v1/audit", kGet, Action::Audit},
    {"/api/v1/bulk", kPost, Action::Bulk},
};

struct MethodName {
    std::string_view name;
    uint8_t bit;
};
constexpr MethodName kMethods[] = {{"GET", kGet}, {"HEAD", kGet},    {"POST", kPost},
                                   {"PUT", kPut}, {"PATCH", kPatch}, {"DELETE", kDelete}};

std::string_view next_segment(std::string_view& rest) {
    if (rest.starts_with('/')) rest.remove_prefix(1);
    const size_t end = rest.find('/');
    const std::string_view segment = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    return segment;
}

bool matches(const Route& route, std::string_view path, RouteMatch& match) {
    std::string_view pattern = route.pattern;
    while (!pattern.empty() && !path.empty()) {
        const std::string_view want = next_segment(pattern);
        const std::string_view have = next_segment(path);
        if (have.empty()) return false;
        if (want == "{domain}") {
            match.domain = have;
        } else if (want == "{id}") {
            match.id = have;
        } else if (want != have) {
            return false;
        }
    }
    match.route = &route;
    return pattern.empty() && path.empty();
}

}  // namespace

std::span<const Route> all_routes() {
    return kRoutes;
}

std::optional<RouteMatch> match_route(std::string_view path) {
    if (!path.starts_with('/')) return std::nullopt;
    for (const Route& route : kRoutes) {
        RouteMatch match;
        if (matches(route, path, match)) return match;
    }
    return std::nullopt;
}

uint8_t method_bit(std::string_view method) {
    for (const MethodName& each : kMethods) {
        if (each.name == method) return each.bit;
    }
    return 0;
}

std::string allow_of(const Route& route) {
    std::string allow;
    for (const MethodName& each : kMethods) {
        if ((route.methods & each.bit) == 0) continue;
        if (!allow.empty()) allow += ", ";
        allow += each.name;
    }
    return allow;
}

}  // namespace tandem::roles::web_gate
