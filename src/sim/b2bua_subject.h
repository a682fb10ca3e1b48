// The subject "b2bua": the role B2B among a played registrar, media gate and store
// (roles/b2bua/stage.h), with phones that the ladder plays.
//
//   subject b2bua alice=1001:5001 bob=1002:5002 desk=1002:5003 [survival=none|all]
//                                  an account 1003@other.test is of the other domain of the stage
//   services 1002 {"forward_busy":"1003"}   what the account has set; it needs no phone; "@1003" is
//                                  the id of an account
//   group 300 {"name":"sales","ring_s":5} 1002 1003   a ring group and its members
//   code {"name":"busy","prefix":"*67*","action":"forward-busy-on"}   a feature code
//   queue 600 {"name":"help"} 1002 1003   a queue and its members, who are logged in
//   place 2                        CS says to the last call in a queue: two are ahead of it;
//   turn 1 1002, withdraw 1002     its first turn, with who is free; who is not asked any more;
//   full, nobody                   it has to leave, as the queue is full or nobody is logged in
//   calls 1002 2                   so many calls is 1002 in, as CS knows
//   rings 1002 1                   so many ring at 1002's
//   refuse changes                 as the store does what is not allowed
//   call alice 1002 [sdp=4000]     alice's phone calls, is challenged, and calls with credentials
//       Supported: timer           details are header lines, here and in responses
//   bob 180 [METHOD] [sdp=4100]    bob's phone answers the last METHOD (INVITE) that it got
//   alice BYE [sdp=]               a request within her call: ACK, BYE, CANCEL, INVITE, INFO ...
//   silence                        the media gate hears nothing any more
//   lose-media 40000               it has lost all its contexts, and gives out ports from there on
//   hold store, release store      its answers wait
//   restart                        the instance dies, and its next incarnation starts
//
// Results: what each phone gets, what the media gate is told, what is left in the store.
#pragma once

#include "sim/ladder.h"

namespace tandem::sim {

std::unique_ptr<LadderSubject> make_b2bua_subject(const LadderStep& first);

}  // namespace tandem::sim
