// What must hold in dial plans, schedules and the ways of writing numbers.
#include "roles/store/entity_rules.h"
#include "routing/dial_plan.h"
#include "routing/dial_plan_check.h"
#include "routing/expectation.h"
#include "routing/limits.h"
#include "routing/numbering.h"
#include "routing/representation.h"

namespace tandem::roles::store_role {

Result<void> check_own_rules(const Catalog& catalog, const model::DialRule& rule, Fresh fresh) {
    TRY(routing::check_rule(rule));
    const bool is_full = fresh == Fresh::Yes &&
                         catalog.count<model::DialRule>(rule.domain) >= routing::dial_rules_max;
    if (is_full)
        return make_error(ErrorCode::Conflict, "", "the domain has 100000 dial rules already");
    return {};
}

Result<void> check_own_rules(const Catalog& catalog, const model::Schedule& schedule, Fresh) {
    TRY(routing::OpenTimes::make(schedule, routing::time_zone_of(catalog, schedule.domain)));
    return {};
}

Result<void> check_own_rules(const Catalog& catalog, const model::Representation& representation,
                             Fresh fresh) {
    TRY(routing::check_representation(representation));
    const auto* domain = catalog.find_domain(representation.domain);
    if (representation.scope == model::RepresentationScope::Global && domain != nullptr &&
        domain->parent)
        return make_error(ErrorCode::OutOfRange, "scope",
                          "can't be 'global': the domain has another one above it");
    const bool is_full =
        fresh == Fresh::Yes &&
        catalog.count<model::Representation>(representation.domain) >= routing::representations_max;
    if (is_full)
        return make_error(ErrorCode::Conflict, "", "the domain has 1000 representations already");
    return {};
}

Result<void> check_own_rules(const Catalog& catalog, const model::RouteExpectation& expected,
                             Fresh fresh) {
    const bool is_full =
        fresh == Fresh::Yes &&
        catalog.count<model::RouteExpectation>(expected.domain) >= routing::route_expectations_max;
    if (is_full)
        return make_error(ErrorCode::Conflict, "", "the domain has 200 expected routes already");
    return routing::check_expectation(expected);
}

Result<void> check_time_zone(std::string_view name) {
    auto known = routing::OpenTimes::make({}, name);
    if (known) return {};
    known.error().field = "settings.time_zone";
    return known.error();
}

Result<void> check_numbering(const model::NumberingSettings& numbering) {
    auto checked = routing::check_numbering(numbering);
    if (checked) return {};
    checked.error().field = "settings.numbering." + checked.error().field;
    return checked.error();
}

}  // namespace tandem::roles::store_role
