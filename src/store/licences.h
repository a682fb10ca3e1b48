// Licences as quantities that are handed down the tree of domains.
//
// A domain whose licence names a quantity holds it: for itself, for what it hands on to domains
// below that name one of their own, and for those below that don't, which draw on the nearest
// domain above that does. So each quantity divides the tree into zones, each with its holder:
//
//   own use in the zone + what the holder has handed on  <=  what it has
//
// A domain with no holder at or above it is not bounded.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "store/catalog.h"

namespace tandem::store {

enum class Quantity : uint8_t {
    Accounts,
    Users,
    Devices,
    Calls,
    CallsIn,
    CallsOut,
    CallRate,
    Trunks,
    Scenarios,
    ChildDomains,
    RecordingStorage,
};
inline constexpr size_t quantity_count = 11;
constexpr std::array<Quantity, quantity_count> all_quantities() {
    std::array<Quantity, quantity_count> all{};
    for (size_t i = 0; i < quantity_count; ++i) all[i] = static_cast<Quantity>(i);
    return all;
}

std::string_view field_of(Quantity quantity);  // "accounts_max", as in the licence
std::optional<int64_t> amount_in(const model::Licence& licence, Quantity quantity);
// What bounds calls over a trunk: Calls, CallsIn, CallsOut, CallRate. 0: nothing, or it has no such
// bound.
int64_t amount_of(const model::Trunk& trunk, Quantity quantity);
// What the licence of the domain itself names.
std::optional<int64_t> own_amount(const Catalog& catalog, DomainId domain, Quantity quantity);

struct Holder {
    DomainId domain;
    int64_t amount = 0;
};
// Whose quantity a domain draws on: a few look-ups. nullopt: it is not bounded.
std::optional<Holder> holder_of(const Catalog& catalog, DomainId domain, Quantity quantity);

struct ZoneUse {
    int64_t used = 0;    // of what the catalog counts; nothing for devices, calls and recordings
    int64_t handed = 0;  // on, to domains below
    int64_t sum() const { return used + handed; }
};
// Of the zone that `root` has, or would have. Looks at every domain: some milliseconds for 10 000.
ZoneUse zone_use(const Catalog& catalog, DomainId root, Quantity quantity);
// The domains in it, the root among them.
std::vector<DomainId> zone_members(const Catalog& catalog, DomainId root, Quantity quantity);

}  // namespace tandem::store
