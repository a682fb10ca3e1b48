// Identities. Id<Tag> is 128 bits, minted at any site without asking another: 48 bits of
// milliseconds, then 80 random bits, so that ids made later sort later (RFC 9562 5.7 has the same
// idea). Text form: 32 lower-case hex digits.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/rng.h"

namespace tandem {

struct Bits128 {
    uint64_t high = 0;
    uint64_t low = 0;
    friend auto operator<=>(const Bits128&, const Bits128&) = default;
};

std::string to_hex(Bits128 bits);
std::optional<Bits128> bits128_from_hex(std::string_view text);
Bits128 mint_bits128(UtcTime now, Rng& rng);

template <typename Tag>
struct Id {
    Bits128 bits;

    friend auto operator<=>(const Id&, const Id&) = default;
    bool is_nil() const { return bits == Bits128{}; }
    std::string text() const { return to_hex(bits); }
    static std::optional<Id> parse(std::string_view text) {
        const auto bits = bits128_from_hex(text);
        return bits ? std::optional<Id>(Id{*bits}) : std::nullopt;
    }
    static Id mint(UtcTime now, Rng& rng) { return Id{mint_bits128(now, rng)}; }
};

using SiteId = Id<struct SiteTag>;
using ServerId = Id<struct ServerTag>;
using InterfaceId = Id<struct InterfaceTag>;
using RoleInstanceId = Id<struct RoleInstanceTag>;
using DomainId = Id<struct DomainTag>;
using UserId = Id<struct UserTag>;
using AccountId = Id<struct AccountTag>;
using CallId = Id<struct CallTag>;  // ours; the Call-ID header is a string

}  // namespace tandem

template <typename Tag>
struct std::hash<tandem::Id<Tag>> {
    size_t operator()(const tandem::Id<Tag>& id) const noexcept {
        return static_cast<size_t>(id.bits.low ^ (id.bits.high * 0x9e3779b97f4a7c15));
    }
};
