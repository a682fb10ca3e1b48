// The sounds that a gate plays: tones and the melody, made when they are first wanted, and the
// files that domains have.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "audio/sounds.h"
#include "base/bytes.h"
#include "base/instant.h"
#include "ports/media_port.h"

namespace tandem::roles::media_gate {

// Owned by its gate.
class SoundShelf {
 public:
    // The file has been asked for: silence for a moment, unless a former one is here.
    void expect(Instant now, MusicId id);
    // The file that the domain's music is now; empty: none. Read again only when it is another one.
    // The one that nobody has heard for longest makes way for it.
    void take(Instant now, MusicId id, BytesView file);
    // What is to be heard. A file that is not here: the melody.
    const audio::Sound& find(Instant now, const ports::MediaPlay& play);

    size_t files() const { return files_.size(); }

 private:
    struct File {
        uint64_t digest = 0;
        audio::Sound sound;
        Instant used;
    };
    const audio::Sound& made(size_t which);

    std::map<MusicId, Instant> expected_;              // until when; at most kMusicAskedMax
    std::map<MusicId, File> files_;                    // at most kMusicFilesMax
    std::array<std::optional<audio::Sound>, 5> made_;  // by MediaSound, less Mix
};

}  // namespace tandem::roles::media_gate
