// Bounds of a media gate, and the times of its latching rules.
#pragma once

#include <cstddef>

#include "audio/limits.h"
#include "base/instant.h"
#include "rtp/limits.h"
#include "rtp/packet.h"

namespace tandem::roles::media_gate {

// Of a context: the caller and all that one page calls, 32, with room for who replaces others.
inline constexpr size_t kTerminationsMax = 48;
inline constexpr size_t kStreamsMax = 16;      // of a termination: as many m-lines as sdp takes
inline constexpr size_t kAudioSourcesMax = 1;  // SSRCs at once of an unauthenticated audio stream
inline constexpr size_t kVideoSourcesMax =
    4;  // video repeats and simulcasts with SSRCs of their own
// Keys of one stream: a key and the pause behind it take 40 ms each at least (ITU-T Q.24). What is
// more is a flood, which must not become one of letters.
inline constexpr size_t kKeysPerSecondMax = 25;
// Keys pressed that owners have still to be told of, which is done in the same turn: as many as all
// phones of a full gate may begin in 10 ms. Others are lost.
inline constexpr size_t kKeysUntoldMax = 256;
inline constexpr size_t kReportsRemembered =
    4;  // SRs passed on that may be echoed: 20 s of reports
// The largest packet that a copy is made of, when a stream has several listeners.
inline constexpr size_t kCopyBytesMax = rtp::kPacketBytesMax + rtp::kSrtpOverheadMax;

// A source that sends speaks at least each 60 ms; three packets missing is a pause, not jitter.
inline constexpr Duration kSourcePause = 200ms;
// After so long a party at an address that signalling vouches for may come from another port:
// longer than any jitter buffer, so that two live senders never alternate.
inline constexpr Duration kMoveSilence = 500ms;
// From an address that nobody vouches for, only the same source, continued, and after this.
inline constexpr Duration kStrangerSilence = 1s;
// How far sequence numbers may have moved on meanwhile: 10 s of 20 ms packets.
inline constexpr int kContinuationPackets = 500;
// A packet this far behind was overtaken; one further behind begins a new numbering.
inline constexpr int kReorderedMax = 100;
// Pairs of ports that rest before one of them is used again: 800 ms at 300 calls/s, longer than any
// packet of theirs is under way.
inline constexpr size_t kPairsResting = 512;
// What the gate plays goes out in packets of 20 ms.
inline constexpr Duration kPlayedPeriod = 20ms;
inline constexpr size_t kPlayedBytes = rtp::kFixedHeaderBytes + audio::kPayloadBytesMax;
// Packets that are later than this are left out: a jitter buffer holds some 60 ms.
inline constexpr Duration kPlayedLateMax = 60ms;
// Files of music in memory, 400 KiB each at most: those that domains of one gate play at one time.
inline constexpr size_t kMusicFilesMax = 32;
// Files that are being read, and how long a party waits in silence for one.
inline constexpr size_t kMusicAskedMax = 64;
inline constexpr Duration kMusicWait = 500ms;
// Silence and load are looked at so often.
inline constexpr Duration kTick = 1s;

}  // namespace tandem::roles::media_gate
