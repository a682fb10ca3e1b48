#include "wire/codec.h"

#include "wire/reader.h"
#include "wire/writer.h"

namespace tandem::wire {

namespace {
constexpr size_t kV4 = 4;
constexpr size_t kV6 = 16;
constexpr size_t kPort = 2;
constexpr int kVarintBitsMax = 63;
}  // namespace

std::string octets_of(const IpAddress& address) {
    const size_t size = address.family == AddressFamily::V4 ? kV4 : kV6;
    return std::string(reinterpret_cast<const char*>(address.octets.data()), size);
}

std::optional<IpAddress> ip_of(std::string_view octets) {
    if (octets.size() != kV4 && octets.size() != kV6) return std::nullopt;
    IpAddress address;
    address.family = octets.size() == kV4 ? AddressFamily::V4 : AddressFamily::V6;
    std::memcpy(address.octets.data(), octets.data(), octets.size());
    return address;
}

std::string octets_of(const SocketAddress& address) {
    std::string octets = octets_of(address.ip);
    octets.push_back(static_cast<char>(address.port >> 8));
    octets.push_back(static_cast<char>(address.port));
    return octets;
}

std::optional<SocketAddress> address_of(std::string_view octets) {
    if (octets.size() < kPort) return std::nullopt;
    const std::string_view port = octets.substr(octets.size() - kPort);
    const auto ip = ip_of(octets.substr(0, octets.size() - kPort));
    if (!ip) return std::nullopt;
    return SocketAddress{*ip, static_cast<uint16_t>((static_cast<uint8_t>(port[0]) << 8) |
                                                    static_cast<uint8_t>(port[1]))};
}

void Writer::varint(uint64_t value) {
    while (value >= 0x80) {
        out_.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out_.push_back(static_cast<char>(value));
}

void Writer::bytes(uint32_t number, std::string_view value) {
    tag(number, 2);
    varint(value.size());
    out_.append(value);
}

std::optional<uint64_t> Reader::varint() {
    uint64_t value = 0;
    for (int shift = 0; shift <= kVarintBitsMax; shift += 7) {
        if (rest_.empty()) return std::nullopt;
        const auto octet = static_cast<uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        value |= static_cast<uint64_t>(octet & 0x7f) << shift;
        if ((octet & 0x80) == 0) return value;
    }
    return std::nullopt;
}

bool Reader::next() {
    if (budget_.failed || rest_.empty()) return false;
    const auto tag = varint();
    if (!tag || *tag > UINT32_MAX) return fail(), false;
    number_ = static_cast<uint32_t>(*tag >> 3);
    type_ = static_cast<uint32_t>(*tag & 7);
    if (type_ == 0) {
        const auto value = varint();
        if (!value) return fail(), false;
        value_ = *value;
        return true;
    }
    if (type_ == 1) {
        if (rest_.size() < 8) return fail(), false;
        value_ = 0;
        for (size_t i = 8; i-- > 0;) value_ = (value_ << 8) | static_cast<uint8_t>(rest_[i]);
        rest_.remove_prefix(8);
        return true;
    }
    const auto size = type_ == 2 ? varint() : std::nullopt;
    if (!size || *size > rest_.size()) return fail(), false;
    text_ = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return true;
}

uint64_t Reader::number_value() {
    if (type_ != 0) fail();
    return type_ == 0 ? value_ : 0;
}

std::string_view Reader::text_value() {
    if (type_ != 2) fail();
    return type_ == 2 ? text_ : std::string_view();
}

}  // namespace tandem::wire
