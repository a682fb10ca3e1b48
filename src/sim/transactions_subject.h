// The subject "transactions": a sip::TransactionLayer with its owner's part played by the ladder.
//
//   subject transactions transport=udp|tcp
//   > METHOD ...          a request arrives (ladder_text.h)
//   > STATUS c1 ...       a response arrives
//   send METHOD           the owner sends a request: c1, c2 ...
//   respond s1 STATUS     the owner answers: respond s1 200 tag=x
//   cancel c1 [reason]    the owner cancels
//   lost c1 STATUS        the gate could not send it
#pragma once

#include "sim/ladder.h"

namespace tandem::sim {

std::unique_ptr<LadderSubject> make_transactions_subject(const LadderStep& first);

}  // namespace tandem::sim
