#include "audio/codec.h"

#include <opus/opus.h>
#include <spandsp/telephony.h>
// Needs the one before it.
#include <spandsp/g722.h>

#include <algorithm>

#include "audio/g711.h"
#include "base/check.h"

namespace tandem::audio {
namespace {

constexpr int kG722BitRate = 64000;
// Of speech and music in narrowband (RFC 6716 2.1.1 has 12 to 20 kbit/s for speech alone), at what
// costs little for each of those who wait.
constexpr int kOpusBitRate = 24000;
constexpr int kOpusComplexity = 5;

Law law_of(Codec codec) {
    return codec == Codec::Pcmu ? Law::Mu : Law::A;
}

template <typename T, auto end>
struct Ends {
    void operator()(T* of) const { end(of); }
};
template <typename T, auto end>
using Owned = std::unique_ptr<T, Ends<T, end>>;

}  // namespace

struct Encoder::State {
    Owned<g722_encode_state_t, g722_encode_free> g722;
    Owned<OpusEncoder, opus_encoder_destroy> opus;
};
struct Decoder::State {
    Owned<g722_decode_state_t, g722_decode_free> g722;
    Owned<OpusDecoder, opus_decoder_destroy> opus;
};

uint32_t clock_rate(Codec codec) {
    return codec == Codec::Opus ? 48000 : 8000;
}

Encoder::Encoder(Codec codec) : codec_(codec), state_(std::make_unique<State>()) {
    if (codec == Codec::G722) {
        state_->g722.reset(g722_encode_init(nullptr, kG722BitRate, G722_SAMPLE_RATE_8000));
        CHECK(state_->g722 != nullptr);
    }
    if (codec != Codec::Opus) return;
    int error = OPUS_OK;
    state_->opus.reset(opus_encoder_create(kSampleRate, 1, OPUS_APPLICATION_AUDIO, &error));
    CHECK(error == OPUS_OK);
    OpusEncoder* made = state_->opus.get();
    CHECK(opus_encoder_ctl(made, OPUS_SET_BITRATE(kOpusBitRate)) == OPUS_OK);
    CHECK(opus_encoder_ctl(made, OPUS_SET_COMPLEXITY(kOpusComplexity)) == OPUS_OK);
}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

size_t Encoder::encode(std::span<const int16_t, kFrameSamples> frame, std::span<uint8_t> out) {
    CHECK(out.size() >= kPayloadBytesMax);
    if (codec_ == Codec::G722) {
        return static_cast<size_t>(g722_encode(state_->g722.get(), out.data(), frame.data(),
                                               static_cast<int>(frame.size())));
    }
    if (codec_ == Codec::Opus) {
        const auto size =
            opus_encode(state_->opus.get(), frame.data(), static_cast<int>(frame.size()),
                        out.data(), static_cast<opus_int32>(kPayloadBytesMax));
        CHECK(size > 0);
        return static_cast<size_t>(size);
    }
    audio::encode(law_of(codec_), frame, out);
    return frame.size();
}

Decoder::Decoder(Codec codec) : codec_(codec), state_(std::make_unique<State>()) {
    if (codec == Codec::G722) {
        state_->g722.reset(g722_decode_init(nullptr, kG722BitRate, G722_SAMPLE_RATE_8000));
        CHECK(state_->g722 != nullptr);
    }
    if (codec != Codec::Opus) return;
    int error = OPUS_OK;
    state_->opus.reset(opus_decoder_create(kSampleRate, 1, &error));
    CHECK(error == OPUS_OK);
}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

size_t Decoder::decode(std::span<const uint8_t> payload, std::span<int16_t> out) {
    CHECK(out.size() >= kMixSamplesMax);
    if (payload.empty()) return 0;
    if (codec_ == Codec::Opus) {
        const int samples =
            opus_decode(state_->opus.get(), payload.data(), static_cast<opus_int32>(payload.size()),
                        out.data(), static_cast<int>(kMixSamplesMax), 0);
        return static_cast<size_t>(std::max(samples, 0));
    }
    if (payload.size() > kMixSamplesMax) return 0;  // the others have a byte a sample
    if (codec_ == Codec::G722) {
        return static_cast<size_t>(g722_decode(state_->g722.get(), out.data(), payload.data(),
                                               static_cast<int>(payload.size())));
    }
    audio::decode(law_of(codec_), payload, out);
    return payload.size();
}

}  // namespace tandem::audio
