#include "stun/message.h"

#include <algorithm>
#include <cstring>

#include "base/crypto.h"
#include "base/octets.h"

namespace tandem::stun {
namespace {

constexpr uint32_t kFingerprintMask = 0x5354554e;
constexpr size_t kIntegrityBytes = 20;
constexpr size_t kFingerprintBytes = 4;
constexpr uint8_t kFamily4 = 1, kFamily6 = 2;
constexpr std::array kKnown{
    AttributeType::MappedAddress, AttributeType::Username, AttributeType::MessageIntegrity,
    AttributeType::ErrorCode,     AttributeType::Realm,    AttributeType::UnknownAttributes,
    AttributeType::Nonce,         AttributeType::Priority, AttributeType::XorMappedAddress,
    AttributeType::UseCandidate};

size_t padded(size_t bytes) {
    return (bytes + 3) / 4 * 4;
}

// ISO 3309, the polynomial of Ethernet, bit-reversed.
constexpr std::array<uint32_t, 256> crc_table() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ 0xEDB88320 : value >> 1;
        table[i] = value;
    }
    return table;
}
constexpr auto kCrcTable = crc_table();

// CRC-32 of a header whose length reads `length`, and of what follows it.
uint32_t crc_of(BytesView message, uint16_t length) {
    uint8_t header[4] = {message[0], message[1]};
    store16(header + 2, length);
    uint32_t crc = 0xffffffff;
    const auto add = [&](BytesView bytes) {
        for (const uint8_t byte : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ byte) & 0xff];
    };
    add(header);
    add(message.subspan(4));
    return ~crc;
}

// HMAC-SHA1 of a message (up to an attribute) whose header's length reads `length`.
std::array<uint8_t, 20> hmac_of(BytesView key, BytesView message, uint16_t length) {
    std::array<uint8_t, kMessageBytesMax> copy;
    std::memcpy(copy.data(), message.data(), message.size());
    store16(&copy[2], length);
    return hmac_sha1(key, BytesView(copy).first(message.size()));
}

// The mask of XOR-MAPPED-ADDRESS: magic cookie, then the transaction (14.2).
std::array<uint8_t, 16> mask_of(const TransactionId& transaction) {
    std::array<uint8_t, 16> mask;
    store32(mask.data(), kMagicCookie);
    std::memcpy(&mask[4], transaction.data(), transaction.size());
    return mask;
}

std::optional<SocketAddress> read_address(BytesView value, const std::array<uint8_t, 16>& mask) {
    if (value.size() < 4) return std::nullopt;
    const size_t bytes = value[1] == kFamily4 ? 4 : value[1] == kFamily6 ? 16 : 0;
    if (bytes == 0 || value.size() != 4 + bytes) return std::nullopt;
    SocketAddress address;
    address.ip.family = bytes == 4 ? AddressFamily::V4 : AddressFamily::V6;
    address.port = load16(&value[2]) ^ load16(mask.data());
    for (size_t i = 0; i < bytes; ++i) address.ip.octets[i] = value[4 + i] ^ mask[i];
    return address;
}

Error malformed(std::string_view what, size_t offset) {
    Error error = make_error(ErrorCode::Malformed, "stun", what);
    error.offset = offset;
    return error;
}

}  // namespace

//  0                   1                   2                   3
// |0 0|   method and class        |         length                |
// |                         magic cookie                          |
// |                     transaction (96 bits)                     |   RFC 8489 5
Result<Message> Message::parse(BytesView datagram) {
    if (datagram.size() < kHeaderBytes || datagram[0] >> 6 != 0)
        return malformed("not a STUN header", 0);
    if (datagram.size() > kMessageBytesMax) return malformed("longer than 1280 bytes", 0);
    if (load32(&datagram[4]) != kMagicCookie) return malformed("the magic cookie is wrong", 4);
    if (load16(&datagram[2]) != datagram.size() - kHeaderBytes || datagram.size() % 4 != 0)
        return malformed("the length is wrong", 2);
    Message message;
    message.bytes_ = datagram;
    const uint16_t type = load16(datagram.data());
    message.class_ = static_cast<Class>((type >> 7 & 2) | (type >> 4 & 1));
    message.method_ =
        static_cast<uint16_t>((type & 0x000f) | (type & 0x00e0) >> 1 | (type & 0x3e00) >> 2);
    std::memcpy(message.transaction_.data(), &datagram[8], message.transaction_.size());
    size_t at = kHeaderBytes;
    while (at < datagram.size()) {
        const size_t length = load16(&datagram[at + 2]);
        if (at + 4 + padded(length) > datagram.size()) return malformed("an attribute is cut", at);
        if (message.count_ == kAttributesMax) return malformed("more than 32 attributes", at);
        const auto kind = static_cast<AttributeType>(load16(&datagram[at]));
        message.attributes_[message.count_++] = {kind, datagram.subspan(at + 4, length), at};
        at += 4 + padded(length);
        if (kind == AttributeType::Fingerprint && at != datagram.size())
            return malformed("FINGERPRINT is not last", at);
    }
    return message;
}

const Attribute* Message::find(AttributeType type) const {
    for (const Attribute& attribute : attributes()) {
        if (attribute.type == type) return &attribute;
        if (attribute.type == AttributeType::MessageIntegrity && type != AttributeType::Fingerprint)
            return nullptr;
    }
    return nullptr;
}

std::optional<std::string_view> Message::username() const {
    const Attribute* attribute = find(AttributeType::Username);
    if (attribute == nullptr || attribute->value.size() > kUsernameBytesMax) return std::nullopt;
    return as_text(attribute->value);
}

std::optional<SocketAddress> Message::mapped_address() const {
    if (const Attribute* attribute = find(AttributeType::XorMappedAddress))
        return read_address(attribute->value, mask_of(transaction_));
    if (const Attribute* attribute = find(AttributeType::MappedAddress))
        return read_address(attribute->value, {});
    return std::nullopt;
}

std::optional<uint32_t> Message::priority() const {
    const Attribute* attribute = find(AttributeType::Priority);
    if (attribute == nullptr || attribute->value.size() != 4) return std::nullopt;
    return load32(attribute->value.data());
}

// |  21 bits reserved  | class (3) | number (8) | reason   14.8
std::optional<int> Message::error_code() const {
    const Attribute* attribute = find(AttributeType::ErrorCode);
    if (attribute == nullptr || attribute->value.size() < 4) return std::nullopt;
    const int hundreds = attribute->value[2] & 7, rest = attribute->value[3];
    if (hundreds < 3 || hundreds > 6 || rest > 99) return std::nullopt;
    return hundreds * 100 + rest;
}

bool Message::has_integrity(BytesView key) const {
    const Attribute* attribute = find(AttributeType::MessageIntegrity);
    if (attribute == nullptr || attribute->value.size() != kIntegrityBytes) return false;
    const size_t end = attribute->offset + 4 + kIntegrityBytes;
    const auto expected =
        hmac_of(key, bytes_.first(attribute->offset), static_cast<uint16_t>(end - kHeaderBytes));
    return equals_constant_time(expected, attribute->value);
}

bool Message::has_fingerprint() const {
    const Attribute* attribute = find(AttributeType::Fingerprint);
    if (attribute == nullptr || attribute->value.size() != kFingerprintBytes) return false;
    const uint32_t crc = crc_of(bytes_.first(attribute->offset), load16(&bytes_[2]));
    return load32(attribute->value.data()) == (crc ^ kFingerprintMask);
}

size_t Message::unknown_required(std::span<uint16_t> out) const {
    size_t count = 0;
    for (const Attribute& attribute : attributes()) {
        const auto type = static_cast<uint16_t>(attribute.type);
        const bool known =
            type >= 0x8000 || std::ranges::find(kKnown, attribute.type) != kKnown.end();
        if (!known && count < out.size()) out[count++] = type;
        if (attribute.type == AttributeType::MessageIntegrity) break;
    }
    return count;
}

Writer::Writer(std::span<uint8_t> buffer, Class message_class, uint16_t method,
               const TransactionId& transaction)
    : buffer_(buffer.first(std::min(buffer.size(), kMessageBytesMax))) {
    if (buffer_.size() < kHeaderBytes) {
        ok_ = false;
        return;
    }
    const auto bits = static_cast<uint16_t>(message_class);
    const auto type =
        static_cast<uint16_t>((method & 0x000f) | (method & 0x0070) << 1 | (method & 0x0f80) << 2 |
                              (bits & 1) << 4 | (bits & 2) << 7);
    store16(buffer_.data(), type);
    store16(&buffer_[2], 0);
    store32(&buffer_[4], kMagicCookie);
    std::memcpy(&buffer_[8], transaction.data(), transaction.size());
    size_ = kHeaderBytes;
}

// The header and padding of an attribute, written; nullptr when it does not fit.
uint8_t* Writer::begin(AttributeType type, size_t value_bytes) {
    const size_t total = 4 + padded(value_bytes);
    if (!ok_ || buffer_.size() - size_ < total) {
        ok_ = false;
        return nullptr;
    }
    uint8_t* at = &buffer_[size_];
    std::memset(at, 0, total);
    store16(at, static_cast<uint16_t>(type));
    store16(at + 2, static_cast<uint16_t>(value_bytes));
    size_ += total;
    set_length(size_);
    return at + 4;
}

void Writer::set_length(size_t attributes_end) {
    store16(&buffer_[2], static_cast<uint16_t>(attributes_end - kHeaderBytes));
}

void Writer::bytes(AttributeType type, BytesView value) {
    uint8_t* at = begin(type, value.size());
    if (at != nullptr && !value.empty()) std::memcpy(at, value.data(), value.size());
}

void Writer::number32(AttributeType type, uint32_t value) {
    if (uint8_t* at = begin(type, 4)) store32(at, value);
}

void Writer::number64(AttributeType type, uint64_t value) {
    uint8_t* at = begin(type, 8);
    if (at == nullptr) return;
    store32(at, static_cast<uint32_t>(value >> 32));
    store32(at + 4, static_cast<uint32_t>(value));
}

void Writer::xor_address(AttributeType type, const SocketAddress& address) {
    const bool v4 = address.ip.family == AddressFamily::V4;
    const size_t length = v4 ? 4 : 16;
    uint8_t* at = begin(type, 4 + length);
    if (at == nullptr) return;
    TransactionId transaction;
    std::memcpy(transaction.data(), &buffer_[8], transaction.size());
    const auto mask = mask_of(transaction);
    at[1] = v4 ? kFamily4 : kFamily6;
    store16(at + 2, address.port ^ load16(mask.data()));
    for (size_t i = 0; i < length; ++i) at[4 + i] = address.ip.octets[i] ^ mask[i];
}

void Writer::error(int code, std::string_view reason) {
    reason = reason.substr(0, kReasonBytesMax);
    uint8_t* at = begin(AttributeType::ErrorCode, 4 + reason.size());
    if (at == nullptr) return;
    at[2] = static_cast<uint8_t>(code / 100);
    at[3] = static_cast<uint8_t>(code % 100);
    std::memcpy(at + 4, reason.data(), reason.size());
}

void Writer::unknown_attributes(std::span<const uint16_t> types) {
    uint8_t* at = begin(AttributeType::UnknownAttributes, 2 * types.size());
    if (at == nullptr) return;
    for (size_t i = 0; i < types.size(); ++i) store16(at + 2 * i, types[i]);
}

void Writer::integrity(BytesView key) {
    const size_t before = size_;
    uint8_t* at = begin(AttributeType::MessageIntegrity, kIntegrityBytes);
    if (at == nullptr) return;
    const auto mac =
        hmac_of(key, buffer_.first(before), static_cast<uint16_t>(size_ - kHeaderBytes));
    std::memcpy(at, mac.data(), mac.size());
}

void Writer::fingerprint() {
    const size_t before = size_;
    uint8_t* at = begin(AttributeType::Fingerprint, kFingerprintBytes);
    if (at == nullptr) return;
    const auto length = static_cast<uint16_t>(size_ - kHeaderBytes);
    store32(at, crc_of(buffer_.first(before), length) ^ kFingerprintMask);
}

BytesView answer_binding(BytesView datagram, const SocketAddress& source, std::span<uint8_t> out) {
    const auto request = Message::parse(datagram);
    if (!request || request->message_class() != Class::Request || request->method() != kBinding)
        return {};
    if (request->has(AttributeType::Fingerprint) && !request->has_fingerprint()) return {};
    std::array<uint16_t, 8> unknown;
    const size_t count = request->unknown_required(unknown);
    Writer writer(out, count == 0 ? Class::Success : Class::Error, kBinding,
                  request->transaction());
    if (count == 0) {
        writer.xor_address(AttributeType::XorMappedAddress, source);
    } else {
        writer.error(420, "Unknown Attribute");  // 6.3.1
        writer.unknown_attributes(std::span(unknown).first(count));
    }
    if (request->has(AttributeType::Fingerprint)) writer.fingerprint();
    return writer.written();
}

}  // namespace tandem::stun
