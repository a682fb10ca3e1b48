// Bounds of the media sockets, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tandem::runtime {

// Sockets of one shard: all ports of the range 30000-39999, with room.
inline constexpr uint32_t media_ports_max = 16'384;
// Names of ports that a media gate may choose: they index a table.
inline constexpr uint32_t media_port_ids_max = 1u << 20;
// RTP stays below the Ethernet MTU of 1500; larger datagrams are dropped.
inline constexpr size_t media_packet_bytes_max = 2'048;
// Free bytes after each packet, for SRTP's tag and MKI to be appended in place.
inline constexpr size_t media_room_bytes = 256;
// Buffers shared by all sockets of a shard: 5 MiB, 40 ms of 50 000 packets/s. A power of two.
inline constexpr unsigned media_buffers = 2'048;
// Packets handled between two flushes, so that the first of a flood does not wait for the last.
inline constexpr unsigned media_batch_max = 256;
// Packets that one batch may send: conferences and forks send several for one received.
inline constexpr unsigned media_sends_max = 1'024;
// A batch waits for so many packets, but not longer than this: the delay that it adds stays far
// below the 20 ms of a packet, and a packet costs half the CPU.
inline constexpr unsigned media_batch_wanted = 32;
inline constexpr std::chrono::milliseconds media_batch_wait{2};
// After so long without a packet the shard sleeps until the next one instead of looking.
inline constexpr std::chrono::milliseconds media_quiet{100};
// How often the data plane is asked for its deadline when no packets come.
inline constexpr std::chrono::milliseconds media_tick{20};
// Kernel buffer of a socket: 400 ms of a 50 packets/s stream, or a burst of video.
inline constexpr int media_receive_buffer_bytes = 256 << 10;
// A socket that was closed stays bound for so long, for the next call that gets its port: making,
// binding and registering one costs ten system calls. Not longer, as another process may be given
// the range.
inline constexpr std::chrono::seconds media_port_parked{5};
// Twice what a media gate lets rest.
inline constexpr size_t media_ports_parked_max = 2'048;
// RFC 4594 4.1: telephony is marked Expedited Forwarding (DSCP 46).
inline constexpr int media_type_of_service = 46 << 2;

}  // namespace tandem::runtime
