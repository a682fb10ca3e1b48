// SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714): one direction of one party's stream, in place.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "rtp/limits.h"

namespace tandem::rtp {

class SrtpCipher;
struct Header;

enum class SrtpSuite : uint8_t {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    AesCm256HmacSha1_80,
    AesCm256HmacSha1_32,
    AeadAes128Gcm,
    AeadAes256Gcm,
};

// As in a=crypto: RFC 4568 6.2, RFC 6188 3, RFC 7714 14.2.
std::string_view sdes_name(SrtpSuite suite);
std::optional<SrtpSuite> suite_from_sdes(std::string_view name);
size_t key_and_salt_bytes(SrtpSuite suite);  // 30, 46, 28 or 44

enum class SrtpStatus : uint8_t {
    Ok,
    Malformed,       // no RTP or RTCP header, or too short for its tag
    NoRoom,          // the buffer cannot hold what protecting adds
    Replayed,        // seen before, or older than the window
    BadTag,          // not from the holder of the key
    Exhausted,       // 2^31 SRTCP packets, 2^48 SRTP packets: rekey (RFC 3711 9.2)
    TooManySources,  // kSrtpSourcesMax SSRCs are in use by this sender
};
std::string_view to_string(SrtpStatus status);

struct SrtpOutcome {
    SrtpStatus status = SrtpStatus::Ok;
    size_t length = 0;  // of the packet in the buffer, when Ok
};

// The last 128 indexes of a source (RFC 3711 3.3.2 asks for 64; a burst of video reorders more).
struct ReplayWindow {
    bool started = false;
    uint64_t highest = 0;
    uint64_t seen_low = 0;   // bit n: highest - n was seen
    uint64_t seen_high = 0;  // bit n: highest - 64 - n
    friend bool operator==(const ReplayWindow&, const ReplayWindow&) = default;

    bool is_fresh(uint64_t index) const;
    void commit(uint64_t index);
};

// Progress of one SSRC (RFC 3711 3.2.3). An SRTP index is ROC << 16 | sequence, an SRTCP index 31
// bits.
struct SrtpSource {
    uint32_t ssrc = 0;
    ReplayWindow rtp;
    ReplayWindow rtcp;
    uint64_t used = 0;  // counter of the context at the last use
    friend bool operator==(const SrtpSource&, const SrtpSource&) = default;
};

enum class SrtpUse : uint8_t { Send, Receive };

// Everything that a restarted owner needs to go on. Contains keys.
struct SrtpSnapshot {
    SrtpSuite suite = SrtpSuite::AesCm128HmacSha1_80;
    SrtpUse use = SrtpUse::Receive;
    Bytes key_and_salt;
    std::vector<SrtpSource> sources;
};

// One master key, used for sending or for receiving, with the state of each SSRC. Owned by a stream
// of the media gate. Packets are transformed in their buffer; nothing is allocated after create().
// A sender refuses sequence numbers twice too, as the keystream would repeat (RFC 3711 9.1).
// A receiver whose first source is in the middle of its life (the gate was restarted, and the party
// kept its key) finds the source's rollover counter by trying.
// Default session keys only (key derivation rate 0), no MKI.
class SrtpContext {
 public:
    static Result<SrtpContext> create(SrtpSuite suite, BytesView key_and_salt, SrtpUse use);
    static Result<SrtpContext> restore(const SrtpSnapshot& snapshot);
    SrtpSnapshot snapshot() const;

    SrtpContext(SrtpContext&&) noexcept;
    SrtpContext& operator=(SrtpContext&&) noexcept;
    ~SrtpContext();

    // On anything but Ok the bytes are left in an unspecified state and must be dropped.
    // `buffer` begins with a packet of `length` bytes and has kSrtpOverheadMax to spare.
    SrtpOutcome protect(std::span<uint8_t> buffer, size_t length);
    SrtpOutcome protect_rtcp(std::span<uint8_t> buffer, size_t length);
    SrtpOutcome unprotect(std::span<uint8_t> packet);
    SrtpOutcome unprotect_rtcp(std::span<uint8_t> packet);

    SrtpSuite suite() const { return suite_; }
    bool same_key(SrtpSuite suite, BytesView key_and_salt) const;

 private:
    SrtpContext(SrtpSuite suite, SrtpUse use, BytesView key_and_salt);
    bool open_rtp(const Header& header, uint64_t index, std::span<uint8_t> packet);
    std::optional<uint64_t> find_rollovers(const Header& header, std::span<uint8_t> packet);
    SrtpSource* find(uint32_t ssrc);
    SrtpSource* adopt(uint32_t ssrc);  // nullptr: no room for a sender

    SrtpSuite suite_;
    SrtpUse use_;
    Bytes key_and_salt_;
    std::unique_ptr<SrtpCipher> rtp_cipher_;
    std::unique_ptr<SrtpCipher> rtcp_cipher_;
    std::vector<SrtpSource> sources_;  // at most kSrtpSourcesMax, reserved by create()
    size_t recent_ = 0;
    uint64_t uses_ = 0;
    bool heard_ = false;  // a packet has authenticated
    uint32_t searches_left_ = kRolloverSearchesMax;
};

}  // namespace tandem::rtp
