#include "sdp/relay.h"

#include <algorithm>
#include <array>

namespace tandem::sdp {
namespace {

// Attributes of a media section that may pass: they describe coding and hold no address, name or id
// of the sender. All others stay behind, among them group and msid (we give each stream its own
// port), candidates, ssrc, tool, key-mgmt and whatever is unknown.
constexpr std::array<std::string_view, 22> kPassedAttributes{
    "content",             // RFC 4796
    "extmap",              // RFC 8285
    "extmap-allow-mixed",  // RFC 8285 6
    "framerate",           // RFC 8866 6.13
    "framesize",           // 3GPP TS 26.234
    "imageattr",           // RFC 6236
    "lang",                // RFC 8866 6.12
    "mid",                 // RFC 5888
    "orient",              // RFC 8866 6.9
    "quality",             // RFC 8866 6.14
    "rtcp-fb",      // RFC 4585 4.2; INTEROP: kept with RTP/AVP too, where video phones use it
    "rtcp-rsize",   // RFC 5506
    "silenceSupp",  // RFC 3108
    "T38FaxFillBitRemoval",  // ITU-T T.38 D.2.3, as the eight that follow
    "T38FaxMaxBuffer",
    "T38FaxMaxDatagram",
    "T38FaxRateManagement",
    "T38FaxTranscodingJBIG",
    "T38FaxTranscodingMMR",
    "T38FaxUdpEC",
    "T38FaxVersion",
    "T38MaxBitRate"};

bool may_pass(const Attribute& attribute) {
    return std::ranges::any_of(kPassedAttributes, [&](std::string_view name) {
        return equals_ignoring_case(name, attribute.name);
    });
}

// Only the number, as anything might follow it.
std::string leading_number(std::string_view text) {
    text = trim(text);
    return std::string(
        text.substr(0, std::min(text.find_first_not_of("0123456789."), text.size())));
}

// c=0.0.0.0 was RFC 2543's hold (RFC 3264 8.4). As the address becomes ours, the direction must say
// it.
std::optional<Direction> relayed_direction(const Session& session, const Media& media) {
    const Direction direction = direction_of(session, media);
    const auto ip = connection_of(session, media).ip();
    if (ip && ip->is_unspecified() && !media.rejected()) {
        const bool sends = direction == Direction::SendRecv || direction == Direction::SendOnly;
        return sends ? Direction::SendOnly : Direction::Inactive;
    }
    if (!media.direction && !session.direction) return std::nullopt;
    return direction;
}

bool relayed_mux(const Media& received, RtcpMuxPolicy policy) {
    switch (policy) {
        case RtcpMuxPolicy::Keep:
            return received.rtcp_mux;
        case RtcpMuxPolicy::Remove:
            return false;
        case RtcpMuxPolicy::Insert:
            return true;
    }
    return false;
}

// What the sender said of coding.
Media coding_of(const Session& session, const Media& received) {
    Media media;
    media.type = received.type;
    media.protocol = received.protocol;
    media.protocol_text = received.protocol_text;
    media.formats = received.formats;
    media.bandwidths = received.bandwidths;
    media.rtpmaps = received.rtpmaps;
    media.fmtps = received.fmtps;
    media.ptime = leading_number(received.ptime);
    media.maxptime = leading_number(received.maxptime);
    media.direction = relayed_direction(session, received);
    std::ranges::copy_if(received.attributes, std::back_inserter(media.attributes), may_pass);
    return media;
}

// Where our gate takes the stream, and how it is protected there.
void apply(const RelayMedia& ours, const Media& received, const Origin& origin, Media& media) {
    const SocketAddress rtp = *ours.rtp;
    media.port = rtp.port;
    const Connection connection = Connection::of(rtp.ip);
    if (connection != origin.address) media.connection = connection;
    if (!media.is_rtp()) return;
    if (ours.protocol) {
        media.protocol = *ours.protocol;
        media.protocol_text = std::string(to_string(*ours.protocol));
    }
    media.cryptos = ours.cryptos;
    media.rtcp_mux = relayed_mux(received, ours.rtcp_mux);
    const bool usual = ours.rtcp_port == 0 || ours.rtcp_port == rtp.port + 1;
    if (!usual && ours.rtcp_port != rtp.port) media.rtcp = RtcpAttribute{ours.rtcp_port, {}};
    media.ice = ours.ice;
    media.fingerprint = ours.fingerprint;
    media.setup = ours.setup;
}

}  // namespace

Session rewrite_for_relay(const Session& received, const RelayView& view) {
    Session out;
    out.origin = view.origin;
    out.connection = view.origin.address;
    out.bandwidths = received.bandwidths;
    out.times = {"0 0"};
    out.media.reserve(received.media.size());
    for (size_t i = 0; i < received.media.size(); ++i) {
        const Media& from = received.media[i];
        Media& media = out.media.emplace_back(coding_of(received, from));
        const bool live = !from.rejected() && i < view.media.size() && view.media[i].rtp;
        if (live) apply(view.media[i], from, view.origin, media);
    }
    return out;
}

}  // namespace tandem::sdp
