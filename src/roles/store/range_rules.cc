// What must hold in number ranges. External ones are handed down the tree of domains: each lies in
// one of the domain above, and apart from those of all domains beside it.
#include "roles/store/entity_rules.h"
#include "routing/number_ranges.h"

namespace tandem::roles::store_role {
namespace {

using model::NumberRange;
using routing::NumberSpan;

std::string_view field_of(const NumberRange& range) {
    return range.prefix.empty() ? "from" : "prefix";
}

Result<void> check_bounds(const NumberRange& range) {
    const bool pair = !range.from.empty() || !range.to.empty();
    if (range.prefix.empty() && !pair)
        return make_error(ErrorCode::Missing, "prefix", "is required, or from and to");
    if (!range.prefix.empty() && pair)
        return make_error(ErrorCode::OutOfRange, "prefix",
                          "must be empty when from and to are given");
    if (pair && range.from.size() != range.to.size())
        return make_error(ErrorCode::OutOfRange, "to", "must have as many digits as from");
    if (pair && range.to < range.from)
        return make_error(ErrorCode::OutOfRange, "to", "must not be below from");
    return {};
}

bool is_external(const NumberRange& range) {
    return range.kind == model::NumberKind::External;
}

// Calls `visit(range)` for the external ranges of a domain, as they are when `changed` is one.
template <typename Visit>
void visit_external(const Catalog& catalog, DomainId domain, const NumberRange* changed,
                    const Visit& visit) {
    catalog.visit<NumberRange>(domain, [&](const NumberRange& range) {
        const bool is_changed = changed != nullptr && changed->id == range.id;
        if (!is_changed && is_external(range)) visit(range);
        return true;
    });
    if (changed != nullptr && changed->domain == domain && is_external(*changed)) visit(*changed);
}

bool has_room(const Catalog& catalog, DomainId domain, const NumberRange* changed,
              const NumberSpan& span) {
    bool holds = false;
    visit_external(catalog, domain, changed, [&](const NumberRange& range) {
        holds = holds || NumberSpan::of(range).holds(span);
    });
    return holds;
}

std::string ranges_of(const Catalog& catalog, DomainId domain) {
    std::string text;
    size_t count = 0;
    visit_external(catalog, domain, nullptr, [&](const NumberRange& range) {
        if (++count <= 5) text += (text.empty() ? "" : ", ") + routing::text_of(range);
    });
    if (count > 5) text += ", ...";
    return text.empty() ? "none" : text;
}

// Whether an external range may be in a domain that is below `parent`.
Result<void> check_delegated(const Catalog& catalog, const NumberRange& range,
                             std::optional<DomainId> parent) {
    const NumberSpan span = NumberSpan::of(range);
    const auto* above = parent ? catalog.find_domain(*parent) : nullptr;
    if (above != nullptr && !has_room(catalog, above->id, nullptr, span))
        return make_error(ErrorCode::OutOfRange, field_of(range),
                          routing::text_of(range) + " is not inside an external range of " +
                              above->name +
                              ", the domain above, which has: " + ranges_of(catalog, above->id));
    Result<void> outcome;
    catalog.visit_domains("", [&](const model::Domain& beside) {
        if (beside.id == range.domain || beside.parent != parent) return true;
        visit_external(catalog, beside.id, nullptr, [&](const NumberRange& theirs) {
            if (!outcome || !NumberSpan::of(theirs).meets(span)) return;
            outcome = make_error(ErrorCode::Conflict, field_of(range),
                                 routing::text_of(range) + " overlaps " + routing::text_of(theirs) +
                                     " of " + beside.name);
        });
        return outcome.has_value();
    });
    return outcome;
}

// Whether those below still have room when a range is as `changed` says; without its numbers when
// that is external no more.
Result<void> check_children(const Catalog& catalog, DomainId domain, const NumberRange* changed,
                            std::string_view field) {
    Result<void> outcome;
    catalog.visit_domains("", [&](const model::Domain& child) {
        if (child.parent != domain) return true;
        visit_external(catalog, child.id, nullptr, [&](const NumberRange& theirs) {
            if (!outcome || has_room(catalog, domain, changed, NumberSpan::of(theirs))) return;
            outcome = make_error(ErrorCode::Conflict, field,
                                 routing::text_of(theirs) + " has been handed down to " +
                                     child.name + ", and would be in no range of this domain");
        });
        return outcome.has_value();
    });
    return outcome;
}

}  // namespace

Result<void> check_own_rules(const Catalog& catalog, const NumberRange& range, Fresh fresh) {
    TRY(check_bounds(range));
    const NumberSpan mine = NumberSpan::of(range);
    Result<void> outcome;
    catalog.visit<NumberRange>(range.domain, [&](const NumberRange& other) {
        if (other.id == range.id || !NumberSpan::of(other).meets(mine)) return true;
        outcome = make_error(ErrorCode::Conflict, field_of(range),
                             "overlaps another range of the domain");
        return false;
    });
    TRY(outcome);
    const auto* domain = catalog.find_domain(range.domain);
    if (is_external(range) && domain != nullptr)
        TRY(check_delegated(catalog, range, domain->parent));
    if (fresh == Fresh::Yes) return {};
    return check_children(catalog, range.domain, &range, field_of(range));
}

Result<void> check_unused(const Catalog& catalog, const NumberRange& range) {
    NumberRange gone = range;
    gone.kind = model::NumberKind::Internal;
    return check_children(catalog, range.domain, &gone, "id");
}

Result<void> check_moved_ranges(const Catalog& catalog, const model::Domain& domain) {
    const auto* before = catalog.find_domain(domain.id);
    if (before == nullptr || before->parent == domain.parent) return {};
    Result<void> outcome;
    visit_external(catalog, domain.id, nullptr, [&](const NumberRange& range) {
        if (outcome) outcome = check_delegated(catalog, range, domain.parent);
    });
    if (!outcome) outcome.error().field = "parent";
    return outcome;
}

}  // namespace tandem::roles::store_role
