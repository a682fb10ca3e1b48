// Bounds of STUN messages.
#pragma once

#include <cstddef>

namespace tandem::stun {

inline constexpr size_t kMessageBytesMax =
    1280;                                     // one datagram (RFC 8489 6.1: below the path's MTU)
inline constexpr size_t kAttributesMax = 32;  // a check of ICE has seven
inline constexpr size_t kUsernameBytesMax =
    513;  // RFC 8489 14.3: 509, and room for two fragments' colon
inline constexpr size_t kReasonBytesMax = 128;  // ours are short (RFC 8489 14.8 allows 763)

}  // namespace tandem::stun
