#include "sdp/session.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tandem::sdp {
namespace {

constexpr std::array<std::pair<Protocol, std::string_view>, 6> kProtocols{{
    {Protocol::RtpAvp, "RTP/AVP"},
    {Protocol::RtpSavp, "RTP/SAVP"},
    {Protocol::RtpAvpf, "RTP/AVPF"},
    {Protocol::RtpSavpf, "RTP/SAVPF"},
    {Protocol::UdpTlsRtpSavp, "UDP/TLS/RTP/SAVP"},
    {Protocol::UdpTlsRtpSavpf, "UDP/TLS/RTP/SAVPF"},
}};

}  // namespace

std::string_view to_string(Direction direction) {
    switch (direction) {
        case Direction::SendRecv:
            return "sendrecv";
        case Direction::SendOnly:
            return "sendonly";
        case Direction::RecvOnly:
            return "recvonly";
        case Direction::Inactive:
            return "inactive";
    }
    return {};
}

std::string_view to_string(Protocol protocol) {
    for (const auto& [known, text] : kProtocols) {
        if (known == protocol) return text;
    }
    return {};
}

Protocol protocol_from(std::string_view text) {
    for (const auto& [known, name] : kProtocols) {
        if (equals_ignoring_case(name, text)) return known;
    }
    return Protocol::Other;
}

bool Media::is_rtp() const {
    return protocol != Protocol::Other;
}

bool Media::is_secure() const {
    switch (protocol) {
        case Protocol::RtpAvp:
        case Protocol::RtpAvpf:
        case Protocol::Other:
            return false;
        case Protocol::RtpSavp:
        case Protocol::RtpSavpf:
        case Protocol::UdpTlsRtpSavp:
        case Protocol::UdpTlsRtpSavpf:
            return true;
    }
    return false;
}

const RtpMap* Media::rtpmap(uint8_t payload_type) const {
    const auto found = std::ranges::find(rtpmaps, payload_type, &RtpMap::payload_type);
    return found == rtpmaps.end() ? nullptr : &*found;
}

Direction direction_of(const Session& session, const Media& media) {
    if (media.direction) return *media.direction;
    return session.direction.value_or(Direction::SendRecv);  // RFC 8866 6.7
}

const Connection& connection_of(const Session& session, const Media& media) {
    return media.connection.empty() ? session.connection : media.connection;
}

std::optional<SocketAddress> rtp_address(const Session& session, const Media& media) {
    const auto ip = connection_of(session, media).ip();
    if (!ip || media.port == 0) return std::nullopt;
    return SocketAddress{*ip, media.port};
}

std::optional<SocketAddress> rtcp_address(const Session& session, const Media& media) {
    auto rtp = rtp_address(session, media);
    if (!rtp) return std::nullopt;
    if (media.rtcp) {
        const auto ip = media.rtcp->address.empty() ? rtp->ip : media.rtcp->address.ip();
        if (!ip || media.rtcp->port == 0) return std::nullopt;
        return SocketAddress{*ip, media.rtcp->port};
    }
    if (media.rtcp_mux) return rtp;
    if (rtp->port == 65535) return std::nullopt;
    ++rtp->port;
    return rtp;
}

}  // namespace tandem::sdp
