// A phone that takes somebody's place in a call by itself: an INVITE with Replaces (RFC 3891), or a
// pick-up of a call that rings elsewhere. It has made an offer, and so had the one that it is
// joined with: each is answered with what both have in common (sdp/intersection.h).
//
// A part of Call, which it may look into.
#pragma once

#include <cstdint>
#include <optional>

#include "call/call_context.h"
#include "sdp/session.h"

namespace tandem::call {

class Call;
class CallValues;

struct NewcomerInvite {
    uint8_t replaces = 0;  // whose place it wants
    Destination who;       // as proved
    sip::ServerKey server;
    ports::Flow flow;
    sip::Message message;
};

class Newcomer {
 public:
    // 0, or the status that answers an INVITE for the place of leg `replaces`. RFC 3891 3.
    int refusal_of(const CallValues& call, uint8_t replaces, bool early_only) const;
    void take_in(Call& call, CallContext& ctx, NewcomerInvite invite);
    void on_incoming(Call& call, CallContext& ctx, sip::LegEvent& event);
    void on_ports(Call& call, CallContext& ctx, bool has_ports);
    void on_party_ended(Call& call, uint8_t index);
    bool is_here() const { return index_ != 0; }

 private:
    void reject(Call& call, CallContext& ctx, int status);
    void pick_up(Call& call, CallContext& ctx, uint8_t index);

    uint8_t index_ = 0;  // of its leg; 0: there is none, or it has its place
    uint8_t replaces_ = 0;
    bool picks_up_ = false;
    std::optional<sdp::Session> answer_;  // to its offer
};

}  // namespace tandem::call
