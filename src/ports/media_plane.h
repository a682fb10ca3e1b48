// The data path of a media gate: packets in, packets out, no letters. MG implements
// MediaDataPlane; the runtime owns the sockets and calls it on the shard where MG lives.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/instant.h"
#include "base/net_address.h"

namespace tandem::ports {

// Takes what the data plane sends. Packets leave together at the end of the batch, in order for
// each port.
class PacketSink {
 public:
    virtual ~PacketSink() = default;
    // From the socket `port_id` to `to`. A packet that lies in the buffer given to on_packet() is
    // sent from there without a copy, and must not be changed after this call; any other is copied
    // now.
    virtual void send(uint32_t port_id, const SocketAddress& to,
                      std::span<const uint8_t> packet) = 0;
};

class MediaDataPlane {
 public:
    virtual ~MediaDataPlane() = default;
    // A datagram of `length` bytes at the start of `buffer`. The rest of the buffer (at least 256
    // bytes) is free for growing in place, as SRTP does.
    virtual void on_packet(Now now, uint32_t port_id, const SocketAddress& source,
                           std::span<uint8_t> buffer, size_t length, PacketSink& out) = 0;
    // For what the data plane sends by itself (RTCP reports, DTMF). Does nothing before
    // next_packet_deadline().
    virtual void on_packet_timeout(Now now, PacketSink& out) = 0;
    virtual std::optional<Instant> next_packet_deadline() const = 0;
};

}  // namespace tandem::ports
