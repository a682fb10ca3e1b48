// STUN messages (RFC 8489): views of a datagram, and a writer into a buffer. No allocation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/net_address.h"
#include "base/result.h"
#include "stun/limits.h"

namespace tandem::stun {

enum class Class : uint8_t { Request, Indication, Success, Error };
inline constexpr uint16_t kBinding = 0x001;
inline constexpr uint32_t kMagicCookie = 0x2112A442;
inline constexpr size_t kHeaderBytes = 20;

enum class AttributeType : uint16_t {
    MappedAddress = 0x0001,
    Username = 0x0006,
    MessageIntegrity = 0x0008,
    ErrorCode = 0x0009,
    UnknownAttributes = 0x000A,
    Realm = 0x0014,
    Nonce = 0x0015,
    XorMappedAddress = 0x0020,
    Priority = 0x0024,  // RFC 8445 16.1
    UseCandidate = 0x0025,
    Software = 0x8022,
    AlternateServer = 0x8023,
    Fingerprint = 0x8028,
    IceControlled = 0x8029,
    IceControlling = 0x802A,
};

using TransactionId = std::array<uint8_t, 12>;

struct Attribute {
    AttributeType type{};  // may be a value without a name
    BytesView value;       // without padding
    size_t offset = 0;     // of its header in the message
};

// A parsed message. Views live as long as the datagram.
class Message {
 public:
    // Malformed: no STUN header, lengths that do not add up, attributes behind FINGERPRINT.
    static Result<Message> parse(BytesView datagram);

    Class message_class() const { return class_; }
    uint16_t method() const { return method_; }
    const TransactionId& transaction() const { return transaction_; }
    std::span<const Attribute> attributes() const { return {attributes_.data(), count_}; }
    // The first of its type; those behind MESSAGE-INTEGRITY, but for FINGERPRINT, do not count
    // (14.5).
    const Attribute* find(AttributeType type) const;

    std::optional<std::string_view> username() const;
    std::optional<SocketAddress> mapped_address() const;  // XOR-MAPPED-ADDRESS, else MAPPED-ADDRESS
    std::optional<uint32_t> priority() const;
    std::optional<int> error_code() const;  // 300..699
    bool has(AttributeType type) const { return find(type) != nullptr; }

    // HMAC-SHA1 over the message up to the attribute, with the length as if it ended there (14.5).
    bool has_integrity(BytesView key) const;
    // CRC-32 XOR 0x5354554e (14.7).
    bool has_fingerprint() const;
    // Types below 0x8000 that we do not know: an agent must refuse them (6.3.1).
    size_t unknown_required(std::span<uint16_t> out) const;

 private:
    BytesView bytes_;
    Class class_ = Class::Request;
    uint16_t method_ = 0;
    TransactionId transaction_{};
    std::array<Attribute, kAttributesMax> attributes_{};
    size_t count_ = 0;
};

// Builds one message in the caller's buffer. What does not fit turns ok() false.
class Writer {
 public:
    Writer(std::span<uint8_t> buffer, Class message_class, uint16_t method,
           const TransactionId& transaction);

    void bytes(AttributeType type, BytesView value);
    void text(AttributeType type, std::string_view value) { bytes(type, as_bytes(value)); }
    void number32(AttributeType type, uint32_t value);
    void number64(AttributeType type, uint64_t value);
    void flag(AttributeType type) { bytes(type, {}); }
    void xor_address(AttributeType type, const SocketAddress& address);
    void error(int code, std::string_view reason);
    void unknown_attributes(std::span<const uint16_t> types);
    void integrity(BytesView key);
    void fingerprint();

    bool ok() const { return ok_; }
    BytesView written() const { return buffer_.first(ok_ ? size_ : 0); }

 private:
    uint8_t* begin(AttributeType type, size_t value_bytes);
    void set_length(size_t attributes_end);

    std::span<uint8_t> buffer_;
    size_t size_ = 0;
    bool ok_ = true;
};

// The answer to a Binding request without credentials: the address that it came from. For SIP
// keep-alives (RFC 5626 4.4.2, 8) and for servers without ICE. Empty: the datagram deserves none.
// `out` has 128 bytes.
BytesView answer_binding(BytesView datagram, const SocketAddress& source, std::span<uint8_t> out);

}  // namespace tandem::stun
