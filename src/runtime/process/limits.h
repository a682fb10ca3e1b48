// Bounds of supervision, each with its reason.
#pragma once

#include <chrono>

namespace tandem::runtime {

// A node that died once is back before its neighbours have finished suspecting it; one that dies at
// once each time costs a start every ten seconds.
inline constexpr std::chrono::milliseconds restart_pause_first{10};
inline constexpr std::chrono::milliseconds restart_pause_last{10'000};
// One that lived for so long had started (that takes a quarter of it) and served: whatever killed
// it is no reason to wait.
inline constexpr std::chrono::milliseconds restart_pause_forgotten{1'000};

}  // namespace tandem::runtime
