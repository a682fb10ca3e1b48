// One m-line of one party: its ports, from where it sends, its keys, and what it has sent and
// received.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "ports/media_plane.h"
#include "ports/media_port.h"
#include "roles/media_gate/latch.h"
#include "roles/media_gate/limits.h"
#include "roles/media_gate/player.h"
#include "rtp/key_presses.h"
#include "rtp/reception.h"
#include "rtp/srtp.h"

namespace tandem::roles::media_gate {

// The pair of ports of a stream; 0: none was needed yet. Their numbers are their names as well.
struct PortPair {
    uint16_t rtp = 0;
    uint16_t rtcp() const { return static_cast<uint16_t>(rtp + 1); }
    friend bool operator==(const PortPair&, const PortPair&) = default;
};

struct Traffic {
    uint64_t packets_received = 0;
    uint64_t bytes_received = 0;
    uint64_t packets_sent = 0;
    uint64_t bytes_sent = 0;
    uint64_t packets_refused = 0;  // strangers, forgeries, replays
    uint64_t packets_unsent = 0;   // the party's address or key is not known
    friend bool operator==(const Traffic&, const Traffic&) = default;
};

struct StreamSnapshot {
    ports::StreamSettings settings;
    IpAddress signalling_source;
    PortPair ports;
    LatchSnapshot rtp_latch;
    LatchSnapshot rtcp_latch;
    std::optional<rtp::SrtpSnapshot> from_party;
    std::optional<rtp::SrtpSnapshot> to_party;
    Traffic traffic;
};

std::optional<rtp::SrtpSuite> suite_of(ports::SrtpSuite suite);  // nullopt: no SRTP
// Whether keys have the lengths of their suites.
Result<void> check(const ports::StreamSettings& settings);

// Owned by its context. Packets are handled in their buffer, without allocation.
class Stream {
 public:
    explicit Stream(PortPair ports) : ports_(ports) {}

    // Signalling spoke; `settings` passed check(). Equal keys keep their cipher state.
    void configure(const ports::StreamSettings& settings, const IpAddress& signalling_source);

    // The party sent `length` bytes at the start of `buffer`. Returns the length of the plain
    // packet, or nullopt when it is refused.
    std::optional<size_t> receive_rtp(Instant now, const SocketAddress& source,
                                      std::span<uint8_t> packet);
    std::optional<size_t> receive_rtcp(Instant now, const SocketAddress& source,
                                       std::span<uint8_t> packet, bool on_rtp_port);
    // A plain packet of the party; the key that it has begun to press with it.
    std::optional<char> key_in(Instant now, BytesView packet);
    // What neither RTP nor RTCP is: fax. Taken from vouched addresses only.
    bool receive_other(Instant now, const SocketAddress& source, size_t length);

    // Sends a plain packet of `length` bytes at the start of `buffer` to the party.
    void send_rtp(std::span<uint8_t> buffer, size_t length, ports::PacketSink& out);
    void send_rtcp(Instant now, std::span<uint8_t> buffer, size_t length, ports::PacketSink& out);

    // What the gate itself says to the party; nullptr: it never has.
    Player* player() { return player_.get(); }
    Player& make_player(const Player::Source& source);
    bool is_played_to() const { return player_ && player_->plays(); }

    PortPair ports() const { return ports_; }
    void set_ports(PortPair ports) { ports_ = ports; }
    const ports::StreamSettings& settings() const { return settings_; }
    const Traffic& traffic() const { return traffic_; }
    // Whether the party has said that it will send.
    bool is_expected() const;
    Instant last_heard() const { return last_heard_; }
    void fill(ports::StreamStatistics& out) const;

    StreamSnapshot snapshot() const;
    static Result<Stream> restore(const StreamSnapshot& snapshot);

 private:
    struct PassedReport {  // an SR that went to the party, to recognise its echo
        uint32_t middle = 0;
        Instant at;
    };
    void note_reception(Instant now, const rtp::Header& header, size_t bytes);
    void note_echo(Instant now, BytesView rtcp);
    void note_passed_report(Instant now, BytesView rtcp);
    bool may_send() const;
    std::optional<SocketAddress> rtcp_target() const;
    size_t sources_max() const;
    std::nullopt_t refuse();

    PortPair ports_;
    ports::StreamSettings settings_;
    IpAddress signalling_source_;
    Latch rtp_latch_;
    Latch rtcp_latch_;
    std::optional<rtp::SrtpContext> from_party_;
    std::optional<rtp::SrtpContext> to_party_;
    Traffic traffic_;
    std::unique_ptr<Player> player_;
    std::optional<rtp::Reception> reception_;  // of the source that speaks now
    uint64_t expected_before_ = 0;             // of the sources before it
    int64_t lost_before_ = 0;
    std::array<PassedReport, kReportsRemembered> passed_{};
    size_t passed_next_ = 0;
    double round_trip_ms_ = 0;
    Instant last_heard_;
    rtp::KeyPresses key_presses_;
    Instant keys_since_;  // the second in which keys_ came
    size_t keys_ = 0;
};

}  // namespace tandem::roles::media_gate
