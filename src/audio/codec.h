// Sound as the payload of RTP packets and back: G.711 by our own tables, G.722 by spandsp, Opus by
// libopus. All of them from and to kSampleRate: of G.722 the lower band is made, of Opus its
// narrowband; whatever comes is read.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "audio/limits.h"

namespace tandem::audio {

enum class Codec : uint8_t { Pcma, Pcmu, G722, Opus };

// Of RTP timestamps: 8000 for G.722, too (RFC 3551 4.5.2), 48000 for Opus, whatever it carries
// (RFC 7587 4.1).
uint32_t clock_rate(Codec codec);

// One stream of packets of 20 ms: G.722 and Opus go on from what was before.
class Encoder {
 public:
    explicit Encoder(Codec codec);
    Encoder(Encoder&&) noexcept;
    Encoder& operator=(Encoder&&) noexcept;
    ~Encoder();
    Codec codec() const { return codec_; }
    // The size of the payload, at the start of `out`, which has room for kPayloadBytesMax.
    size_t encode(std::span<const int16_t, kFrameSamples> frame, std::span<uint8_t> out);

 private:
    struct State;  // of the library
    Codec codec_;
    std::unique_ptr<State> state_;
};

class Decoder {
 public:
    explicit Decoder(Codec codec);
    Decoder(Decoder&&) noexcept;
    Decoder& operator=(Decoder&&) noexcept;
    ~Decoder();
    Codec codec() const { return codec_; }
    // The number of samples at the start of `out`, which has room for kMixSamplesMax. 0: the
    // payload has more, or is no such sound.
    size_t decode(std::span<const uint8_t> payload, std::span<int16_t> out);

 private:
    struct State;
    Codec codec_;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::audio
