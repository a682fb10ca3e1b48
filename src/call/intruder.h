// A third party in an answered call of two: it listens, is heard by one of them, or by both. The
// two keep their dialogs and are told nothing; what they hear the media gate mixes where it has to.
// It has made an offer, and is answered in G.711, which the gate can mix.
//
// A part of Call, which it may look into.
#pragma once

#include <cstdint>
#include <optional>

#include "call/call_context.h"
#include "ports/media_port.h"
#include "routing/route.h"
#include "sdp/session.h"
#include "sip/dialog/leg_event.h"

namespace tandem::call {

class Call;
class CallValues;

inline constexpr uint8_t no_leg = 255;

struct IntruderInvite {
    AccountId of;  // whose call it is that is joined
    routing::JoinWish::Kind kind = routing::JoinWish::Kind::Listen;
    Destination who;
    sip::ServerKey server;
    ports::Flow flow;
    sip::Message message;
};

class Intruder {
 public:
    // 0, or the status that answers whoever wants to join the account's call. One may at a time.
    int refusal_of(const CallValues& call, DomainId domain, AccountId account) const;
    void take_in(Call& call, CallContext& ctx, IntruderInvite invite);
    // Of its leg.
    void on_event(Call& call, CallContext& ctx, sip::LegEvent& event);
    void on_ports(Call& call, CallContext& ctx, bool has_ports);
    // It is let go; nothing when there is none.
    void drop(Call& call, CallContext& ctx, int status);
    // After each step: whether the one whose call it is still talks.
    void settle(Call& call, CallContext& ctx);

    bool is_here() const { return index_ != 0; }
    bool hears() const { return is_answered_; }
    uint8_t index() const { return index_; }
    // Whom a leg of the call is to hear, if not just the other one; empty: as without an intruder.
    std::vector<uint8_t> voices_for(const CallValues& call, uint8_t index) const;

 private:
    void on_incoming(Call& call, CallContext& ctx, sip::LegEvent& event);
    void on_offer(Call& call, CallContext& ctx, sip::LegEvent& event);
    void left(Call& call, CallContext& ctx);

    uint8_t index_ = 0;  // of its leg; 0: there is none
    uint8_t of_ = 0;     // the leg of whom it was asked for
    routing::JoinWish::Kind kind_ = routing::JoinWish::Kind::Listen;
    bool is_answered_ = false;
    std::optional<sdp::Session> answer_;  // to its offer
};

}  // namespace tandem::call
