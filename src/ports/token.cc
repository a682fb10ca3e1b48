#include "ports/token.h"

#include <array>

namespace tandem::ports {
namespace {

constexpr char kBase32[] = "abcdefghijklmnopqrstuvwxyz234567";
constexpr size_t kOctets = 14;  // owner 2, unique 8, check 4
constexpr size_t kLetters = (kOctets * 8 + 4) / 5;

using Octets = std::array<uint8_t, kOctets>;

Octets octets_of(const Token& token, SipHashKey key) {
    Octets octets{};
    octets[0] = static_cast<uint8_t>(token.owner.number >> 8);
    octets[1] = static_cast<uint8_t>(token.owner.number);
    for (size_t i = 0; i < 8; ++i)
        octets[2 + i] = static_cast<uint8_t>(token.unique >> (56 - 8 * i));
    key.k0 ^= static_cast<uint8_t>(token.kind);  // the kind is bound in without being spelt out
    const uint64_t check = siphash(key, {octets.data(), 10});
    for (size_t i = 0; i < 4; ++i) octets[10 + i] = static_cast<uint8_t>(check >> (8 * i));
    return octets;
}

int letter_value(char c) {
    if (c >= 'a' && c <= 'z') return c - 'a';
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= '2' && c <= '7') return c - '2' + 26;
    return -1;
}

std::optional<Octets> decode(std::string_view text) {
    Octets octets{};
    uint32_t buffer = 0;
    unsigned bits = 0;
    size_t n = 0;
    for (const char c : text) {
        const int value = letter_value(c);
        if (value < 0) return std::nullopt;
        buffer = buffer << 5 | static_cast<uint32_t>(value);
        bits += 5;
        if (bits >= 8 && n < kOctets) {
            bits -= 8;
            octets[n++] = static_cast<uint8_t>(buffer >> bits);
        }
    }
    return octets;
}

}  // namespace

std::string TokenMint::text(const Token& token) const {
    const Octets octets = octets_of(token, key_);
    std::string text;
    text.reserve(kMagicCookie.size() + 1 + kLetters);
    if (token.kind == TokenKind::Branch) text += kMagicCookie;
    text += static_cast<char>(token.kind);
    uint32_t buffer = 0;
    unsigned bits = 0;
    for (const uint8_t octet : octets) {
        buffer = buffer << 8 | octet;
        bits += 8;
        while (bits >= 5) {
            bits -= 5;
            text += kBase32[buffer >> bits & 31];
        }
    }
    if (bits > 0) text += kBase32[buffer << (5 - bits) & 31];
    return text;
}

std::optional<Token> TokenMint::read(TokenKind kind, std::string_view text) const {
    if (kind == TokenKind::Branch && text.starts_with(kMagicCookie)) {
        text.remove_prefix(kMagicCookie.size());
    }
    if (text.size() != 1 + kLetters || text[0] != static_cast<char>(kind)) return std::nullopt;
    const auto octets = decode(text.substr(1));
    if (!octets) return std::nullopt;
    Token token{kind, {static_cast<uint16_t>((*octets)[0] << 8 | (*octets)[1])}, 0};
    for (size_t i = 0; i < 8; ++i) token.unique = token.unique << 8 | (*octets)[2 + i];
    if (!equals_constant_time(octets_of(token, key_), *octets)) return std::nullopt;
    return token;
}

}  // namespace tandem::ports
