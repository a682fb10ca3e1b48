#include "wire/frame.h"

#include "wire/fields_cluster.h"
#include "wire/fields_media.h"
#include "wire/fields_ports.h"
#include "wire/fields_store.h"
#include "wire/fields_trunks.h"
#include "wire/fields_web.h"
#include "wire/payload_numbers.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace tandem::wire {

namespace {

constexpr size_t kLengthBytes = 4;

// The alternatives of a frame: fields of its outermost message.
constexpr uint32_t kLetter = 1;
constexpr uint32_t kHello = 2;
constexpr uint32_t kHeartbeat = 3;
constexpr uint32_t kJoin = 4;
constexpr uint32_t kJoinReply = 5;
constexpr uint32_t kCertificateRequest = 6;
constexpr uint32_t kCertificateReply = 7;

// Of a letter: 1 from, 2 to, 3 request, the rest is its payload.
constexpr uint32_t kFirstPayload = 10;

void read_payload(Reader& in, ports::Payload& payload, bool& known) {
    ports::Payloads::each([&]<typename T>() {
        if (known || in.number() != payload_number<T>) return;
        T value;
        in.get(value);
        payload = std::move(value);
        known = true;
    });
}

}  // namespace

template <typename A>
void describe(A& a, Hello& v) {
    a(1, v.node);
    a(2, v.version);
    a(4, v.instances);
    a(5, v.runs);
}
template <typename A>
void describe(A& a, JoinReply& v) {
    a(1, v.joined);
    a(2, v.certificate);
    a(3, v.authority);
    a(4, v.site_key);
    a(5, v.admin_token);
    a(6, v.version);
}
template <typename A>
void describe(A& a, CertificateRequest& v) {
    a(1, v.request);
}
template <typename A>
void describe(A& a, CertificateReply& v) {
    a(1, v.certificate);
}
// A letter is written by hand, as its payload is one of many fields.
void describe(Writer& out, ports::Letter& letter) {
    out(1, letter.from);
    out(2, letter.to);
    out(3, letter.request);
    visit([&]<typename T>(const T& payload) { out.put(payload_number<T>, payload); },
          letter.payload);
}

namespace {

struct ReadLetter {
    ports::Letter letter;
    bool known = false;  // it has a payload that we know
};
void describe(Reader& in, ReadLetter& read) {
    in(1, read.letter.from);
    in(2, read.letter.to);
    in(3, read.letter.request);
    if (in.number() >= kFirstPayload) read_payload(in, read.letter.payload, read.known);
}

template <typename T>
Result<void> append(std::string& out, uint32_t number, const T& value) {
    const size_t begin = out.size();
    out.append(kLengthBytes, '\0');
    Writer(out).put(number, value);
    const size_t size = out.size() - begin - kLengthBytes;
    if (size > frame_bytes_max) {
        out.resize(begin);
        return make_error(ErrorCode::TooLarge, "frame", "a frame has at most 16 MiB");
    }
    for (size_t i = 0; i < kLengthBytes; ++i) {
        out[begin + i] = static_cast<char>(size >> (8 * (kLengthBytes - 1 - i)));
    }
    return {};
}

Error malformed() {
    return make_error(ErrorCode::Malformed, "frame", "the frame cannot be decoded");
}
Error refusal(const Reader::Budget& budget) {
    if (!budget.is_unknown) return malformed();
    return make_error(ErrorCode::Unsupported, "frame", "an unknown value of an enumeration");
}

template <typename T>
Result<Frame> read_as(Reader& in, const Reader::Budget& budget) {
    T value;
    in.get(value);
    if (budget.failed) return refusal(budget);
    return Frame(std::move(value));
}

}  // namespace

Result<void> append_letter(std::string& out, const ports::Letter& letter) {
    return append(out, kLetter, letter);
}
Result<void> append_hello(std::string& out, const Hello& hello) {
    return append(out, kHello, hello);
}
Result<void> append_heartbeat(std::string& out, const Heartbeat& heartbeat) {
    return append(out, kHeartbeat, heartbeat);
}
Result<void> append_join(std::string& out, const ports::ServerJoin& join) {
    return append(out, kJoin, join);
}
Result<void> append_join_reply(std::string& out, const JoinReply& reply) {
    return append(out, kJoinReply, reply);
}
Result<void> append_certificate_request(std::string& out, const CertificateRequest& request) {
    return append(out, kCertificateRequest, request);
}
Result<void> append_certificate_reply(std::string& out, const CertificateReply& reply) {
    return append(out, kCertificateReply, reply);
}

namespace {

Result<Frame> decode_letter(Reader& in, const Reader::Budget& budget) {
    ReadLetter read;
    in.get(read);
    if (budget.failed) return refusal(budget);
    if (!read.known) {
        return make_error(ErrorCode::Unsupported, "payload", "an unknown kind of payload");
    }
    return Frame(std::move(read.letter));
}

}  // namespace

Result<Frame> decode(std::string_view frame) {
    if (frame.size() > frame_bytes_max) {
        return make_error(ErrorCode::TooLarge, "frame", "a frame has at most 16 MiB");
    }
    Reader::Budget budget;
    Reader in(frame, budget, 0);
    if (!in.next()) return malformed();
    switch (in.number()) {
        case kLetter:
            return decode_letter(in, budget);
        case kHello:
            return read_as<Hello>(in, budget);
        case kHeartbeat:
            return read_as<Heartbeat>(in, budget);
        case kJoin:
            return read_as<ports::ServerJoin>(in, budget);
        case kJoinReply:
            return read_as<JoinReply>(in, budget);
        case kCertificateRequest:
            return read_as<CertificateRequest>(in, budget);
        case kCertificateReply:
            return read_as<CertificateReply>(in, budget);
        default:
            return make_error(ErrorCode::Unsupported, "frame", "an unknown kind of frame");
    }
}

Result<std::optional<std::string_view>> FrameCutter::pop() {
    const std::string_view unread = std::string_view(buffer_).substr(consumed_);
    if (unread.size() < kLengthBytes) return std::optional<std::string_view>();
    size_t size = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) {
        size = (size << 8) | static_cast<uint8_t>(unread[i]);
    }
    if (size > frame_bytes_max) {
        return make_error(ErrorCode::TooLarge, "frame", "a frame has at most 16 MiB");
    }
    if (unread.size() < kLengthBytes + size) return std::optional<std::string_view>();
    consumed_ += kLengthBytes + size;
    return std::optional<std::string_view>(unread.substr(kLengthBytes, size));
}

void FrameCutter::push(std::string_view bytes) {
    if (consumed_ > 0) buffer_.erase(0, consumed_);
    consumed_ = 0;
    buffer_.append(bytes);
}

}  // namespace tandem::wire
