// Control of media: B2B asks the media gate controller (MGC) for a place and then speaks to that
// media gate (MG) itself. Terms follow H.248: a context joins terminations; each termination has
// streams.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/net_address.h"
#include "base/result.h"
#include "model/ids.h"
#include "ports/address.h"

namespace tandem::ports {

struct MediaPlace {  // to MGC
    CallId call;
    DomainId domain;
};
struct MediaPlaced {
    Instance media_gate;         // nobody: see error
    std::optional<Error> error;  // Unavailable: no media gate has room
};

enum class MediaKind : uint8_t { Audio, Video, Other };
enum class MediaDirection : uint8_t { SendRecv, SendOnly, RecvOnly, Inactive };
enum class SrtpSuite : uint8_t {
    None,
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    AesCm256HmacSha1_80,
    AeadAes128Gcm,
    AeadAes256Gcm,
};

// One direction of SRTP: the suite with master key and salt concatenated, as in a=crypto.
struct SrtpKey {
    SrtpSuite suite = SrtpSuite::None;
    Bytes key_and_salt;
    friend bool operator==(const SrtpKey&, const SrtpKey&) = default;
};

// What signalling knows of one stream (one m-line) of one party.
struct StreamSettings {
    MediaKind kind = MediaKind::Audio;
    bool enabled = true;                       // false: m-line with port 0
    bool rtcp_mux = false;                     // agreed with this party (RFC 5761)
    std::optional<SocketAddress> remote_rtp;   // from the party's SDP; nullopt: not known yet
    std::optional<SocketAddress> remote_rtcp;  // nullopt: remote_rtp's port + 1, or mux
    MediaDirection direction =
        MediaDirection::SendRecv;      // as seen by the party: it sends, it receives
    SrtpKey from_party;                // decrypts what the party sends
    SrtpKey to_party;                  // encrypts what we send it
    uint8_t telephone_event_type = 0;  // RFC 4733 payload type; 0: none
    friend bool operator==(const StreamSettings&, const StreamSettings&) = default;
};

// Adds a termination, or changes it when it exists. Streams keep their ports; new m-lines get new
// ones.
struct TerminationSettings {
    uint32_t termination = 0;                  // chosen by the asker, unique in its context
    AddressFamily family = AddressFamily::V4;  // of the address that the party is to send to
    IpAddress signalling_source;               // where the party's SIP comes from; may latch there
    std::vector<StreamSettings> streams;
    // Ports that the party knows from a context that was lost, by stream (0: none): it gets them
    // again where they are free.
    std::vector<uint16_t> ports_wanted;
    bool reports_keys = false;  // the owner hears of each key that the party presses (RFC 4733)
};

// What the media gate itself can make and read, by the numbers of audio::Codec.
enum class MediaCodec : uint8_t { Pcma, Pcmu, G722, Opus };
enum class MediaSound : uint8_t {
    Music,     // a domain's, or the built-in melody: for those who wait
    Ringback,  // tones, as in src/audio/sounds.h
    Busy,
    Congestion,
    Beep,
    Mix,  // what others of the context say, added up
};
// A voice in a mix, and how it comes: once for each format that its party may send.
struct MediaVoice {
    uint32_t termination = 0;
    uint32_t stream = 0;
    MediaCodec codec = MediaCodec::Pcma;
    uint8_t payload_type = 8;
    friend bool operator==(const MediaVoice&, const MediaVoice&) = default;
};
// What one party hears from the gate instead of the others, until something else or nothing is
// played. A party that is told twice of the same goes on hearing it.
struct MediaPlay {
    uint32_t termination = 0;
    uint32_t stream = 0;  // index of the m-line
    MediaCodec codec = MediaCodec::Pcma;
    uint8_t payload_type = 8;  // that the party takes the codec by
    MediaSound sound = MediaSound::Music;
    // Of Music: the file, in the domain that has it. Nil, or one that is gone: the melody.
    DomainId domain;
    MusicId music;
    std::vector<MediaVoice> voices;  // of a Mix
    bool once = false;               // else again and again; at its end the owner hears Played
    friend bool operator==(const MediaPlay&, const MediaPlay&) = default;
};

// One letter carries all changes of one moment: they are applied in the order of these members.
struct MediaRequest {
    CallId context;
    std::vector<TerminationSettings> set;
    std::vector<uint32_t> remove;
    std::vector<uint32_t> stop_playing;  // terminations that hear the others again
    std::vector<MediaPlay> play;
    // Who hears whom: both ways between each pair. Replaces the former list when set.
    std::optional<std::vector<std::pair<uint32_t, uint32_t>>> joined;
    // One way: the first of each pair is heard by the second. Replaces the former list when set.
    std::optional<std::vector<std::pair<uint32_t, uint32_t>>> heard;
    bool must_exist = false;         // NotFound when MG does not have it, instead of making it
    bool close = false;              // ends the context; the reply has the final statistics
    uint32_t silence_timeout_s = 0;  // of the context; 0: the media gate's default
};

struct LocalStream {
    SocketAddress rtp;   // advertised addresses, for our SDP
    SocketAddress rtcp;  // equals rtp when multiplexed
    friend bool operator==(const LocalStream&, const LocalStream&) = default;
};
struct LocalTermination {
    uint32_t termination = 0;
    std::vector<LocalStream> streams;
};

// One stream of one termination, both directions. RFC 3550 6.4, 7.
struct StreamStatistics {
    uint32_t termination = 0;
    uint32_t stream = 0;  // index of the m-line
    MediaKind kind = MediaKind::Audio;
    uint64_t packets_received = 0;
    uint64_t bytes_received = 0;
    uint64_t packets_sent = 0;
    uint64_t bytes_sent = 0;
    uint64_t packets_lost = 0;
    uint64_t packets_refused = 0;  // stranger's address, failed authentication, replay
    double jitter_ms = 0;
    double round_trip_ms = 0;  // 0: unknown
    double mos = 0;            // estimate, 1..4.5; 0: nothing was heard
    bool srtp = false;
};

struct MediaReply {
    CallId context;
    std::optional<Error> error;           // on an error nothing of the request was applied
    std::vector<LocalTermination> local;  // of the terminations that were set
    // Of all terminations, when closed or asked; of those that were removed.
    std::vector<StreamStatistics> statistics;
};
struct MediaStatisticsQuery {
    CallId context;
};

// Unasked, from MG to the B2B instance that made the context.
struct MediaEvent {
    enum class Kind : uint8_t {
        Silence,     // nobody is heard, although somebody said that he would send
        SoundAgain,  // after it
        Lost,        // a stream has no port any more
        Played,      // a file that was to be played once has ended
        Idle,        // nobody is heard or has anything to say: is the call still there?
        Key,         // a party whose keys are wanted has pressed one
    };
    CallId context;
    Kind kind = Kind::Silence;
    uint32_t termination = 0;
    uint32_t stream = 0;
    uint8_t key = 0;  // of Key: '0' to '9', '*', '#', 'A' to 'D'
};

// MG to MGC, at least each second.
struct MediaLoad {
    Instance media_gate;
    uint32_t contexts = 0;
    uint32_t ports_used = 0;
    uint32_t ports_total = 0;
};

// After its own restart a B2B lists the contexts that it still knows; MG closes the others of that
// B2B.
struct MediaReconcile {
    Instance owner;
    std::vector<CallId> alive;
};

// Between MG and the runtime (kMediaPorts): sockets are opened by request and feed the media gate.
struct MediaPortOpen {
    SocketAddress local;   // the address to bind
    uint32_t port_id = 0;  // MG's name for it
};
struct MediaPortClose {
    uint32_t port_id = 0;
};
struct MediaPortFailed {
    uint32_t port_id = 0;
    Error error;
};

}  // namespace tandem::ports
