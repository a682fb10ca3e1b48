// Bounds of the media gate controller, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/instant.h"

namespace tandem::roles::media_gate_controller {

// Placements remembered so that a call that asks again meets the same gate: 64 bytes each, and at
// 300 calls/s three minutes of them, longer than any retry.
inline constexpr size_t kRemembered = 65'536;
// A gate reports its load each second. One that missed three reports is not given new calls as long
// as another one reports.
inline constexpr Duration kLoadFresh = 3500ms;
// A call with two phones and RTCP takes four ports; used until the gate's next report counts them.
inline constexpr uint32_t kPortsOfACall = 4;
// Above this share of its ports a gate gets no new calls: the rest is for re-INVITEs of calls that
// it has.
inline constexpr double kFull = 0.97;
inline constexpr size_t kGatesMax = 1'024;  // more MGs than a site has servers

}  // namespace tandem::roles::media_gate_controller
