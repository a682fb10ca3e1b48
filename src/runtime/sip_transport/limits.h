// Bounds of the SIP sockets, each with its reason. An operator may tighten them.
#pragma once

#include <chrono>
#include <cstddef>

namespace tandem::runtime {

// Datagrams taken from or given to a socket by one system call. More gains nothing measurable and
// lets one listener hold up the others.
inline constexpr size_t udp_batch_max = 64;
// Receive buffer of a UDP listener: 50 ms of 20 000 messages/s of 2 KiB, the longest pause of a
// busy shard.
inline constexpr int udp_receive_buffer_bytes = 2 << 20;
// ICMP errors taken at a time: as many as a batch that found nobody may have earned, and some.
inline constexpr size_t udp_errors_max = 256;
// How often a system call is made again because ICMP has told of something else: 30,000 forged
// errors a second meet one try in three.
inline constexpr size_t udp_error_tries_max = 16;
// An error is the call's own when it came so often while ICMP had told nothing: the kernel may tell
// one of ICMP a moment late, or without a quotation when its buffer is full.
inline constexpr size_t udp_own_error_tries = 4;
// Of what ICMP quotes: hosts give 576 bytes of IPv4 (RFC 1812 4.3.2.3) and 1280 of IPv6 (RFC
// 4443 2.4).
inline constexpr size_t udp_quotation_max = 1'280;
// Datagrams waiting for a socket whose send buffer is full, then the oldest are lost, as on a wire.
inline constexpr size_t udp_send_queue_max = 4'096;
// A browser behind a proxy is cut off after a minute of silence by most; a ping keeps it.
inline constexpr std::chrono::milliseconds websocket_ping_every{30'000};
// Messages of one connection that wait for it to open and whose branches are remembered.
inline constexpr size_t connecting_messages_max = 256;

struct SipTransportLimits {
    // A connection costs about 2 KiB, with TLS 20 KiB: 100 000 phones over TLS take 2 GiB.
    size_t connections_max = 100'000;
    // An office behind one address with a few hundred phones must fit, one attacker must not fill
    // the table.
    size_t connections_per_address_max = 1'000;
    // TCP and TLS handshakes that have not ended: they cost CPU and say nothing yet.
    size_t handshakes_max = 2'000;
    std::chrono::milliseconds handshake_max{10'000};
    // From the first byte of a message to its last. RFC 3261's timer B gives up after 32 s.
    std::chrono::milliseconds message_max{15'000};
    // Nothing received: phones ping at most every 120 s (RFC 5626 4.4.1: 95 to 120 s).
    std::chrono::milliseconds idle_max{600'000};
    // Before the first whole message a stranger gets less patience.
    std::chrono::milliseconds first_message_max{30'000};
    std::chrono::milliseconds connect_max{5'000};
    // Of one gate: addresses of providers over TLS, with whom to expect there. A gate shares them
    // among its domains; its limits.h has the same.
    size_t tls_peers_max = 10'000;
    // Waiting to be written to one connection; above it the reader is dead or hostile.
    size_t write_queue_bytes_max = 1 << 20;
};

}  // namespace tandem::runtime
