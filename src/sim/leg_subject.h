// The subject "leg": one sip::Leg over a TransactionLayer, both sides of it played by the ladder.
//
//   subject leg [transport=udp|tcp] [reliable=never|asked|can|required] [timer=off] [expires=S]
//               [min-se=S] [prefer-update] [credentials=user:password]
//   > METHOD ..., > STATUS c1 ...   what arrives (ladder_text.h); an INVITE without a call is
//   Incoming invite [sdp=], again [Header: details], ring STATUS [sdp=], answer [sdp=], reject
//   STATUS, prack sdp=, ack sdp=, reoffer [sdp=], accept s1 [sdp=], refuse s1 STATUS, send METHOD,
//   respond s1 STATUS, hangup       what the owner commands; details are headers of the Payload
//   lost c1 STATUS, take-over       the flow is gone; another instance goes on
//
// Results: messages sent, "tell ..." for each event, "no" where a command did nothing.
#pragma once

#include "sim/ladder.h"

namespace tandem::sim {

std::unique_ptr<LadderSubject> make_leg_subject(const LadderStep& first);

}  // namespace tandem::sim
