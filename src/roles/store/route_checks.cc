#include "roles/store/route_checks.h"

#include <vector>

#include "base/json_text.h"
#include "model/generated/domain.h"
#include "model/generated/route_expectation.h"
#include "roles/store/entity_reader.h"
#include "routing/expectation.h"

namespace tandem::roles::store_role {
namespace {

using model::RouteExpectation;
using routing::RouteChecked;
using store::Catalog;

// The domain whose expected routes the change may touch; nil: none.
DomainId domain_of(const RouteScope& scope) {
    const ports::EntityRequest& request = scope.request;
    if (request.kind == store::DomainKind<RouteExpectation>::name) return {};
    const bool is_domain = request.kind == "domain";
    const auto domain = resolve_domain(scope.catalog, is_domain ? request.id : request.domain);
    if (!domain || scope.catalog.count<RouteExpectation>(*domain) == 0) return {};
    return *domain;
}

Catalog afterwards(const RouteScope& scope) {
    store::CatalogFeed feed(scope.catalog);
    for (const store::Op& op : scope.write.ops) {
        if (const auto* put = std::get_if<store::Put>(&op)) {
            feed.load({put->key, put->value, {}, {}, 0});
        } else if (const auto* gone = std::get_if<store::Delete>(&op)) {
            store::WatchBatch batch;
            batch.events.push_back({store::WatchEvent::Kind::Delete, {gone->key, {}, {}, {}, 0}});
            feed.on_watch(batch);
        }
    }
    return feed.snapshot();
}

struct Difference {
    RouteChecked before;
    RouteChecked after;
};

// A change may remove or add expected routes as well (a roll-back): those in both are compared.
std::vector<Difference> differences(const RouteScope& scope, DomainId domain) {
    std::vector<Difference> all;
    const auto before = routing::check_routes(scope.catalog, domain, scope.now);
    const auto after = routing::check_routes(afterwards(scope), domain, scope.now);
    for (const RouteChecked& then : after) {
        for (const RouteChecked& now : before) {
            if (now.name != then.name || now.expected != then.expected) continue;
            if (!(now.found == then.found)) all.push_back({now, then});
        }
    }
    return all;
}

}  // namespace

Result<void> check_expected_routes(const RouteScope& scope) {
    const DomainId id = domain_of(scope);
    const auto* domain = id.is_nil() ? nullptr : scope.catalog.find_domain(id);
    if (domain == nullptr || !domain->settings.routes_checked || scope.request.force) return {};
    std::string broken;
    for (const Difference& each : differences(scope, id)) {
        if (!each.before.holds || each.after.holds) continue;
        if (!broken.empty()) broken += "; ";
        broken += each.after.name + " (" + each.after.expected + ", would be " +
                  each.after.found.text() + ")";
    }
    if (broken.empty()) return {};
    return make_error(ErrorCode::Conflict, "force",
                      "the change would break expected routes of the domain: " + broken);
}

std::string changed_routes_json(const RouteScope& scope) {
    const DomainId id = domain_of(scope);
    if (id.is_nil()) return {};
    JsonWriter json;
    json.begin_list();
    for (const Difference& each : differences(scope, id)) {
        json.begin_object().field("name").value(each.after.name);
        json.field("expected").value(each.after.expected);
        json.field("before").value(each.before.found.text());
        json.field("after").value(each.after.found.text());
        json.field("holds").value(each.after.holds).end_object();
    }
    return json.end_list().take();
}

}  // namespace tandem::roles::store_role
