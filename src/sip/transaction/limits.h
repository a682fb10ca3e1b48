// Bounds of the transaction layer.
#pragma once

#include <cstddef>

namespace tandem::sip {

// Transactions of one layer (one shard), both directions. A call that is answered and ended holds
// about ten, each for up to 32 s over UDP; at 500 calls/s that is 160 000, of about 2 KiB.
inline constexpr size_t transactions_max = 262'144;
// What is left of them when requests that begin something new are refused with 503, so that the
// calls that exist still have room for their BYEs.
inline constexpr size_t transactions_reserve_divisor = 8;

}  // namespace tandem::sip
