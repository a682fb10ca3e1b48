// Bounds of the media sockets, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::runtime {

// One socket a port of the range 30000-39999.
inline constexpr size_t media_ports_max = 65'536;
// RTP stays below the Ethernet MTU; a jumbo frame with room for an SRTP tag still fits.
inline constexpr size_t media_buffer_bytes = 2'048;
// Buffers shared by all sockets of a shard: 4 MiB, 40 ms of 50 000 packets/s.
inline constexpr size_t media_buffers = 2'048;
// Packets handled between two flushes.
inline constexpr size_t media_batch_max = 256;
// A batch waits for so many packets, but not longer than this: the delay that it adds stays far
// below the 20 ms of a packet, and a packet costs half the CPU.
inline constexpr unsigned media_batch_wanted = 32;
inline constexpr std::chrono::milliseconds media_batch_wait{2};
// Kernel buffer of a socket: 400 ms of a 50 packets/s stream, or a burst of video.
inline constexpr int media_receive_buffer_bytes = 256 << 10;

}  // namespace tandem::runtime
