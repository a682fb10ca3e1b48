#include "base/net_address.h"

#include <arpa/inet.h>  // inet_pton and inet_ntop are pure conversions

#include <bit>
#include <charconv>
#include <cstring>

namespace tandem {
namespace {

std::optional<unsigned> parse_number(std::string_view text, unsigned max) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value > max)
        return std::nullopt;
    return value;
}

bool in(const IpAddress& address, const char* network) {
    return IpNetwork::parse(network)->contains(address);
}

}  // namespace

bool IpAddress::is_loopback() const {
    if (family == AddressFamily::V4) return octets[0] == 127;
    std::array<uint8_t, 16> one{};
    one[15] = 1;
    return octets == one;
}

bool IpAddress::is_multicast() const {
    return family == AddressFamily::V4 ? (octets[0] & 0xf0) == 0xe0 : octets[0] == 0xff;
}

bool IpAddress::is_private() const {
    if (is_loopback()) return true;
    if (family == AddressFamily::V6) return in(*this, "fc00::/7") || in(*this, "fe80::/10");
    return in(*this, "10.0.0.0/8") || in(*this, "172.16.0.0/12") || in(*this, "192.168.0.0/16") ||
           in(*this, "100.64.0.0/10") || in(*this, "169.254.0.0/16");
}

std::string IpAddress::text() const {
    char buffer[INET6_ADDRSTRLEN];
    const int kind = family == AddressFamily::V4 ? AF_INET : AF_INET6;
    inet_ntop(kind, octets.data(), buffer, sizeof buffer);
    return buffer;
}

std::string IpAddress::text_bracketed() const {
    return family == AddressFamily::V4 ? text() : "[" + text() + "]";
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
        text = text.substr(1, text.size() - 2);
    }
    char buffer[INET6_ADDRSTRLEN + 1];
    if (text.empty() || text.size() >= sizeof buffer) return std::nullopt;
    std::memcpy(buffer, text.data(), text.size());
    buffer[text.size()] = '\0';
    IpAddress address;
    if (inet_pton(AF_INET, buffer, address.octets.data()) == 1) return address;
    address.family = AddressFamily::V6;
    if (inet_pton(AF_INET6, buffer, address.octets.data()) != 1) return std::nullopt;
    static constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::memcmp(address.octets.data(), mapped, 12) == 0) {
        IpAddress v4;
        std::memcpy(v4.octets.data(), address.octets.data() + 12, 4);
        return v4;
    }
    return address;
}

std::string SocketAddress::text() const {
    return ip.text_bracketed() + ":" + std::to_string(port);
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto ip = IpAddress::parse(text.substr(0, colon));
    const auto port = parse_number(text.substr(colon + 1), 65535);
    if (!ip || !port) return std::nullopt;
    if (ip->family == AddressFamily::V6 && text.front() != '[') return std::nullopt;
    return SocketAddress{*ip, static_cast<uint16_t>(*port)};
}

bool IpNetwork::contains(const IpAddress& address) const {
    if (address.family != ip.family) return false;
    const size_t whole = prefix_length / 8;
    if (std::memcmp(address.octets.data(), ip.octets.data(), whole) != 0) return false;
    const unsigned rest = prefix_length % 8;
    if (rest == 0) return true;
    const auto mask = static_cast<uint8_t>(0xff << (8 - rest));
    return (address.octets[whole] & mask) == (ip.octets[whole] & mask);
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
    const size_t slash = text.find('/');
    const auto ip = IpAddress::parse(text.substr(0, slash));
    if (!ip) return std::nullopt;
    const unsigned bits = ip->family == AddressFamily::V4 ? 32 : 128;
    if (slash == std::string_view::npos) return IpNetwork{*ip, static_cast<uint8_t>(bits)};
    const auto prefix = parse_number(text.substr(slash + 1), bits);
    if (!prefix) return std::nullopt;
    return IpNetwork{*ip, static_cast<uint8_t>(*prefix)};
}

namespace {

int common_prefix(const IpAddress& a, const IpAddress& b) {
    for (size_t i = 0; i < a.octets.size(); ++i) {
        const auto differing = static_cast<uint8_t>(a.octets[i] ^ b.octets[i]);
        if (differing != 0) return static_cast<int>(i) * 8 + std::countl_zero(differing);
    }
    return 128;
}

}  // namespace

const IpAddress* nearest_of(std::span<const IpAddress> own, const IpAddress& remote) {
    const IpAddress* nearest = nullptr;
    for (const IpAddress& each : own) {
        if (each.family != remote.family) continue;
        const bool is_nearer =
            nearest == nullptr || common_prefix(each, remote) > common_prefix(*nearest, remote);
        if (is_nearer) nearest = &each;
    }
    return nearest;
}

}  // namespace tandem
