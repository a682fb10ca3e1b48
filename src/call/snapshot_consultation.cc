#include "call/snapshot_consultation.h"

#include <algorithm>

#include "call_snapshot.pb.h"

namespace tandem::call {

void encode_consultation(const TransferSnapshot& from, proto::CallSnapshot& out) {
    out.set_asks_first(from.asks_first);
    if (from.waiting) out.set_waiting(*from.waiting);
    if (from.consulted) out.set_consulted(*from.consulted);
}

// Three different ones, of whom two talk, or it is none.
void decode_consultation(const proto::CallSnapshot& in, TransferSnapshot& out) {
    out.asks_first = in.asks_first();
    if (!in.has_waiting() || !in.has_consulted() || !out.referrer || in.referrer_gone()) return;
    const bool is_here = std::ranges::any_of(
        in.parties(), [&](const auto& each) { return each.index() == in.waiting(); });
    const bool is_other = in.waiting() != in.near() && in.waiting() != in.winner();
    const uint32_t partner = in.referrer() == in.near() ? in.winner() : in.near();
    if (!is_here || !is_other || in.consulted() != partner || partner == 0) return;
    out.waiting = static_cast<uint8_t>(in.waiting());
    out.consulted = static_cast<uint8_t>(partner);
}

}  // namespace tandem::call
