// What the gate itself says to one party: an RTP source of its own, at a pace of one packet each
// 20 ms. RFC 3550 5.1.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "audio/codec.h"
#include "audio/mixer.h"
#include "base/instant.h"
#include "ports/media_port.h"
#include "roles/media_gate/limits.h"
#include "roles/media_gate/sound_shelf.h"

namespace tandem::roles::media_gate {

// Owned by its stream for the rest of its life: whoever is played to again hears the same source,
// with a timestamp that has moved on as time has (RFC 3550 5.1), so that no jitter buffer takes the
// gap for loss.
class Player {
 public:
    struct Source {  // random at the beginning (RFC 3550 5.1, 8.1)
        uint32_t ssrc = 0;
        uint16_t sequence = 0;
        uint32_t timestamp = 0;
    };
    explicit Player(const Source& source) : source_(source) {}

    // `turn` tells this playing from those before it.
    void start(Instant now, const ports::MediaPlay& what, uint32_t turn);
    void stop() { plays_ = false; }
    bool plays() const { return plays_; }
    const ports::MediaPlay& what() const { return what_; }
    uint32_t turn() const { return turn_; }
    Instant due() const { return due_; }
    bool has_ended() const { return has_ended_; }  // of what is played once

    struct VoiceFormat {
        uint8_t payload_type = 0;
        audio::Decoder decoder;
    };
    // Somebody whom a mix may have as a voice. Owned here; routes of packets lead to it.
    struct Voice {
        uint32_t termination = 0;
        uint32_t stream = 0;
        std::vector<VoiceFormat> formats;
        audio::MixInput input;
    };
    std::vector<std::unique_ptr<Voice>>& voices() { return voices_; }
    // A plain packet of his.
    static void hear(Voice& voice, std::span<const uint8_t> packet);

    // The packet that is due, at the start of `out` (kPlayedBytes at least); its length, 0 when the
    // sound is at its end.
    size_t write_packet(Instant now, SoundShelf& sounds, std::span<uint8_t> out);

 private:
    using Frame = std::array<int16_t, audio::kFrameSamples>;
    void set_voices(const std::vector<ports::MediaVoice>& voices);
    void set_codec(audio::Codec codec);
    uint32_t ticks() const;  // of a packet
    bool fill(Instant now, SoundShelf& sounds, Frame& frame);

    // At rest while a codec of another clock is played.
    struct Rest {
        uint32_t clock = 0;
        Source source;
        Instant due;  // of the packet that `source` is the header of
    };
    Source source_;
    std::vector<Rest> rests_;  // at most one a clock
    ports::MediaPlay what_;
    std::optional<audio::Encoder> encoder_;
    std::vector<std::unique_ptr<Voice>> voices_;
    size_t position_ = 0;  // in the sound
    uint32_t turn_ = 0;
    Instant due_;  // of the packet that source_ is the header of
    bool plays_ = false;
    bool begins_ = false;  // the next packet is the first after silence
    bool has_ended_ = false;
    bool has_played_ = false;
};

}  // namespace tandem::roles::media_gate
