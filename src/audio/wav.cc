#include "audio/wav.h"

#include <optional>
#include <string>

#include "audio/g711.h"

namespace tandem::audio {
namespace {

constexpr uint16_t kPcm = 1;
constexpr uint16_t kALaw = 6;
constexpr uint16_t kMuLaw = 7;
constexpr uint16_t kExtensible = 0xFFFE;
constexpr size_t kHeaderBytes = 12;
constexpr size_t kChunkHeaderBytes = 8;
constexpr size_t kFormatBytes = 16;

uint16_t load16(const uint8_t* at) {
    return static_cast<uint16_t>(at[0] | at[1] << 8);
}
uint32_t load32(const uint8_t* at) {
    return load16(at) | static_cast<uint32_t>(load16(at + 2)) << 16;
}
void add16(Bytes& out, uint16_t value) {
    out.push_back(static_cast<uint8_t>(value));
    out.push_back(static_cast<uint8_t>(value >> 8));
}
void add32(Bytes& out, uint32_t value) {
    add16(out, static_cast<uint16_t>(value));
    add16(out, static_cast<uint16_t>(value >> 16));
}
void add_word(Bytes& out, std::string_view word) {
    out.insert(out.end(), word.begin(), word.end());
}
bool is_word(const uint8_t* at, std::string_view word) {
    return std::string_view(reinterpret_cast<const char*>(at), word.size()) == word;
}

Error unfit(std::string_view what) {
    return make_error(ErrorCode::OutOfRange, "",
                      std::string(what) +
                          "; a WAV file with one channel, 8000 or 16000 samples a second, and 16 "
                          "bits or G.711 is needed");
}

struct Format {
    uint16_t code = 0;
    uint16_t channels = 0;
    uint32_t rate = 0;
    uint16_t bits = 0;
};

struct Parts {
    std::optional<Format> format;
    std::optional<BytesView> data;
};

Format format_of(BytesView chunk) {
    Format format{load16(&chunk[0]), load16(&chunk[2]), load32(&chunk[4]), load16(&chunk[14])};
    // The true format is in the first two bytes of the sub-format's GUID.
    if (format.code == kExtensible && chunk.size() >= 26) format.code = load16(&chunk[24]);
    return format;
}

Result<Parts> parts_of(BytesView file) {
    if (file.size() < kHeaderBytes || !is_word(&file[0], "RIFF") || !is_word(&file[8], "WAVE"))
        return unfit("this is no WAV file");
    Parts parts;
    size_t at = kHeaderBytes;
    for (size_t count = 0; at + kChunkHeaderBytes <= file.size(); ++count) {
        if (count >= kWavChunksMax) return unfit("the file has too many chunks");
        const uint8_t* head = &file[at];
        at += kChunkHeaderBytes;
        // Programs that write into a pipe never come back to fill in the length.
        const size_t length = std::min<size_t>(load32(head + 4), file.size() - at);
        const BytesView chunk = file.subspan(at, length);
        if (is_word(head, "fmt ") && length >= kFormatBytes) parts.format = format_of(chunk);
        if (is_word(head, "data")) {
            parts.data = chunk;
            break;
        }
        at += length + (length & 1);  // chunks begin at even places
        if (at > file.size()) break;
    }
    return parts;
}

Result<void> check(const Format& format) {
    if (format.code != kPcm && format.code != kALaw && format.code != kMuLaw)
        return unfit("the file is of format " + std::to_string(format.code));
    if (format.channels != 1)
        return unfit("the file has " + std::to_string(format.channels) + " channels");
    const uint16_t bits = format.code == kPcm ? 16 : 8;
    if (format.bits != bits)
        return unfit("the file has samples of " + std::to_string(format.bits) + " bits");
    const bool twice = format.code == kPcm && format.rate == 2 * kSampleRate;
    if (format.rate != kSampleRate && !twice)
        return unfit("the file has " + std::to_string(format.rate) + " samples a second");
    return {};
}

// Half as many samples, each with its neighbours, so that little of what is above 4 kHz comes back
// as something else.
void halve(std::vector<int16_t>& samples) {
    std::vector<int16_t> out;
    out.reserve(samples.size() / 2);
    const auto at = [&](size_t i) { return int{samples[std::min(i, samples.size() - 1)]}; };
    for (size_t i = 0; i + 1 < samples.size(); i += 2) {
        const int before = i == 0 ? at(0) : at(i - 1);
        out.push_back(static_cast<int16_t>((before + 2 * at(i) + at(i + 1)) / 4));
    }
    samples = std::move(out);
}

}  // namespace

Result<Sound> read_wav(BytesView file) {
    const Parts parts = TRY(parts_of(file));
    if (!parts.format || !parts.data) return unfit("the file has no format or no data");
    TRY(check(*parts.format));
    Sound sound;
    const BytesView data = *parts.data;
    if (parts.format->code == kPcm) {
        for (size_t i = 0; i + 1 < data.size(); i += 2)
            sound.samples.push_back(static_cast<int16_t>(load16(&data[i])));
        if (parts.format->rate != kSampleRate) halve(sound.samples);
    } else {
        sound.samples.resize(data.size());
        decode(parts.format->code == kALaw ? Law::A : Law::Mu, data, sound.samples);
    }
    if (sound.samples.size() < kWavSamplesMin) return unfit("the file is shorter than 0.1 s");
    return sound;
}

Bytes write_wav(const Sound& sound) {
    const auto size = static_cast<uint32_t>(sound.samples.size());
    Bytes out;
    out.reserve(size + 48);
    add_word(out, "RIFF");
    add32(out, size + (size & 1) + 4 + kChunkHeaderBytes + 18 + kChunkHeaderBytes);
    add_word(out, "WAVEfmt ");
    add32(out, 18);  // formats other than PCM say how much they add: nothing
    add16(out, kALaw);
    add16(out, 1);
    add32(out, kSampleRate);
    add32(out, kSampleRate);  // bytes a second
    add16(out, 1);
    add16(out, 8);
    add16(out, 0);
    add_word(out, "data");
    add32(out, size);
    for (const int16_t sample : sound.samples) out.push_back(encode(Law::A, sample));
    if ((size & 1) != 0) out.push_back(0);
    return out;
}

}  // namespace tandem::audio
