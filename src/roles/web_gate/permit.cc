#include "roles/web_gate/permit.h"

#include <string>

#include "roles/web_gate/names.h"
#include "roles/web_gate/request_checks.h"

namespace tandem::roles::web_gate {
namespace {

using model::Resource;
using model::Verb;

struct KindResource {
    std::string_view kind;
    Resource resource;
};
// clang-format off
constexpr KindResource kOfKinds[] = {
    {"domain", Resource::Settings},
    {"licence", Resource::Licences},
    {"user", Resource::Users},
    {"grant", Resource::Grants},
    {"api_token", Resource::Tokens},
    {"account", Resource::Accounts},
    {"number_range", Resource::Numbers},
    {"dial_rule", Resource::Routing},
    {"schedule", Resource::Routing},
    {"representation", Resource::Routing},
    {"trunk", Resource::Trunks},
    {"trunk_group", Resource::Trunks},
    {"ring_group", Resource::Services},
    {"feature_code", Resource::Services},
    {"music", Resource::Services},
    {"account_service", Resource::Services},
    {"queue", Resource::Services},
    {"queue_agent", Resource::Services},
};
// clang-format on

std::optional<Resource> resource_of(const Route& route) {
    switch (route.action) {
        case Action::EntityList:
        case Action::EntityItem:
            for (const KindResource& each : kOfKinds) {
                if (each.kind == route.kind) return each.resource;
            }
            return std::nullopt;
        case Action::Calls:
        case Action::Call:
        case Action::CallTrace:
        case Action::CallEvents:
        case Action::QueueStates:
            return Resource::Calls;
        case Action::Bindings:
        case Action::Binding:
            return Resource::Bindings;
        case Action::TrunkStates:
            return Resource::Trunks;
        case Action::Cdr:
            return Resource::Cdr;
        case Action::RouteTest:
        case Action::DialPlanCheck:
            return Resource::Routing;
        case Action::Audit:
        case Action::Configuration:
            return Resource::Audit;
        case Action::Health:
        case Action::Metrics:
        case Action::Status:
        case Action::Events:
        case Action::Plan:
        case Action::LogLevel:
        case Action::ServerToken:
        case Action::Harm:
        case Action::Store:
        case Action::Backup:
        case Action::Session:
        case Action::Bulk:
            return std::nullopt;
    }
    return std::nullopt;
}

Error no_domain() {
    return make_error(ErrorCode::NotFound, "domain", "there is no such domain");
}
Error lacks(NeededRight right, std::string_view where) {
    return make_error(ErrorCode::Forbidden, "",
                      "the right " + std::string(to_string(right.resource)) + ":" +
                          std::string(to_string(right.verb)) + " is needed" + std::string(where));
}

// What one's own account does with its calls is one's own business, for whoever may look at
// services.
bool is_own(const store::Catalog& catalog, const Principal& principal, DomainId domain,
            const RouteMatch& match) {
    const bool is_of_account =
        match.route->kind == "account_service" || match.route->kind == "queue_agent";
    if (!is_of_account || principal.kind != Principal::Kind::User) return false;
    if (principal.domain != domain || !principal.own.has(Resource::Services, Verb::Read))
        return false;
    const auto id = AccountId::parse(match.id);
    const auto* account = id ? catalog.find_account(domain, *id) : nullptr;
    if (account == nullptr) account = catalog.find_account_by_login(domain, match.id);
    return account != nullptr && account->user() == principal.user;
}

bool is_of_all_domains(const RouteMatch& match) {
    return match.domain.empty() && match.route->action != Action::EntityItem;
}

// What only somebody above may do to a domain: make it, remove it, say what it may have.
bool is_for_above(const Route& route, uint8_t method) {
    if (route.kind == "licence") return method != kGet;
    return route.kind == "domain" && (method == kDelete || method == kPost);
}

// Domains are made below; ST sees that the new one's parent is within reach.
Result<void> permit_creation(const Principal& principal) {
    const NeededRight right{Resource::Domains, Verb::Write};
    if (principal.below.has(right.resource, right.verb)) return {};
    return lacks(right, " in the domains below");
}

}  // namespace

std::optional<NeededRight> needed_for(const Route& route, uint8_t method) {
    const auto resource = resource_of(route);
    if (!resource) return std::nullopt;
    NeededRight right{*resource, method == kGet ? Verb::Read : Verb::Write};
    if (route.action == Action::RouteTest) right.verb = Verb::Read;
    if (route.kind == "domain" && is_for_above(route, method)) right.resource = Resource::Domains;
    return right;
}

bool may(const store::Catalog& catalog, const Principal& principal, DomainId domain,
         NeededRight right) {
    const auto rights = principal.rights_in(catalog, domain);
    return rights && rights->has(right.resource, right.verb);
}

Result<void> permit(const store::Catalog& catalog, const Principal& principal, uint8_t method,
                    const ports::HttpRequest& request, RouteMatch& match) {
    if (principal.is_operator()) return {};
    const Route& route = *match.route;
    if (route.action == Action::Bulk) return {};  // judged line by line
    const auto right = needed_for(route, method);
    if (!right)
        return make_error(ErrorCode::Forbidden, "", "this is for the operator of the system");
    if (route.kind == "domain" && method == kPost) return permit_creation(principal);
    if (is_of_all_domains(match)) {
        // Lists of all domains show what he may see; a call that is named is judged when it is
        // found, and what names a domain in its body when that has been read.
        const auto asked = query_of(request, "domain");
        const bool names_one = asked && !asked->empty();
        const bool is_list = route.action == Action::Calls || route.action == Action::Cdr ||
                             route.action == Action::Audit;
        if (!is_list && !names_one) return {};
        match.domain = names_one ? std::string(*asked) : principal.domain.text();
    }
    const bool is_domain = route.kind == "domain" && route.action == Action::EntityItem;
    const auto domain = find_domain(catalog, is_domain ? match.id : match.domain);
    const auto rights = domain ? principal.rights_in(catalog, *domain) : std::nullopt;
    if (!rights) return no_domain();
    if (!rights->has(right->resource, right->verb) && !is_own(catalog, principal, *domain, match))
        return lacks(*right, "");
    const bool is_roll_back = route.action == Action::Configuration && method == kPost;
    if (is_roll_back && !rights->has_all_of(model::Rights::all()))
        return make_error(ErrorCode::Forbidden, "", "all rights in the domain are needed");
    if (is_for_above(route, method) && *domain == principal.domain)
        return make_error(ErrorCode::Forbidden, "", "this is for a domain above");
    // A name may go to another domain before the request is carried out.
    (is_domain ? match.id : match.domain) = domain->text();
    return {};
}

}  // namespace tandem::roles::web_gate
