// From where the packets of one port are taken, and where its party is to be answered: symmetric
// RTP with bounds. Without authentication a stream latches only to an address that signalling
// vouches for, and is then locked to address and SSRC.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/instant.h"
#include "base/net_address.h"
#include "roles/media_gate/limits.h"
#include "rtp/packet.h"

namespace tandem::roles::media_gate {

enum class Proof : uint8_t { None, Authenticated };

// What signalling says of a party's address.
struct Vouched {
    std::optional<SocketAddress> described;  // by its SDP
    std::optional<IpAddress> signalling;     // where its SIP comes from
    friend bool operator==(const Vouched&, const Vouched&) = default;
};

struct LatchSnapshot {
    Vouched vouched;
    std::optional<SocketAddress> locked;
    uint32_t ssrc = 0;
    friend bool operator==(const LatchSnapshot&, const LatchSnapshot&) = default;
};

// One port of one stream. Pure; decides in constant time and without allocation.
class Latch {
 public:
    // Signalling spoke. A changed address unlocks; an unchanged one lets the source (SSRC) change
    // once.
    void vouch(const Vouched& vouched, size_t sources_max);

    // Whether a packet is taken, and if so learns from it. `header` is nullptr for what is not RTP.
    bool admit(Instant now, const SocketAddress& source, const rtp::Header* header, Proof proof);

    bool locked() const { return locked_.has_value(); }
    // Where the party is to be sent to: where it sends from, else what its SDP says.
    std::optional<SocketAddress> target() const { return locked_ ? locked_ : vouched_.described; }
    const Vouched& vouched() const { return vouched_; }

    LatchSnapshot snapshot() const { return {vouched_, locked_, sources_[0].ssrc}; }
    static Latch restore(const LatchSnapshot& snapshot, size_t sources_max);

 private:
    struct Source {
        uint32_t ssrc = 0;
        uint16_t sequence = 0;
        uint32_t timestamp = 0;
        Instant heard;
        bool used = false;
    };
    bool is_vouched_for(const IpAddress& ip) const;
    bool is_older(const rtp::Header* header) const;
    bool admit_source(Instant now, const rtp::Header* header);
    bool may_move(Instant now, const SocketAddress& source, const rtp::Header* header) const;
    bool continues(Instant now, const rtp::Header& header) const;
    void lock(const SocketAddress& source);
    void remember(Instant now, const rtp::Header* header);
    Source* find(uint32_t ssrc);
    const Source* find(uint32_t ssrc) const;

    Vouched vouched_;
    std::optional<SocketAddress> locked_;
    std::optional<SocketAddress>
        former_;  // where it was locked before it moved, and its source there
    uint32_t former_ssrc_ = 0;
    std::array<Source, kVideoSourcesMax> sources_{};
    size_t sources_max_ = kAudioSourcesMax;
    bool source_may_change_ = true;
    Instant heard_;  // any packet taken
};

}  // namespace tandem::roles::media_gate
