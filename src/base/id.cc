#include "base/id.h"

#include <charconv>

namespace tandem {

std::string to_hex(Bits128 bits) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text(32, '0');
    for (int i = 0; i < 16; ++i) {
        text[15 - i] = digits[(bits.high >> (4 * i)) & 15];
        text[31 - i] = digits[(bits.low >> (4 * i)) & 15];
    }
    return text;
}

std::optional<Bits128> bits128_from_hex(std::string_view text) {
    if (text.size() != 32) return std::nullopt;
    Bits128 bits;
    const char* begin = text.data();
    const auto high = std::from_chars(begin, begin + 16, bits.high, 16);
    const auto low = std::from_chars(begin + 16, begin + 32, bits.low, 16);
    if (high.ec != std::errc() || high.ptr != begin + 16) return std::nullopt;
    if (low.ec != std::errc() || low.ptr != begin + 32) return std::nullopt;
    return bits;
}

Bits128 mint_bits128(UtcTime now, Rng& rng) {
    const auto ms = static_cast<uint64_t>(now.unix_ms) & 0xffffffffffff;
    return Bits128{(ms << 16) | (rng.next() >> 48), rng.next()};
}

}  // namespace tandem
