// Network addresses as values: no sockets, no look-ups.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tandem {

enum class AddressFamily : uint8_t { V4, V6 };

// An IPv4 or IPv6 address. IPv4-mapped IPv6 (::ffff:a.b.c.d) is stored as IPv4.
struct IpAddress {
    AddressFamily family = AddressFamily::V4;
    std::array<uint8_t, 16> octets{};  // IPv4 in the first four

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
    bool is_unspecified() const { return octets == std::array<uint8_t, 16>{}; }
    bool is_loopback() const;
    bool is_multicast() const;
    // RFC 1918, RFC 6598, RFC 4193, link-local and loopback.
    bool is_private() const;
    std::string text() const;            // RFC 5952 for IPv6, without brackets
    std::string text_bracketed() const;  // as in a SIP URI: [2001:db8::1]
    static std::optional<IpAddress> parse(std::string_view text);  // brackets allowed
};

// The one of `own` that shares most leading bits with `remote`; nullptr: none is of its family. The
// kernel would choose by its routes; this says the same for any sane addressing, and needs no
// system call.
const IpAddress* nearest_of(std::span<const IpAddress> own, const IpAddress& remote);

struct SocketAddress {
    IpAddress ip;
    uint16_t port = 0;

    friend auto operator<=>(const SocketAddress&, const SocketAddress&) = default;
    std::string text() const;  // "192.0.2.1:5060", "[2001:db8::1]:5060"
    static std::optional<SocketAddress> parse(std::string_view text);
};

// "10.0.0.0/8", "2001:db8::/32"; a bare address is a network of one.
struct IpNetwork {
    IpAddress ip;
    uint8_t prefix_length = 0;

    bool contains(const IpAddress& address) const;
    static std::optional<IpNetwork> parse(std::string_view text);
};

}  // namespace tandem

template <>
struct std::hash<tandem::SocketAddress> {
    size_t operator()(const tandem::SocketAddress& address) const noexcept {
        uint64_t words[2];
        __builtin_memcpy(words, address.ip.octets.data(), 16);
        return static_cast<size_t>((words[0] ^ (words[1] * 0x9e3779b97f4a7c15) ^ address.port) *
                                   0xff51afd7ed558ccd);
    }
};
