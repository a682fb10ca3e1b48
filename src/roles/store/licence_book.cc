#include "roles/store/licence_book.h"

#include <algorithm>
#include <string>

#include "roles/store/limits.h"
#include "routing/number_ranges.h"

namespace tandem::roles::store_role {
namespace {

using store::Catalog;
using store::Holder;
using store::Quantity;

std::string licence_field(Quantity quantity) {
    return "licence." + std::string(field_of(quantity));
}

Error too_little(std::string field, const Catalog& catalog, const Holder& holder,
                 const Claim& wanted, int64_t taken) {
    const auto* domain = catalog.find_domain(holder.domain);
    const std::string name = domain == nullptr ? std::string("above") : domain->name;
    return make_error(ErrorCode::Forbidden, field,
                      "the domain " + name + " has " + std::to_string(holder.amount) + ", and " +
                          std::to_string(taken + wanted.amount) +
                          " are needed: " + std::to_string(taken) + " in use or handed on, and " +
                          std::to_string(wanted.amount) + " more");
}

bool may_clash(const model::NumberRange& one, const model::NumberRange& other) {
    const bool are_external =
        one.kind == model::NumberKind::External && other.kind == model::NumberKind::External;
    return one.domain == other.domain || are_external;
}

Result<void> claim(LicenceScope scope, const Holder& holder, const Claim& wanted, std::string field,
                   Claims& claims) {
    const int64_t taken = scope.book.taken(scope.catalog, holder.domain, wanted.quantity);
    if (wanted.amount > 0 && taken + wanted.amount > holder.amount)
        return too_little(std::move(field), scope.catalog, holder, wanted, taken);
    if (wanted.amount != 0) claims.push_back(wanted);
    return {};
}

// Whom a domain draws on when it names nothing itself.
std::optional<Holder> holder_above(const Catalog& catalog, DomainId domain, Quantity quantity) {
    const auto* entity = catalog.find_domain(domain);
    if (entity == nullptr || !entity->parent) return std::nullopt;
    return holder_of(catalog, *entity->parent, quantity);
}

}  // namespace

int64_t LicenceBook::taken(const Catalog& catalog, DomainId holder, Quantity quantity) {
    const Place place{holder, quantity};
    if (counted_.size() >= counted_zones_max) counted_.clear();
    const auto [found, is_new] = counted_.try_emplace(place);
    if (is_new || found->second.revision != catalog.revision())
        found->second = {catalog.revision(), zone_use(catalog, holder, quantity).sum()};
    const auto claimed = claimed_.find(place);
    return found->second.sum + (claimed == claimed_.end() ? 0 : claimed->second);
}

void LicenceBook::hold(const Claims& claims) {
    for (const Claim& each : claims) {
        if (each.range)
            ranges_.push_back(*each.range);
        else
            claimed_[{each.holder, each.quantity}] += each.amount;
    }
}

void LicenceBook::release(const Claims& claims) {
    for (const Claim& each : claims) {
        if (each.range) {
            const auto written = std::ranges::find(ranges_, *each.range);
            if (written != ranges_.end()) ranges_.erase(written);
            continue;
        }
        const auto found = claimed_.find({each.holder, each.quantity});
        if (found == claimed_.end()) continue;
        found->second -= each.amount;
        if (found->second == 0) claimed_.erase(found);
    }
}

const model::NumberRange* LicenceBook::range_being_written(const model::NumberRange& beside) const {
    const auto span = routing::NumberSpan::of(beside);
    for (const model::NumberRange& each : ranges_)
        if (each.id != beside.id && may_clash(each, beside) &&
            routing::NumberSpan::of(each).meets(span))
            return &each;
    return nullptr;
}

Result<void> claim_one(LicenceScope scope, DomainId domain, Quantity quantity, Claims& claims) {
    return claim_some(scope, domain, {quantity, 1}, claims);
}

Result<void> claim_some(LicenceScope scope, DomainId domain, Wanted wanted, Claims& claims) {
    const auto holder = holder_of(scope.catalog, domain, wanted.quantity);
    if (!holder) return {};
    return claim(scope, *holder, {holder->domain, wanted.quantity, wanted.amount},
                 licence_field(wanted.quantity), claims);
}

Result<void> claim_licence(LicenceScope scope, const model::Licence& before,
                           const model::Licence& after, Claims& claims) {
    for (const Quantity quantity : store::all_quantities()) {
        const auto old_amount = amount_in(before, quantity);
        const auto new_amount = amount_in(after, quantity);
        if (old_amount == new_amount) continue;
        const int64_t taken = scope.book.taken(scope.catalog, after.domain, quantity);
        if (new_amount && *new_amount < taken)
            return make_error(
                ErrorCode::Conflict, field_of(quantity),
                "must be at least " + std::to_string(taken) + ", which are in use or handed on");
        const auto holder = holder_above(scope.catalog, after.domain, quantity);
        if (!holder) continue;
        const int64_t more = new_amount.value_or(taken) - old_amount.value_or(taken);
        if (more <= 0) continue;
        TRY(claim(scope, *holder, {holder->domain, quantity, more}, std::string(field_of(quantity)),
                  claims));
    }
    return {};
}

Result<void> claim_move(LicenceScope scope, const model::Domain& before, const model::Domain& after,
                        Claims& claims) {
    if (before.parent == after.parent || !after.parent) return {};
    for (const Quantity quantity : store::all_quantities()) {
        const auto holder = holder_of(scope.catalog, *after.parent, quantity);
        if (!holder) continue;
        const auto former = holder_above(scope.catalog, before.id, quantity);
        if (former && former->domain == holder->domain) continue;
        const auto own = own_amount(scope.catalog, before.id, quantity);
        int64_t needed = own ? *own : scope.book.taken(scope.catalog, before.id, quantity);
        if (quantity == Quantity::ChildDomains) ++needed;
        TRY(claim(scope, *holder, {holder->domain, quantity, needed}, licence_field(quantity),
                  claims));
    }
    return {};
}

}  // namespace tandem::roles::store_role
