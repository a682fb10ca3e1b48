// What one side said, as the other side may see it: the description of a peer rewritten so that
// media comes to our gate and nothing else of the sender shows.
#pragma once

#include <optional>
#include <vector>

#include "sdp/session.h"

namespace tandem::sdp {

enum class RtcpMuxPolicy : uint8_t {
    Keep,    // as the received description has it
    Remove,  // a side that must not mux
    Insert,  // a side that muxes
};

// What our gate offers for one m-line towards the receiver of the rewritten description.
struct RelayMedia {
    // Ours, for RTP. A nullopt rejects the line (port 0), as does a rejected line of the sender.
    std::optional<SocketAddress> rtp;
    uint16_t rtcp_port = 0;  // 0: rtp.port + 1. Written as a=rtcp when it is not the default
    // The profile towards the receiver; nullopt keeps the sender's. Only RTP lines are changed.
    std::optional<Protocol> protocol;
    std::vector<Crypto> cryptos;  // ours; those of the sender never pass
    RtcpMuxPolicy rtcp_mux = RtcpMuxPolicy::Keep;
    // ICE-lite and DTLS of our gate, for browsers; empty removes what the sender had.
    Ice ice;
    std::optional<Fingerprint> fingerprint;
    std::string setup;
};

struct RelayView {
    Origin origin;                  // ours: username, session id, version, address
    std::vector<RelayMedia> media;  // one for each m-line of the received description
};

// Keeps: media types, formats, rtpmap, fmtp, direction, ptime, bandwidth, and the attributes of a
// white list (sdp/relay.cc names them); replaces addresses, ports, o=, keys, ICE and DTLS by ours;
// drops the rest: s= becomes "-", and i=, u=, e=, p=, ssrc, candidates and unknown attributes do
// not pass. Lines without a RelayMedia are rejected.
Session rewrite_for_relay(const Session& received, const RelayView& view);

}  // namespace tandem::sdp
