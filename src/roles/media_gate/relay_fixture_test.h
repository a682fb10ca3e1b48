// Two parties whose packets pass the gate one by one.
#pragma once

#include <cstring>
#include <map>

#include "base/octets.h"
#include "roles/media_gate/gate_fixture_test.h"
#include "rtp/rtcp.h"

namespace tandem::roles::media_gate {

inline const SocketAddress kAliceRtcp = at("192.0.2.10:4001");
inline const SocketAddress kBobRtcp = at("192.0.2.20:5001");
inline const SocketAddress kStranger = at("198.51.100.66:5555");

inline Bytes rtp_packet(uint16_t sequence, uint32_t ssrc = 1) {
    Bytes packet(172);
    packet[0] = 0x80;
    packet[1] = 8;
    store16(&packet[2], sequence);
    store32(&packet[4], sequence * 160u);
    store32(&packet[8], ssrc);
    for (size_t i = 12; i < packet.size(); ++i) packet[i] = static_cast<uint8_t>(i + sequence);
    return packet;
}

inline Bytes sender_report(uint32_t ssrc, uint64_t ntp) {
    Bytes buffer(64);
    rtp::RtcpWriter writer(buffer);
    writer.report(ssrc, rtp::SenderInfo{ntp, 0, 1, 160}, {});
    buffer.resize(writer.written().size());
    return buffer;
}

inline Bytes receiver_report(uint32_t ssrc, uint32_t last_sr, uint32_t delay) {
    Bytes buffer(64);
    rtp::RtcpWriter writer(buffer);
    rtp::ReportBlock block;
    block.last_sr = last_sr;
    block.delay_since_last_sr = delay;
    writer.report(ssrc, std::nullopt, {&block, 1});
    buffer.resize(writer.written().size());
    return buffer;
}

class GateTest : public TwoParties {
 protected:
    ports::MediaReply ask() {
        auto reply = TwoParties::ask();
        for (const auto& local : reply.local) {
            if (!local.streams.empty()) ports_of[local.termination] = local.streams[0].rtp.port;
        }
        return reply;
    }
    uint16_t alice() { return ports_of[1]; }
    uint16_t bob() { return ports_of[2]; }

    // One datagram in; what it caused is in `sink`.
    void receive(uint32_t port, const SocketAddress& from, const Bytes& packet) {
        std::memcpy(buffer.data(), packet.data(), packet.size());
        sink.clear();
        gate.on_packet({now, port, from, buffer, packet.size()}, sink);
    }
    // How many events it has told.
    size_t tick(Duration later) {
        now = now + later;
        output = {};
        gate.on_tick(now, output);
        return output.events.size();
    }
    ports::StreamStatistics statistics_of(uint32_t termination) {
        for (const auto& line : gate.statistics(request.context).statistics)
            if (line.termination == termination) return line;
        ADD_FAILURE() << "no such termination";
        return {};
    }

    std::map<uint32_t, uint16_t> ports_of;
};

}  // namespace tandem::roles::media_gate
