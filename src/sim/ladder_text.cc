#include "sim/ladder_text.h"

#include <array>
#include <charconv>

#include "base/bytes.h"
#include "sip/validate.h"

namespace tandem::sim {
namespace {

uint32_t number_from(std::string_view text) {
    uint32_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

Result<void> add_details(const LadderStep& step, sip::Message& message) {
    for (const std::string& detail : step.details) {
        const size_t colon = detail.find(':');
        if (colon == std::string::npos) {
            return make_error(ErrorCode::Malformed, "detail", "not a header line: " + detail);
        }
        const std::string_view name = std::string_view(detail).substr(0, colon);
        const std::string_view value = trim(std::string_view(detail).substr(colon + 1));
        const auto id = sip::header_id_from(name);
        if (id != sip::HeaderId::Other && sip::is_single_valued(id)) message.remove(id);
        message.append(name, value);
    }
    if (const auto sdp = step.option("sdp")) {
        message.set_body("application/sdp", sdp::serialize(ladder_sdp(*sdp)));
    }
    return {};
}

std::string branch_of(const LadderStep& step, std::string_view method, LadderPeer& peer) {
    const auto given = step.option("branch");
    if (given && *given != "invite") return std::string(*given);
    if (given || method == "CANCEL") return peer.invite_branch;
    return "z9hG4bKp" + std::to_string(++peer.branches);
}

uint32_t cseq_of(const LadderStep& step, std::string_view method, LadderPeer& peer) {
    if (const auto given = step.option("cseq")) return number_from(*given);
    if (method == "ACK" || method == "CANCEL") return peer.invite_cseq;
    return peer.cseq + 1;
}

void append_header(std::string& line, const sip::Message& message, sip::HeaderId id) {
    for (const std::string_view value : message.fields(id)) {
        line.append(" | ").append(sip::to_string(id)).append(": ").append(value);
    }
}

}  // namespace

Result<sip::Message> ladder_request(const LadderStep& step, LadderPeer& peer) {
    const std::string method(step.word(1));
    const std::string uri(step.option("uri").value_or("sip:us@tandem.test"));
    const std::string branch = branch_of(step, method, peer);
    const uint32_t cseq = cseq_of(step, method, peer);
    if (method == "INVITE") {
        peer.invite_cseq = cseq;
        peer.invite_branch = branch;
    }
    peer.cseq = std::max(peer.cseq, cseq);
    sip::Message message = sip::Message::request(method, uri);
    message.append(sip::HeaderId::Via, "SIP/2.0/UDP 192.0.2.1:5060;branch=" + branch);
    message.append(sip::HeaderId::MaxForwards, "70");
    const auto from_tag = step.option("from-tag").value_or(peer.peer_tag);
    message.append(sip::HeaderId::From,
                   std::string("<sip:peer@example.org>;tag=").append(from_tag));
    std::string to = "<sip:us@tandem.test>";
    const auto to_tag = step.option("to-tag").value_or(peer.our_tag);
    if (!to_tag.empty()) to.append(";tag=").append(to_tag);
    message.append(sip::HeaderId::To, to);
    message.append(sip::HeaderId::CallId, peer.call_id);
    message.append(sip::HeaderId::CSeq, std::to_string(cseq) + " " + method);
    message.append(sip::HeaderId::Contact, "<sip:peer@192.0.2.1>");
    TRY(add_details(step, message));
    if (auto valid = sip::validate_request(message); !valid) return valid.error();
    return message;
}

Result<sip::Message> ladder_response(const LadderStep& step, const sip::Message& request) {
    const int status = static_cast<int>(number_from(step.word(1)));
    if (status < 100 || status > 699) {
        return make_error(ErrorCode::Malformed, "status", "not a status: " + step.text);
    }
    const auto tag = step.option("tag").value_or(status == 100 ? "" : "peer");
    sip::Message message = sip::make_response(request, status, {}, tag);
    if (status > 100 && status < 300) {
        message.append(sip::HeaderId::Contact, "<sip:peer@192.0.2.1>");
    }
    TRY(add_details(step, message));
    return message;
}

sdp::Session ladder_sdp(std::string_view text) {
    sdp::Session session;
    session.origin.session_id = "7";
    session.origin.address.address = "192.0.2.1";
    session.connection = session.origin.address;
    session.times = {"0 0"};
    const size_t slash = text.find('/');
    const std::string_view direction = slash == text.npos ? "" : text.substr(slash + 1);
    if (direction == "sendonly") session.direction = sdp::Direction::SendOnly;
    if (direction == "recvonly") session.direction = sdp::Direction::RecvOnly;
    if (direction == "inactive") session.direction = sdp::Direction::Inactive;
    std::string_view ports = text.substr(0, slash);
    while (!ports.empty()) {
        const size_t end = std::min(ports.find(','), ports.size());
        sdp::Media media;
        media.type = "audio";
        media.port = static_cast<uint16_t>(number_from(ports.substr(0, end)));
        media.formats = {"8"};
        session.media.push_back(std::move(media));
        ports.remove_prefix(std::min(end + 1, ports.size()));
    }
    return session;
}

std::string sdp_line(const sdp::Session& session) {
    std::string line = "sdp(v" + std::to_string(session.origin.version);
    for (const sdp::Media& media : session.media) {
        line += " " + std::to_string(media.port);
        if (media.direction.value_or(sdp::Direction::SendRecv) != sdp::Direction::SendRecv)
            line.append("/").append(sdp::to_string(*media.direction));
    }
    if (session.direction) line.append(" ").append(sdp::to_string(*session.direction));
    return line + ")";
}

std::string message_line(const sip::Message& message) {
    using sip::HeaderId;
    constexpr std::array shown = {
        HeaderId::Route,
        HeaderId::RecordRoute,
        HeaderId::Require,
        HeaderId::Unsupported,
        HeaderId::RSeq,
        HeaderId::RAck,
        HeaderId::SessionExpires,
        HeaderId::MinSe,
        HeaderId::Reason,
        HeaderId::RetryAfter,
        HeaderId::Authorization,
        HeaderId::ProxyAuthorization,
        HeaderId::ReferSub,
        HeaderId::ReferredBy,
        HeaderId::Replaces,
        HeaderId::Event,
        HeaderId::SubscriptionState,
        HeaderId::Diversion,
        HeaderId::HistoryInfo,
    };
    std::string line;
    if (message.is_request()) {
        line.append(message.method_token()).append(" ").append(message.request_uri());
    } else {
        line.append(std::to_string(message.status())).append(" ").append(message.reason());
    }
    line.append(" | CSeq: ").append(message.header(HeaderId::CSeq).value_or("?"));
    const auto to = message.to();
    if (to && !to->tag().empty()) line.append(" | to-tag: ").append(to->tag());
    for (const HeaderId id : shown) append_header(line, message, id);
    if (!message.body().empty()) {
        const auto session = sdp::parse(message.body());
        line.append(" | ").append(session ? sdp_line(*session) : std::string(trim(message.body())));
    }
    return line;
}

std::string LadderNames::of(sip::ClientKey key) {
    const auto [it, added] = clients_.emplace(key.value, clients_.size() + 1);
    return "c" + std::to_string(it->second);
}

std::string LadderNames::of(sip::ServerKey key) {
    const auto [it, added] = servers_.emplace(key.value, servers_.size() + 1);
    return "s" + std::to_string(it->second);
}

sip::ClientKey LadderNames::client(std::string_view name) const {
    for (const auto& [key, number] : clients_) {
        if (name == "c" + std::to_string(number)) return {key};
    }
    return {};
}

sip::ServerKey LadderNames::server(std::string_view name) const {
    for (const auto& [key, number] : servers_) {
        if (name == "s" + std::to_string(number)) return {key};
    }
    return {};
}

std::string LadderNames::outbound(const sip::Outbound& outbound) {
    if (outbound.message.is_response()) return message_line(outbound.message);
    const std::string name = of(outbound.branch);
    const std::string method(outbound.message.method_token());
    sent_.insert_or_assign(name + " " + method, outbound.message);
    const bool plain = method != "ACK" && method != "CANCEL";
    if (plain) sent_.insert_or_assign(name + " ", outbound.message);
    return name + " " + message_line(outbound.message);
}

const sip::Message* LadderNames::request(std::string_view name, std::string_view method) const {
    const auto it = sent_.find(std::string(name).append(" ").append(method));
    return it == sent_.end() ? nullptr : &it->second;
}

}  // namespace tandem::sim
