// Tokens: what we write where an outside party only echoes it back (branch, tag, Contact user).
// Each names the role instance that minted it, so that any message finds its owner by reading, and
// carries a keyed check, so that nobody outside can address an instance at will.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "ports/address.h"

namespace tandem::ports {

// Trunk: the user of the Contact that is registered with a provider; `unique` is key_of(trunk), and
// any gate for trunks serves it.
enum class TokenKind : uint8_t {
    Branch = 'b',
    Contact = 'c',
    Tag = 't',
    CallIdHeader = 'i',
    Trunk = 'k',
};

// Of the key of a leg: the lower bits number it in its call, the others are the call's.
inline constexpr unsigned leg_bits = 8;

struct Token {
    TokenKind kind = TokenKind::Branch;
    Instance owner;
    uint64_t unique = 0;  // the owner's own key: a leg, a transaction

    friend bool operator==(const Token&, const Token&) = default;
};

// 24 characters of [a-z0-9]: kind, then base32 (RFC 4648, lower case) of owner (2 octets), unique
// (8) and the first 4 octets of SipHash over both and the kind. Branches get the magic cookie in
// front.
class TokenMint {
 public:
    explicit TokenMint(SipHashKey key) : key_(key) {}
    std::string text(const Token& token) const;
    // nullopt: not ours, of another kind, or forged. A branch may come with or without its cookie.
    std::optional<Token> read(TokenKind kind, std::string_view text) const;

 private:
    SipHashKey key_;
};

inline constexpr std::string_view kMagicCookie = "z9hG4bK";  // RFC 3261 8.1.1.7

}  // namespace tandem::ports
