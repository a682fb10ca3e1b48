// Numbers and ids as octets, the most significant first, and the digits that octets are written in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"

namespace tandem {

// --- In buffers. The caller has checked the bounds.
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

// --- In texts.
inline void append_number(std::string& out, uint64_t number, int octets) {
    for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8)
        out += static_cast<char>(static_cast<uint8_t>(number >> shift));
}
inline uint64_t number_in(std::string_view octets) {  // 8 at most
    uint64_t number = 0;
    for (const char each : octets) number = number << 8 | static_cast<uint8_t>(each);
    return number;
}
inline std::string octets_of(Bits128 bits) {  // 16, which sort as the bits do
    std::string octets;
    append_number(octets, bits.high, 8);
    append_number(octets, bits.low, 8);
    return octets;
}
inline std::optional<Bits128> bits_of(std::string_view octets) {
    if (octets.size() != 16) return std::nullopt;
    return Bits128{number_in(octets.substr(0, 8)), number_in(octets.substr(8))};
}

// Either case; -1: it is none.
inline int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace tandem
