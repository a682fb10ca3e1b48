// Bounds of stream connections, each with its reason.
#pragma once

#include <cstddef>

namespace tandem::runtime {

// Bytes taken from a stream by one read: a whole TLS record (RFC 8446 5.1: 16 384) and more than
// most messages.
inline constexpr size_t stream_read_bytes = 16'384;
// Reads of one connection in a turn, so that one fast sender does not hold up the others.
inline constexpr int stream_reads_per_turn_max = 4;
// Bytes thrown away from a peer that goes on sending after we have said that it is over: what was
// on its way (a window of 1 MiB), then the connection is reset.
inline constexpr size_t linger_bytes_max = 1 << 20;
inline constexpr int listen_backlog = 1'024;
// Connections accepted in one turn of a listener: each may cost a TLS handshake later.
inline constexpr int accepts_per_turn_max = 64;

}  // namespace tandem::runtime
