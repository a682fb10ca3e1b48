// Identifiers that a user agent makes up. RFC 3261 8.1.1.4, 8.1.1.7, 19.3.
#pragma once

#include <string>
#include <string_view>

#include "base/rng.h"

namespace tandem::sip {

inline constexpr std::string_view branch_magic_cookie = "z9hG4bK";

inline std::string make_tag(Rng& rng) {
    return rng.token(13);
}  // 67 bits, 19.3 asks for 32
inline std::string make_branch(Rng& rng) {
    return std::string(branch_magic_cookie) + rng.token(16);  // 82 bits
}
inline std::string make_call_id(Rng& rng) {
    return rng.token(24);
}  // 124 bits

}  // namespace tandem::sip
