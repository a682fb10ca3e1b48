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

std::shared_ptr<void> opus_encoder() {
    int error = OPUS_OK;
    OpusEncoder* made = opus_encoder_create(kSampleRate, 1, OPUS_APPLICATION_AUDIO, &error);
    CHECK(error == OPUS_OK && made != nullptr);
    std::shared_ptr<void> owner(made, [](OpusEncoder* of) { opus_encoder_destroy(of); });
    CHECK(opus_encoder_ctl(made, OPUS_SET_BITRATE(kOpusBitRate)) == OPUS_OK);
    CHECK(opus_encoder_ctl(made, OPUS_SET_COMPLEXITY(kOpusComplexity)) == OPUS_OK);
    return owner;
}

std::shared_ptr<void> opus_decoder() {
    int error = OPUS_OK;
    OpusDecoder* made = opus_decoder_create(kSampleRate, 1, &error);
    CHECK(error == OPUS_OK && made != nullptr);
    return {made, [](OpusDecoder* of) { opus_decoder_destroy(of); }};
}

std::shared_ptr<void> g722_encoder() {
    auto* made = g722_encode_init(nullptr, kG722BitRate, G722_SAMPLE_RATE_8000);
    CHECK(made != nullptr);
    return {made, [](g722_encode_state_t* of) { g722_encode_free(of); }};
}

std::shared_ptr<void> g722_decoder() {
    auto* made = g722_decode_init(nullptr, kG722BitRate, G722_SAMPLE_RATE_8000);
    CHECK(made != nullptr);
    return {made, [](g722_decode_state_t* of) { g722_decode_free(of); }};
}

}  // namespace

uint32_t clock_rate(Codec codec) {
    return codec == Codec::Opus ? 48000 : 8000;
}

Encoder::Encoder(Codec codec) : codec_(codec) {
    if (codec == Codec::G722) state_ = g722_encoder();
    if (codec == Codec::Opus) state_ = opus_encoder();
}

size_t Encoder::encode(std::span<const int16_t, kFrameSamples> frame, std::span<uint8_t> out) {
    CHECK(out.size() >= kPayloadBytesMax);
    if (codec_ == Codec::G722) {
        auto* state = static_cast<g722_encode_state_t*>(state_.get());
        return static_cast<size_t>(
            g722_encode(state, out.data(), frame.data(), static_cast<int>(frame.size())));
    }
    if (codec_ == Codec::Opus) {
        auto* state = static_cast<OpusEncoder*>(state_.get());
        const auto size = opus_encode(state, frame.data(), static_cast<int>(frame.size()),
                                      out.data(), static_cast<opus_int32>(kPayloadBytesMax));
        CHECK(size > 0);
        return static_cast<size_t>(size);
    }
    audio::encode(law_of(codec_), frame, out);
    return frame.size();
}

Decoder::Decoder(Codec codec) : codec_(codec) {
    if (codec == Codec::G722) state_ = g722_decoder();
    if (codec == Codec::Opus) state_ = opus_decoder();
}

size_t Decoder::decode(std::span<const uint8_t> payload, std::span<int16_t> out) {
    CHECK(out.size() >= kMixSamplesMax);
    if (payload.empty()) return 0;
    if (codec_ == Codec::Opus) {
        auto* state = static_cast<OpusDecoder*>(state_.get());
        const int samples =
            opus_decode(state, payload.data(), static_cast<opus_int32>(payload.size()), out.data(),
                        static_cast<int>(kMixSamplesMax), 0);
        return static_cast<size_t>(std::max(samples, 0));
    }
    if (payload.size() > kMixSamplesMax) return 0;  // the others have a byte a sample
    if (codec_ == Codec::G722) {
        auto* state = static_cast<g722_decode_state_t*>(state_.get());
        return static_cast<size_t>(
            g722_decode(state, out.data(), payload.data(), static_cast<int>(payload.size())));
    }
    audio::decode(law_of(codec_), payload, out);
    return payload.size();
}

}  // namespace tandem::audio
