// Big-endian integers in byte buffers. The caller has checked the bounds.
#pragma once

#include <cstdint>

namespace tandem::rtp {

inline uint16_t load16(const uint8_t* at) {
    return static_cast<uint16_t>(at[0] << 8 | at[1]);
}
inline uint32_t load32(const uint8_t* at) {
    return static_cast<uint32_t>(at[0]) << 24 | static_cast<uint32_t>(at[1]) << 16 |
           static_cast<uint32_t>(at[2]) << 8 | at[3];
}
inline uint64_t load64(const uint8_t* at) {
    return static_cast<uint64_t>(load32(at)) << 32 | load32(at + 4);
}
inline void store16(uint8_t* at, uint16_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
}
inline void store32(uint8_t* at, uint32_t value) {
    store16(at, static_cast<uint16_t>(value >> 16));
    store16(at + 2, static_cast<uint16_t>(value));
}
inline void store64(uint8_t* at, uint64_t value) {
    store32(at, static_cast<uint32_t>(value >> 32));
    store32(at + 4, static_cast<uint32_t>(value));
}

}  // namespace tandem::rtp
