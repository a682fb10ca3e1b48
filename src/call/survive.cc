// How a call is put down as plain values, and taken up again by the next incarnation of its owner
// or by another one.
#include <algorithm>

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
    snapshot.wants_offer = party.knows_old_ports;
    snapshot.hears = party.hears;
    return snapshot;
}

PartySnapshot snapshot_of_branch(uint8_t index, const Branch& branch) {
    PartySnapshot snapshot = snapshot_of(index, branch.party);
    snapshot.destination = branch.destination;
    snapshot.contact = branch.binding.contact;
    snapshot.instance_id = branch.binding.instance_id;
    snapshot.reg_id = branch.binding.reg_id;
    snapshot.rings = branch.state == BranchState::Ringing;
    snapshot.may_try_other_profile = branch.may_try_other_profile;
    if (branch.is_pending()) snapshot.other_ways = branch.other_ways;
    return snapshot;
}

Party party_of(PartySnapshot& snapshot) {
    Party party{sip::Leg::restore(std::move(snapshot.leg)), std::move(snapshot.media),
                snapshot.flow, std::move(snapshot.user_agent)};
    party.started = snapshot.started;
    party.answered = snapshot.answered;
    party.knows_old_ports = snapshot.wants_offer;
    party.hears = snapshot.hears;
    if (party.answered.unix_ms != 0) party.status = 200;
    return party;
}

// No ACK is missed for a 2xx that was sent four times (RFC 3261 13.3.1.4): no snapshot tells of an
// ACK. If there was none after all, the phone does not know the call, and the audit ends it.
constexpr Duration kAcknowledgedAfter = 4s;

// A connection loses nothing as long as it lives, and this one may have died with its gate: a 2xx
// that is sent again would go nowhere. Whoever did not get it has given the call up by himself.
bool was_delivered(const sip::LegSnapshot& leg) {
    return leg.settings.envelope.hop.reliability() == sip::Reliability::Reliable &&
           leg.offers.state == sdp::OfferState::Stable;
}

// What the snapshot could not know.
void make_current(sip::LegSnapshot& leg, Instant now) {
    if (leg.two_hundred && leg.two_hundred->give_up) {
        const Instant sent = *leg.two_hundred->give_up - 64 * leg.settings.timers.t1;
        if (sent + kAcknowledgedAfter <= now || was_delivered(leg)) leg.two_hundred.reset();
    }
    sip::SessionTimerSnapshot& timer = leg.session_timer;
    if (timer.refresh && *timer.refresh <= now) timer.refresh = now;
    // A refresh changes no snapshot, so there may have been some: the session's time begins anew.
    const Duration interval = std::chrono::seconds(timer.interval_s);
    if (timer.expiry) timer.expiry = now + interval - std::min<Duration>(32s, interval / 3);
}

}  // namespace

namespace {

// Of a device that rings: what it was offered is in its INVITE, and may have been answered early.
void know_own_offer_again(sip::LegSnapshot& leg) {
    for (sip::LegDialogSnapshot& each : leg.early)
        each.dialog.local_cseq += sip::cseq_skip_on_take_over;
    if (leg.offers.local && leg.offers.remote) return;
    auto offer = sdp::parse(leg.invite.body());
    if (!offer) return;
    leg.offers.state = sdp::OfferState::LocalOffer;
    leg.offers.pending = std::move(*offer);
}

void resume(Branch& branch, PartySnapshot& from, const RingingSnapshot& way) {
    branch.state = from.rings ? BranchState::Ringing : BranchState::Inviting;
    branch.profile = branch.party.media.profile();
    branch.may_try_other_profile = from.may_try_other_profile;
    branch.other_ways = std::move(from.other_ways);
    const bool is_known = from.place != 0 && from.place <= way.destinations.size();
    if (is_known) branch.destination = way.destinations[from.place - 1u];
    if (!is_known) branch.destination.stage = way.stage;
    if (branch.party.leg.remote_sdp()) branch.answer = branch.party.leg.remote_sdp();
}

}  // namespace

std::unique_ptr<Branch> empty_place(uint64_t base, size_t index) {
    auto place = std::make_unique<Branch>(
        Branch{{sip::Leg(leg_key(base, static_cast<uint8_t>(index)), {}), {}, {}, {}}});
    place->state = BranchState::Lost;
    place->ports_released = true;
    return place;
}

bool CallValues::is_at_rest() const {
    return phase_ == Phase::Established && kept_ && !save_wanted_ && !exchange_ && !move_ &&
           !callee_offer_ && questions_.empty() && transfer_.is_at_rest() && !newcomer_.is_here() &&
           !intruder_.is_here() && !(queue_.waits(*this) && queue_.has_turn()) &&
           !(paging_.is_page() && stage_deadline_);
}

// The caller and the device that answered, or those that ring: branches that lost are of no use to
// anybody.
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
    snapshot.intruder = intruder_.is_here() ? intruder_.index() : orphan_;
    snapshot.answered = answered_;
    snapshot.forwards = forwards_;
    if (sides_.size() > 1 || sides_.front().goes_out) snapshot.sides = sides_;
    snapshot.queue = queue_.save(now);
    snapshot.ringing = phase_ == Phase::Ringing;
    save_is_of_answer_ = !snapshot.ringing;
    snapshot.parties.reserve(2);
    snapshot.near = near_;
    snapshot.pages = paging_.is_page();
    const bool waits = queue_.waits(*this) || queue_.is_answering(*this);
    snapshot.transfer = transfer_.save(waits);
    if (caller_ && (near_ == 0 || transfer_.is_aside(0)))
        snapshot.parties.push_back(snapshot_of(0, *caller_));
    for (size_t i = 0; i < branches_.size(); ++i) {
        const Branch& branch = *branches_[i];
        const auto index = static_cast<uint8_t>(i + 1);
        if (transfer_.is_by_queue() && index == winner_) continue;
        const bool rings = (snapshot.ringing || waits) && (branch.state == BranchState::Inviting ||
                                                           branch.state == BranchState::Ringing);
        if (!talks(index) && !is_beside(index) && !rings) continue;
        snapshot.parties.push_back(snapshot_of_branch(index, branch));
        snapshot.parties.back().place = place_of(branch.destination);
    }
    if (snapshot.ringing && !waits && !paging_.is_page()) snapshot.way = save_way(now);
    if (!move_ || move_->stage != MediaMove::Stage::Offering) return snapshot;
    for (PartySnapshot& each : snapshot.parties) {
        const MoveSide side = move_->side_of(each.index);
        each.wants_offer |= side.wanted || side.offering;
    }
    return snapshot;
}

uint8_t CallValues::place_of(const Destination& destination) const {
    const auto found = std::ranges::find_if(destinations_, [&](const Destination& each) {
        return each.account == destination.account && each.number == destination.number &&
               each.stage == destination.stage;
    });
    return found == destinations_.end() ? uint8_t{0}
                                        : static_cast<uint8_t>(found - destinations_.begin() + 1);
}

RingingSnapshot Call::save_way(Now now) const {
    const auto utc_of = [&](const std::optional<Instant>& at) {
        const Duration left = at ? *at - now.mono : Duration{0};
        return UtcTime{now.utc.unix_ms +
                       std::chrono::duration_cast<std::chrono::milliseconds>(left).count()};
    };
    RingingSnapshot way{destinations_, stages_, stage_, queue_.stops(), {}};
    way.stage_until = utc_of(stage_deadline_);
    way.ring_until = utc_of(ring_deadline_);
    way.early = early_;
    way.rang = rang_;
    for (size_t i = 0; i < branches_.size(); ++i) {
        const Branch& each = *branches_[i];
        if (each.state == BranchState::Failed && place_of(each.destination) != 0)
            way.failures.push_back(
                {static_cast<uint8_t>(i + 1), place_of(each.destination), each.party.status});
    }
    return way;
}

// Numbers of responses that go out reliably are not kept: from now on none does.
void Call::restore_way(RingingSnapshot way, Now now) {
    const auto instant_of = [&](UtcTime at) {
        const int64_t left =
            std::clamp<int64_t>(at.unix_ms - now.utc.unix_ms, 0, kRingLongest / 1ms);
        return now.mono + std::chrono::milliseconds(left);
    };
    destinations_ = std::move(way.destinations);
    stages_ = std::move(way.stages);
    stage_ = way.stage;
    queue_.plan(std::move(way.stops));
    stage_deadline_ = instant_of(way.stage_until);
    ring_deadline_ = instant_of(way.ring_until);
    early_ = way.early;
    rang_ = way.rang;
    for (const RingingSnapshot::Failure& each : way.failures) {
        while (branches_.size() < each.leg)
            branches_.push_back(empty_place(base(), branches_.size() + 1));
        Branch& failed = *branches_[each.leg - 1u];
        if (failed.is_pending()) continue;
        failed.state = BranchState::Failed;
        failed.party.status = each.status;
        failed.destination = destinations_[each.place - 1];
    }
}

// Indexes of legs stay, as tags and Contacts carry them: lost branches leave empty places.
Call Call::restore(CallSnapshot snapshot, Now now) {
    Call call(std::move(snapshot.facts), std::move(snapshot.settings));
    call.phase_ = snapshot.ringing ? Phase::Ringing : Phase::Established;
    call.media_gate_ = snapshot.media_gate;
    call.media_open_ = snapshot.media_open;
    call.held_ = snapshot.held;
    call.winner_ = snapshot.winner;
    call.near_ = snapshot.near;
    call.paging_.plan(snapshot.pages);
    call.orphan_ = snapshot.intruder;
    call.transfer_.restore(std::move(snapshot.transfer));
    call.answered_ = snapshot.answered;
    call.forwards_ = std::move(snapshot.forwards);
    for (const Side& each : snapshot.sides) add_side(call.sides_, each);
    call.queue_.restore(std::move(snapshot.queue), now);
    const bool waits = call.queue_.waits(call);
    call.is_remnant_ = snapshot.ringing && !waits && !snapshot.way;
    if (waits) call.stages_ = {Duration{0}};
    if (waits && call.queue_.sounds()) call.early_ = sound_of_queue;
    call.saved_ = !snapshot.ringing;
    call.kept_ = true;
    call.survived_ = true;
    call.report_due_ = true;
    call.progressed_ = true;
    while (call.transfer_.is_by_queue() && call.branches_.size() < call.winner_)
        call.branches_.push_back(empty_place(call.base(), call.branches_.size() + 1));
    if (call.transfer_.is_by_queue()) call.branches_.back()->destination = call.queue_.as_party();
    for (PartySnapshot& party : snapshot.parties) {
        make_current(party.leg, now.mono);
        if (party.index == 0) {
            if (snapshot.ringing && !call.is_remnant_) call.know_offer_again(party.leg);
            call.caller_.emplace(party_of(party));
            if (call.offer_) limit_offer(call.caller_->media.limits(), *call.offer_);
            continue;
        }
        const bool is_in = call.talks(party.index) || call.transfer_.is_aside(party.index);
        const bool rings = snapshot.ringing || (waits && !is_in);
        if (!is_in && !rings && !snapshot.pages) continue;
        while (call.branches_.size() + 1 < party.index) {
            call.branches_.push_back(empty_place(call.base(), call.branches_.size() + 1));
        }
        if (rings && snapshot.way) know_own_offer_again(party.leg);
        auto branch = std::make_unique<Branch>(Branch{party_of(party)});
        branch->state = rings ? BranchState::Inviting : BranchState::Won;
        branch->ports_asked = true;
        branch->destination = std::move(party.destination);
        branch->binding.contact = std::move(party.contact);
        branch->binding.instance_id = std::move(party.instance_id);
        branch->binding.reg_id = party.reg_id;
        branch->binding.flow = party.flow;
        if (rings && snapshot.way)
            resume(*branch, party, *snapshot.way);
        else if (rings)
            call.destinations_.push_back(branch->destination);
        call.branches_.push_back(std::move(branch));
    }
    if (snapshot.way) call.restore_way(std::move(*snapshot.way), now);
    if (snapshot.sides.empty() && call.winner_ != 0)  // an older program's
        for (const Side& each : call.sides_of(call.who_is(call.winner_)))
            add_side(call.sides_, each);
    // What his phone still sends must not meet somebody else.
    while (call.branches_.size() < call.orphan_)
        call.branches_.push_back(empty_place(call.base(), call.branches_.size() + 1));
    return call;
}

// Of a caller who waits: it is in his INVITE, and has not been answered.
void Call::know_offer_again(sip::LegSnapshot& leg) {
    const sip::Message& invite = leg.invite;
    const auto type = invite.content_type();
    if (type && *type && (*type)->is("application", "sdp")) {
        if (auto offer = sdp::parse(invite.body())) offer_ = std::move(*offer);
    }
    // An answer that went out reliably counts (RFC 3262 5); numbers of such responses are not kept.
    early_is_final_ = leg.offers.local.has_value();
    leg.settings.provisionals = sip::Provisionals::Unreliable;
    if (!offer_ || early_is_final_) return;
    leg.offers.state = sdp::OfferState::RemoteOffer;
    leg.offers.pending = offer_;
}

void Call::ring_on(CallContext& ctx) {
    longest_ = ctx.now.mono + settings_.duration_max;
    bool is_any_left = false;
    for (const auto& each : branches_) {
        is_any_left |= each->is_pending();
        if (each->state == BranchState::Inviting && each->destination.outside)
            each->first_word_by = ctx.now.mono + kFirstWordOfLast;
    }
    // The way to the registrar may have to be opened first.
    if (!is_any_left) stage_deadline_ = ctx.now.mono + kRestoredRinging;
    check_media(ctx);
    pump(ctx);
}

void Call::take_over(CallContext& ctx, Duration audit_after) {
    if (phase_ == Phase::Ringing && queue_.waits(*this)) {
        ring_deadline_ = queue_.give_up_at(ctx.now.mono);
        longest_ = ctx.now.mono + settings_.duration_max;
        check_media(ctx);
        return pump(ctx);
    }
    if (phase_ == Phase::Ringing && !is_remnant_) return ring_on(ctx);
    // What the devices had been offered is not known: the call ends, with a CANCEL for each of
    // them. Not at once, as the way to their gates may have to be opened first.
    if (phase_ == Phase::Ringing) {
        ring_deadline_ = ctx.now.mono + kRestoredRinging;
        return;
    }
    // What the phones send from now on counts; what they had sent before is gone.
    for (const uint8_t index : talkers()) party(index)->leg.take_over(ctx.leg);
    for (const uint8_t index : {near_, winner_})  // there is a BYE to be said again
        if (transfer_.has_let_go(index) && !transfer_.is_by_queue())
            party(index)->leg.take_over(ctx.leg);
    audit_at_ = ctx.now.mono + audit_after;
    const auto left =
        settings_.duration_max - std::chrono::milliseconds(ctx.now.utc.unix_ms - answered_.unix_ms);
    longest_ = ctx.now.mono + left;
    check_media(ctx);
    transfer_.take_over(*this, ctx);
    pump(ctx);
}

}  // namespace tandem::call
