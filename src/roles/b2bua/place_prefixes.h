// What the prefixes of a domain make of a number that has no meaning in its plan: a place in a call
// that is there.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "model/generated/domain.h"
#include "roles/b2bua/limits.h"
#include "store/catalog_names.h"

namespace tandem::roles::b2bua {

enum class PlaceMeant : uint8_t {
    None,
    Parked,   // in a slot, whose caller is fetched
    Ringing,  // somebody's, who rings
};

// Whether it is the park prefix and the digits of a slot.
inline bool is_slot(const model::DomainSettings& settings, std::string_view dialled) {
    const std::string_view prefix = settings.park_prefix;
    if (prefix.empty() || !dialled.starts_with(prefix)) return false;
    const std::string_view digits = dialled.substr(prefix.size());
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return !digits.empty() && digits.size() <= kSlotDigitsMax &&
           std::ranges::all_of(digits, is_digit);
}

inline PlaceMeant place_meant(const model::DomainSettings& settings, std::string_view dialled) {
    if (is_slot(settings, dialled)) return PlaceMeant::Parked;
    const std::string_view prefix = settings.pickup_prefix;
    const bool picks_up = !prefix.empty() && dialled.starts_with(prefix);
    return picks_up ? PlaceMeant::Ringing : PlaceMeant::None;
}

// Of PlaceMeant::Ringing: at whose phones; empty: anybody's.
inline std::string_view rung_number(const model::DomainSettings& settings,
                                    std::string_view dialled) {
    return dialled.substr(settings.pickup_prefix.size());
}

// Whose it is; nil: anybody's. nullopt: nobody has it.
inline std::optional<AccountId> rung_account(const store::Catalog& catalog, DomainId domain,
                                             std::string_view number) {
    if (number.empty()) return AccountId{};
    const auto* named = store::account_by_number_or_login(catalog, domain, number);
    return named == nullptr ? std::nullopt : std::optional(named->id);
}

}  // namespace tandem::roles::b2bua
