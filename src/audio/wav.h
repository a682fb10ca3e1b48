// WAV files: RIFF with a `fmt ` and a `data` chunk (Microsoft's RIFF MCI specification 1.0).
#pragma once

#include "audio/sounds.h"
#include "base/bytes.h"
#include "base/result.h"

namespace tandem::audio {

// One channel, 8000 or 16000 samples a second, PCM of 16 bits or G.711 (formats 1, 6 and 7; 6 and 7
// with 8000 only). The error's message says what the file has instead, and what is taken.
Result<Sound> read_wav(BytesView file);

// The sound as a file of format 6 (A-law): half of what PCM takes.
Bytes write_wav(const Sound& sound);

}  // namespace tandem::audio
