// Bounds of RTP and SRTP state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::rtp {

// The largest datagram that we take: an Ethernet frame of media, with room for jumbo test tools.
inline constexpr size_t kPacketBytesMax = 2048;
// Bytes that protecting may add: a 16-byte tag and the 4-byte SRTCP index.
inline constexpr size_t kSrtpOverheadMax = 20;
// SSRCs of one SRTP context: a party has one or two a stream; transfers and restarts bring new
// ones.
inline constexpr size_t kSrtpSourcesMax = 32;
// Rollover counters tried for the first source of a context: 64 times 65536 packets are a day of
// sound (20 ms), or 2 h of video at 500 packets/s.
inline constexpr uint32_t kRolloversTriedMax = 64;
// Packets for which they are tried, so that forgeries cost no more than this: 64 times 64 digests
// are 2 ms.
inline constexpr uint32_t kRolloverSearchesMax = 64;
// Packets of one compound RTCP packet; real ones have two to five.
inline constexpr size_t kRtcpPacketsMax = 32;
inline constexpr size_t kReportBlocksMax = 31;  // five-bit count (RFC 3550 6.4.1)
// A restored sender leaves out this many SRTCP indexes, for packets sent after its snapshot was
// taken: at one report a second, 18 hours.
inline constexpr uint32_t kRestoredIndexSkip = 65536;

}  // namespace tandem::rtp
