#include "roles/media_gate/sound_shelf.h"

#include <algorithm>

#include "audio/wav.h"
#include "base/crypto.h"
#include "roles/media_gate/limits.h"

namespace tandem::roles::media_gate {
namespace {

// Tells one content of a file from another; nobody gains from two that are taken for the same.
constexpr SipHashKey kDigestKey{0x6d75736963, 1};

audio::Sound make(ports::MediaSound sound) {
    switch (sound) {
        case ports::MediaSound::Music:
            return audio::melody();
        case ports::MediaSound::Ringback:
            return audio::tone(audio::Tone::Ringback);
        case ports::MediaSound::Busy:
            return audio::tone(audio::Tone::Busy);
        case ports::MediaSound::Congestion:
            return audio::tone(audio::Tone::Congestion);
        case ports::MediaSound::Beep:
            return audio::tone(audio::Tone::Beep);
        case ports::MediaSound::Mix:  // has its own samples
            break;
    }
    return {};
}

}  // namespace

void SoundShelf::expect(Instant now, MusicId id) {
    std::erase_if(expected_, [&](const auto& each) { return each.second <= now; });
    if (expected_.size() < kMusicAskedMax) expected_[id] = now + kMusicWait;
}

void SoundShelf::take(Instant now, MusicId id, BytesView file) {
    expected_.erase(id);
    const uint64_t digest = siphash(kDigestKey, file);
    const auto found = files_.find(id);
    if (found != files_.end() && found->second.digest == digest) return;
    auto sound = audio::read_wav(file);
    if (!sound) {  // there is none: the store has checked what there is
        if (file.empty()) files_.erase(id);
        return;
    }
    if (found == files_.end() && files_.size() >= kMusicFilesMax) {
        files_.erase(std::ranges::min_element(files_, {},
                                              [](const auto& each) { return each.second.used; }));
    }
    files_[id] = {digest, std::move(*sound), now};
}

const audio::Sound& SoundShelf::find(Instant now, const ports::MediaPlay& play) {
    if (play.sound == ports::MediaSound::Music && !play.music.is_nil()) {
        const auto found = files_.find(play.music);
        if (found != files_.end()) {
            found->second.used = now;
            return found->second.sound;
        }
        static const audio::Sound silence{std::vector<int16_t>(audio::kSampleRate)};
        const auto expected = expected_.find(play.music);
        if (expected != expected_.end() && now < expected->second) return silence;
    }
    return made(static_cast<size_t>(play.sound));
}

const audio::Sound& SoundShelf::made(size_t which) {
    auto& place = made_.at(which);
    if (!place) place = make(static_cast<ports::MediaSound>(which));
    return *place;
}

}  // namespace tandem::roles::media_gate
