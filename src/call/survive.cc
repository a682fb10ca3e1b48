// How a call is put down as plain values, and taken up again by the next incarnation of its owner
// or by another one.
#include "call/call.h"
#include "call/limits.h"
#include "sip/dialog/limits.h"

namespace tandem::call {
namespace {

PartySnapshot snapshot_of(uint8_t index, const Party& party) {
    PartySnapshot snapshot;
    snapshot.index = index;
    snapshot.leg = party.leg.snapshot();
    snapshot.media = party.media;
    snapshot.flow = party.flow;
    snapshot.user_agent = party.user_agent;
    snapshot.started = party.started;
    snapshot.answered = party.answered;
    return snapshot;
}

Party party_of(PartySnapshot& snapshot) {
    Party party{sip::Leg::restore(std::move(snapshot.leg)), std::move(snapshot.media),
                snapshot.flow, std::move(snapshot.user_agent)};
    party.started = snapshot.started;
    party.answered = snapshot.answered;
    if (party.answered.unix_ms != 0) party.status = 200;
    return party;
}

// What the snapshot could not know. CSeq may have risen since: the phones must see it rise (RFC
// 3261 12.2.2). A 2xx whose time is over was acknowledged, or the call ended; no ACK is missed.
void make_current(sip::LegSnapshot& leg, Instant now) {
    if (leg.dialog) leg.dialog->dialog.local_cseq += sip::cseq_skip_on_take_over;
    if (leg.two_hundred && leg.two_hundred->give_up && *leg.two_hundred->give_up <= now) {
        leg.two_hundred.reset();
    }
    if (leg.session_timer.refresh && *leg.session_timer.refresh <= now) {
        leg.session_timer.refresh = now;
    }
}

// Where a branch was that did not matter any more.
std::unique_ptr<Branch> empty_place(uint64_t base, size_t index) {
    auto place = std::make_unique<Branch>(
        Branch{{sip::Leg(leg_key(base, static_cast<uint8_t>(index)), {}), {}, {}, {}}});
    place->state = BranchState::Lost;
    place->ports_released = true;
    return place;
}

}  // namespace

// The caller and the device that answered: branches that lost are of no use to anybody.
CallSnapshot Call::save(Now now) {
    save_wanted_ = false;
    CallSnapshot snapshot;
    snapshot.saved = now;
    snapshot.facts = facts_;
    snapshot.settings = settings_;
    snapshot.media_gate = media_gate_;
    snapshot.media_open = media_open_;
    snapshot.held = held_;
    snapshot.winner = winner_;
    snapshot.answered = answered_;
    if (caller_) snapshot.parties.push_back(snapshot_of(0, *caller_));
    if (winner_ != 0) {
        const Branch& won = *branches_[winner_ - 1];
        PartySnapshot party = snapshot_of(winner_, won.party);
        party.destination = won.destination;
        party.contact = won.binding.contact;
        party.instance_id = won.binding.instance_id;
        party.reg_id = won.binding.reg_id;
        snapshot.parties.push_back(std::move(party));
    }
    return snapshot;
}

// Indexes of legs stay, as tags and Contacts carry them: lost branches leave empty places.
Call Call::restore(CallSnapshot snapshot, Now now) {
    Call call(std::move(snapshot.facts), std::move(snapshot.settings));
    call.phase_ = Phase::Established;
    call.media_gate_ = snapshot.media_gate;
    call.media_open_ = snapshot.media_open;
    call.held_ = snapshot.held;
    call.winner_ = snapshot.winner;
    call.answered_ = snapshot.answered;
    call.saved_ = true;
    call.survived_ = true;
    call.report_due_ = true;
    for (PartySnapshot& party : snapshot.parties) {
        make_current(party.leg, now.mono);
        if (party.index == 0) {
            call.caller_.emplace(party_of(party));
            continue;
        }
        if (party.index != snapshot.winner) continue;
        while (call.branches_.size() + 1 < party.index) {
            call.branches_.push_back(empty_place(call.base(), call.branches_.size() + 1));
        }
        auto won = std::make_unique<Branch>(Branch{party_of(party)});
        won->state = BranchState::Won;
        won->ports_asked = true;
        won->destination = std::move(party.destination);
        won->binding.contact = std::move(party.contact);
        won->binding.instance_id = std::move(party.instance_id);
        won->binding.reg_id = party.reg_id;
        won->binding.flow = party.flow;
        call.branches_.push_back(std::move(won));
    }
    return call;
}

void Call::take_over(CallContext& ctx, Duration audit_after) {
    audit_at_ = ctx.now.mono + audit_after;
    const auto left =
        settings_.duration_max - std::chrono::milliseconds(ctx.now.utc.unix_ms - answered_.unix_ms);
    longest_ = ctx.now.mono + left;
}

}  // namespace tandem::call
