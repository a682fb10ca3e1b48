// Bounds of the transaction layer.
#pragma once

#include <cstddef>

namespace tandem::sip {

// Transactions of one layer (one shard), both directions. A call that is answered and ended holds
// about ten, each for up to 32 s over UDP; at 500 calls/s that is 160 000, of about 2 KiB.
inline constexpr size_t transactions_max = 262'144;
// Share of them from which new requests that start a call or a registration are refused with 503,
// so that the calls that exist still have room for their BYEs.
inline constexpr size_t transactions_for_new_calls_max = transactions_max / 8 * 7;

}  // namespace tandem::sip
