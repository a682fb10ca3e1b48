#include "routing/representation.h"

#include "model/generated/domain.h"
#include "routing/explain.h"
#include "routing/number_change.h"
#include "routing/number_ranges.h"
#include "routing/numbering.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

using model::Representation;
using model::RepresentationScope;

bool comes_before(const Representation& one, const Representation& other) {
    return one.order != other.order ? one.order < other.order : one.name < other.name;
}

// Whose are asked, for what, and beside which other domain.
struct Place {
    DomainId domain;
    RepresentationScope scope = RepresentationScope::Inner;
    DomainId other;
};

const Representation* first_of(const store::Catalog& catalog, const Place& place,
                               std::string_view caller) {
    const Representation* best = nullptr;
    catalog.visit<Representation>(place.domain, [&](const Representation& each) {
        const bool is_for = each.enabled && each.scope == place.scope &&
                            (!each.other_domain || *each.other_domain == place.other);
        if (!is_for || (best != nullptr && comes_before(*best, each))) return true;
        const auto mask = model::NumberMask::parse(each.caller);
        if (mask && mask->matches(caller)) best = &each;
        return true;
    });
    return best;
}

DomainId top_of(const store::Catalog& catalog, DomainId domain) {
    for (int level = 0; level < 64; ++level) {
        const auto* entity = catalog.find_domain(domain);
        if (entity == nullptr || !entity->parent) break;
        domain = *entity->parent;
    }
    return domain;
}

}  // namespace

Result<void> check_representation(const Representation& representation) {
    auto mask = model::NumberMask::parse(representation.caller);
    if (!mask) {
        mask.error().field = "caller";
        return mask.error();
    }
    if (representation.scope == RepresentationScope::Global && representation.other_domain)
        return make_error(ErrorCode::OutOfRange, "other_domain", "has no meaning for 'global'");
    return {};
}

std::optional<Shown> represented(const store::Catalog& catalog, const Crossing& crossing,
                                 std::string& reason) {
    const Place places[] = {{crossing.to, RepresentationScope::Cross, crossing.origin},
                            {crossing.from, RepresentationScope::Inner, crossing.to},
                            {crossing.origin, RepresentationScope::Inner, crossing.to},
                            {top_of(catalog, crossing.origin), RepresentationScope::Global, {}}};
    for (const Place& place : places) {
        const Representation* found = first_of(catalog, place, crossing.caller.number);
        if (found == nullptr) continue;
        Shown shown{changed(found->number, crossing.caller.number),
                    changed(found->caller_name, crossing.caller.name)};
        if (shown.number.empty()) continue;
        reason = "The representation '" + found->name + "' of " + name_of(catalog, place.domain) +
                 " shows the caller " + crossing.caller.number + " as " + shown.number + ".";
        return shown;
    }
    return std::nullopt;
}

std::optional<Shown> shown_by_default(const store::Catalog& catalog, const Crossing& crossing,
                                      std::string& reason) {
    const auto* origin = catalog.find_domain(crossing.origin);
    if (origin == nullptr) return std::nullopt;
    const model::NumberingSettings& numbering = origin->settings.numbering;
    for (const std::string& form : forms_of(numbering, crossing.caller.number)) {
        bool is_own = false;
        catalog.visit<model::NumberRange>(crossing.origin, [&](const model::NumberRange& range) {
            is_own = range.kind == model::NumberKind::External && NumberSpan::of(range).holds(form);
            return !is_own;
        });
        if (!is_own) continue;
        reason = "The caller is shown by his number " + form + ", which " + origin->name + " owns.";
        return Shown{form, crossing.caller.name};
    }
    if (numbering.main_number.empty()) return std::nullopt;
    reason = "The caller is shown by the main number " + numbering.main_number + " of " +
             origin->name + ".";
    return Shown{numbering.main_number, crossing.caller.name};
}

}  // namespace tandem::routing
