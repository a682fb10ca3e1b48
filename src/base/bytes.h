// Bytes and their textual forms.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem {

using Bytes = std::vector<uint8_t>;
using BytesView = std::span<const uint8_t>;

inline std::string_view as_text(BytesView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline BytesView as_bytes(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string hex_encode(BytesView bytes);                    // lower case
std::optional<Bytes> hex_decode(std::string_view text);     // either case
std::string base64_encode(BytesView bytes);                 // RFC 4648 4, padded
std::optional<Bytes> base64_decode(std::string_view text);  // padded; strict

// ASCII only, as SIP compares tokens (RFC 3261 7.3.1).
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);
std::string_view trim(std::string_view text);  // spaces, tabs, CR, LF at both ends

// Compares without a timing that depends on where the difference is. Unequal sizes are unequal.
bool equals_constant_time(BytesView a, BytesView b);

}  // namespace tandem
