// Bounds on what a description may hold. A browser's offer with two streams has about 8 KiB, 250
// lines and 120 attributes a stream; a phone's a tenth of that.
#pragma once

#include <cstddef>

namespace tandem::sdp {

inline constexpr size_t kDescriptionBytesMax =
    32 * 1024;  // four times the largest seen from browsers
inline constexpr size_t kLinesMax = 1024;
inline constexpr size_t kMediaMax = 16;    // audio, video, slides, fax, data and room to spare
inline constexpr size_t kFormatsMax = 64;  // payload types of an m-line; 96-127 and the static ones
inline constexpr size_t kAttributesMax = 256;  // a section (session or media)
inline constexpr size_t kBandwidthsMax = 8;    // b= lines of a section: AS, CT, TIAS, RR, RS
inline constexpr size_t kCryptoLinesMax = 16;  // a=crypto lines of an m-line
inline constexpr size_t kTimesMax = 8;         // t= lines; calls have one

}  // namespace tandem::sdp
