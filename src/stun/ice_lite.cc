#include "stun/ice_lite.h"

#include <utility>

namespace tandem::stun {

IceLite::IceLite(IceCredentials ours, std::string remote_ufrag)
    : ours_(std::move(ours)), remote_ufrag_(std::move(remote_ufrag)) {}

IceLite IceLite::restore(IceLiteSnapshot snapshot) {
    IceLite out(std::move(snapshot.ours), std::move(snapshot.remote_ufrag));
    out.selected_ = snapshot.selected;
    return out;
}

// "<our ufrag>:<their ufrag>" (RFC 8445 7.2.2).
bool IceLite::is_for_us(std::string_view username) const {
    const size_t colon = username.find(':');
    if (colon == std::string_view::npos || username.substr(0, colon) != ours_.ufrag) return false;
    return remote_ufrag_.empty() || username.substr(colon + 1) == remote_ufrag_;
}

// Without a key that both know, a refusal has no integrity (RFC 8489 9.1.3).
BytesView IceLite::refuse(const Message& request, int code, std::string_view reason,
                          std::span<uint8_t> out) const {
    Writer writer(out, Class::Error, kBinding, request.transaction());
    writer.error(code, reason);
    writer.fingerprint();
    return writer.written();
}

IceAnswer IceLite::on_message(const SocketAddress& source, BytesView datagram,
                              std::span<uint8_t> out) {
    const auto request = Message::parse(datagram);
    if (!request || !request->has_fingerprint()) return {};  // RFC 8445 7.1.1 demands it
    if (request->message_class() != Class::Request || request->method() != kBinding) return {};
    const auto username = request->username();
    if (!username || !request->has(AttributeType::MessageIntegrity))
        return {refuse(*request, 400, "Bad Request", out)};
    if (!is_for_us(*username) || !request->has_integrity(as_bytes(ours_.pwd)))
        return {refuse(*request, 401, "Unauthenticated", out)};

    std::array<uint16_t, 8> unknown;
    const size_t count = request->unknown_required(unknown);
    // A lite agent is always controlled; whoever thinks itself controlled as well must switch
    // (7.3.1.1).
    const bool conflict = request->has(AttributeType::IceControlled);
    Writer writer(out, count || conflict ? Class::Error : Class::Success, kBinding,
                  request->transaction());
    if (count > 0) {
        writer.error(420, "Unknown Attribute");
        writer.unknown_attributes(std::span(unknown).first(count));
    } else if (conflict) {
        writer.error(487, "Role Conflict");
    } else {
        writer.xor_address(AttributeType::XorMappedAddress, source);
    }
    writer.integrity(as_bytes(ours_.pwd));
    writer.fingerprint();
    IceAnswer answer{writer.written()};
    answer.valid = count == 0 && !conflict;
    answer.nominated = answer.valid && request->has(AttributeType::UseCandidate);
    if (answer.nominated) selected_ = source;
    return answer;
}

}  // namespace tandem::stun
