// The way to another media context, when the one of an answered call is gone.
//
// A gate that was restarted is asked for the same ports: parties with plain RTP notice nothing.
// Whoever has SRTP is offered new keys (reused ones with new counters would repeat the key stream,
// RFC 3711 9.1), and whoever is to send elsewhere the new ports, both parties at once.
#include "call/media_move.h"

#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/limits.h"
#include "sdp/intersection.h"

namespace tandem::call {

using Stage = MediaMove::Stage;

namespace {

// What a party described, as far as it was agreed: of its offer what our answer has kept.
std::optional<sdp::Session> agreed_with(const sip::Leg& leg) {
    const auto& theirs = leg.remote_sdp();
    if (!theirs || !leg.local_sdp()) return theirs;
    sdp::Session agreed = sdp::in_common(*leg.local_sdp(), *theirs);
    // INTEROP: a phone that answers with payload types of its own.
    return sdp::has_media(agreed) ? agreed : *theirs;
}

}  // namespace

// Whether the gate still has the context: asked after a restart of ours, which may have been one of
// the gate's, too.
void Call::check_media(CallContext& ctx) {
    media_check_again_.reset();
    if (!media_open_ || phase_ >= Phase::Ending || move_) return;
    // One that died with its server may be long in coming, and others are there.
    const auto* gate = ctx.around.directory.find(media_gate_);
    const bool is_away = gate == nullptr || !gate->reachable;
    if (is_away && ctx.around.directory.heir(ports::RoleKind::MediaGate, 0, media_gate_))
        return on_media_lost(ctx);
    if (!media_check_give_up_) media_check_give_up_ = ctx.now.mono + kMediaCheckGiveUp;
    ports::MediaRequest request;
    request.context = facts_.call;
    request.must_exist = true;
    if (orphan_ != 0) request.remove = {orphan_ + 1u};
    // Others may have been joined since the snapshot.
    if (winner_ != 0) say_who_hears_whom(request);
    ask(ctx, media_gate_, std::move(request), {Purpose::CheckMedia, kMediaDeadline});
}

bool CallValues::checks_media() const {
    return media_check_again_ || std::ranges::any_of(questions_, [](const Question& each) {
               return each.purpose == Purpose::CheckMedia;
           });
}

// A gate that cannot be reached may be starting, or its link: only for so long.
void Call::on_media_unchecked(CallContext& ctx) {
    if (media_check_give_up_ && ctx.now.mono < *media_check_give_up_) {
        media_check_again_ = ctx.now.mono + kMediaTryAgain;
        return;
    }
    on_media_lost(ctx);
}

void Call::on_media_lost(CallContext& ctx) {
    if (phase_ == Phase::Ending || phase_ == Phase::Over) return;
    const bool answered = phase_ == Phase::Established || phase_ == Phase::Committing;
    const bool rings = phase_ == Phase::Ringing && !is_remnant_;
    if ((!rings && !answered) || callee_offer_)
        return end(ctx, ReleasedBy::System, 503, "media was lost");
    intruder_.drop(*this, ctx, 503);
    // Answers of the old context mean nothing any more.
    std::erase_if(questions_, [](const Question& q) {
        return q.purpose == Purpose::UpdateMedia || q.purpose == Purpose::OpenMedia ||
               q.purpose == Purpose::CheckMedia || q.purpose == Purpose::Place;
    });
    media_check_again_.reset();
    const bool is_told = move_ && move_->stage == Stage::Offering;
    if (is_told) {  // ports that are gone again; and who is not told knows older ones still
        for (const auto& [leg, side] : move_->sides)
            if (Party* each = party(leg)) each->knows_old_ports |= side.wanted || side.offering;
    }
    if (!move_ || is_told) {
        const ports::Instance former = move_ ? move_->former : ports::Instance{};
        move_.emplace();
        move_->former = former;
        const bool anyone_told =
            answered || early_ != 0 || std::ranges::any_of(branches_, [](const auto& each) {
                return each->state != BranchState::Opening;
            });
        move_->give_up = ctx.now.mono + (anyone_told ? kMediaMoveGiveUp : kLocateGiveUp);
        for (size_t i = 0; i <= branches_.size(); ++i) {
            const Party* each = party(static_cast<uint8_t>(i));
            move_->before.push_back(each != nullptr ? each->media.local()
                                                    : std::vector<ports::LocalStream>());
        }
    }
    move_->stage = Stage::Placing;
    move_->sides = {};
    place_again(ctx);
}

// Whose media the context has: of those that ring, or that talk.
std::vector<uint8_t> CallValues::parties_with_media() const {
    std::vector<uint8_t> found = talkers();
    for (size_t i = 0; i < branches_.size(); ++i) {
        const bool has_ports = branches_[i]->is_pending() && branches_[i]->ports_asked;
        if (has_ports) found.push_back(static_cast<uint8_t>(i + 1));
    }
    return found;
}

void Call::place_again(CallContext& ctx) {
    move_->again.reset();
    const auto controller =
        ctx.around.directory.active_of_site(ports::RoleKind::MediaGateController);
    if (!controller) return try_move_again(ctx);
    ask(ctx, *controller, ports::MediaPlace{facts_.call, facts_.domain},
        {Purpose::Place, kPlaceDeadline});
}

// No controller, no gate, or one that died between two letters.
void Call::try_move_again(CallContext& ctx) {
    move_->stage = Stage::Placing;
    move_->again = ctx.now.mono + kMediaPlaceAgain;
}

// Nobody waits for the reply.
void Call::close_at(CallContext& ctx, ports::Instance gate) {
    ports::MediaRequest leave;
    leave.context = facts_.call;
    leave.close = true;
    ctx.out.send(ctx.around.self, gate, std::move(leave),
                 leg_key(base(), static_cast<uint8_t>(++questions_asked_)));
}

void Call::end_move(CallContext& ctx) {
    const ports::Instance former = move_->former;
    move_.reset();
    if (former && former != media_gate_) close_at(ctx, former);
}

void Call::on_move_placed(CallContext& ctx, const ports::MediaPlaced& placed) {
    if (placed.error || !placed.media_gate) return try_move_again(ctx);
    // It may be alive, and only out of reach or slow.
    if (media_gate_ != placed.media_gate && media_gate_ != move_->former)
        close_at(ctx, media_gate_);
    media_gate_ = placed.media_gate;
    move_->stage = Stage::Opening;
    ports::MediaRequest request;
    request.context = facts_.call;
    request.silence_timeout_s = settings_.silence_timeout_s;
    move_->joins = winner_ != 0;
    move_->joined = {near_, winner_};
    for (const uint8_t index : parties_with_media()) {
        PartyMedia& media = party(index)->media;
        party(index)->hears.reset();
        const bool is_in = talks(index) || is_beside(index);
        if (move_->joins && is_in) media.forget_keys();
        request.set.push_back(media.settings());
        if (index >= move_->before.size()) continue;
        for (const ports::LocalStream& known : move_->before[index]) {
            request.set.back().ports_wanted.push_back(known.rtp.port);
        }
    }
    // The new context knows nothing of those that are out.
    for (const auto& each : branches_) each->ports_released |= !each->is_pending();
    for (const uint8_t index : talkers()) {
        if (Branch* each = branch(index)) each->ports_released = false;
    }
    if (move_->joins || paging_.is_page()) say_who_hears_whom(request);
    ask(ctx, media_gate_, std::move(request), {Purpose::OpenMedia, kMediaDeadline});
}

// Who waits hears nothing of who asks, whatever context they are in.
void Call::say_who_hears_whom(ports::MediaRequest& request) const {
    const auto is_alone = [&](uint8_t leg) {
        return transfer_.has_let_go(leg) || transfer_.lets_wait(leg);
    };
    if (paging_.is_page())
        request.heard = paging_.heard(*this);
    else if (!is_alone(near_) && !is_alone(winner_))
        request.joined = {{party(near_)->media.termination(), party(winner_)->media.termination()}};
}

// Whether a leg has to be told: of other ports, or because keys must not be used again.
bool CallValues::is_moved(uint8_t index) const {
    const PartyMedia& media = party(index)->media;
    const bool encrypted = std::ranges::any_of(media.streams(), [](const PartyStream& stream) {
        return stream.settings.enabled &&
               stream.settings.from_party.suite != ports::SrtpSuite::None;
    });
    const bool told = index < move_->before.size();
    return told && (encrypted || media.local() != move_->before[index]);
}

void Call::on_move_opened(CallContext& ctx) {
    if (phase_ == Phase::Ringing) return on_move_opened_ringing(ctx);
    const bool was_answered_meanwhile = !move_->joins || move_->joined != std::pair(near_, winner_);
    move_->stage = Stage::Offering;
    if (exchange_) exchange_->is_of_old_ports = true;
    for (const uint8_t index : talkers()) {
        Party& of = *party(index);
        move_->sides[index] = {is_moved(index) || of.knows_old_ports, false, {}};
        of.knows_old_ports = false;
        if (was_answered_meanwhile && !paging_.is_page()) of.media.forget_keys();
    }
    transfer_.drop_media(*this, ctx);  // who has left meanwhile
    if (paging_.is_page())
        paging_.tell_gate(*this, ctx, talkers());
    else if (was_answered_meanwhile)
        update_media(ctx, {near_, winner_}, true);
    for (size_t i = 0; i < branches_.size(); ++i) {
        Branch& each = *branches_[i];  // a transfer's
        if (each.state == BranchState::Inviting || each.state == BranchState::Ringing)
            each.party.knows_old_ports |= is_moved(static_cast<uint8_t>(i + 1));
    }
    save_wanted_ = settings_.survival != Survival::None;
    offer_move(ctx);
    launch_opened(ctx);
    open_branches(ctx);
}

// Early sound goes on; who was told of ports before is told of the new ones once somebody answers.
void Call::on_move_opened_ringing(CallContext& ctx) {
    for (size_t i = 0; i < branches_.size(); ++i) {
        Branch& each = *branches_[i];
        const auto index = static_cast<uint8_t>(i + 1);
        if (each.state == BranchState::Inviting || each.state == BranchState::Ringing)
            each.party.knows_old_ports |= is_moved(index);
    }
    caller_->knows_old_ports |= early_ != 0 && is_moved(0);
    end_move(ctx);
    if (early_ != 0 && early_ != sound_of_queue) update_media(ctx, {0, early_}, true);
    queue_.on_ports(*this, ctx);
    launch_opened(ctx);
    open_branches(ctx);
}

// The call that was answered is made whole.
void Call::tell_new_ports(CallContext& ctx) {
    if (move_ || phase_ != Phase::Established) return;
    const auto knows_old = [&](uint8_t index) { return party(index)->knows_old_ports; };
    if (std::ranges::none_of(talkers(), knows_old)) return;
    move_.emplace();
    move_->stage = Stage::Offering;
    move_->give_up = ctx.now.mono + kMediaMoveGiveUp;
    for (const uint8_t index : talkers()) {
        Party& of = *party(index);
        move_->sides[index].wanted = of.knows_old_ports;
        if (std::exchange(of.knows_old_ports, false)) of.media.forget_keys();
    }
    offer_move(ctx);
}

// A party's peer is another one now: it is offered what that one has agreed.
void Call::offer_anew(CallContext& ctx, uint8_t index) {
    if (!move_) {
        move_.emplace();
        move_->stage = Stage::Offering;
        move_->give_up = ctx.now.mono + kMediaMoveGiveUp;
    }
    Party& to = *party(index);
    if (move_->stage != Stage::Offering) {  // at the end of the move
        to.knows_old_ports = true;
        return;
    }
    MoveSide& side = move_->sides[index];
    move_->sides[peer_of(index)] = {
        std::exchange(party(peer_of(index))->knows_old_ports, false), false, {}};
    side.wanted = true;
    to.knows_old_ports = side.offering;  // once more, after what it is being offered
    offer_move(ctx);
}

// Offers what is new to whom it is new to; over when nobody is left.
void Call::offer_move(CallContext& ctx) {
    if (!move_ || move_->stage != Stage::Offering || phase_ >= Phase::Ending) return;
    for (const uint8_t index : talkers()) {
        MoveSide& side = move_->sides[index];
        if (!side.wanted || side.offering) continue;
        if (side.again && *side.again > ctx.now.mono) continue;
        // Of a page, and with nobody at the other end, each goes on as it was, and so does who
        // waits.
        const bool as_it_was =
            paging_.is_page() || transfer_.has_let_go(peer_of(index)) || transfer_.is_aside(index);
        const auto other =
            as_it_was ? party(index)->leg.local_sdp() : agreed_with(party(peer_of(index))->leg);
        if (!other) return end(ctx, ReleasedBy::System, 503, "media was lost");
        Party& to = *party(index);
        sip::Payload payload;
        payload.sdp =
            to.media.describe(with_music(ctx, peer_of(index), *other), SdpRole::Offer, ctx.leg.rng);
        side.again.reset();
        side.offering = to.leg.reoffer(ctx.leg, std::move(payload));
        // Another offer is under way on this leg.
        if (!side.offering) side.again = ctx.now.mono + kMediaTryAgain;
    }
    settle_move(ctx);
}

// After each step: who was still to be told may have left meanwhile.
void Call::settle_move(CallContext& ctx) {
    if (!move_ || move_->stage != Stage::Offering || phase_ >= Phase::Ending) return;
    const auto is_done = [&](uint8_t index) {
        const MoveSide side = move_->side_of(index);
        return !side.wanted && !side.offering;
    };
    if (std::ranges::all_of(talkers(), is_done)) end_move(ctx);
}

bool CallValues::is_move_answer(uint8_t index) const {
    if (!move_ || move_->stage != Stage::Offering || !(talks(index) || is_beside(index)))
        return false;
    return move_->side_of(index).offering;
}

void Call::on_move_answer(CallContext& ctx, uint8_t index, const sdp::Session& answer) {
    if (!party(index)->media.learn(answer, SdpRole::Answer, srtp_of(index))) {
        if (is_beside(index)) return lose_beside(ctx, index, 488);
        return end(ctx, ReleasedBy::System, 488, "the media answered cannot be carried");
    }
    move_->sides[index] = {std::exchange(party(index)->knows_old_ports, false), false, {}};
    note_hold();
    save_wanted_ = settings_.survival != Survival::None;
    update_media(ctx, {index}, false);
    offer_move(ctx);
}

// 488 and its like are final. Anything else may pass: an offer of the phone's own went first, or it
// was busy with one (491, 500 with Retry-After; RFC 3261 14.1, 14.2).
void Call::on_move_refused(CallContext& ctx, uint8_t index, int status) {
    MoveSide& side = move_->sides[index];
    side.offering = false;
    if (!side.wanted) return offer_move(ctx);
    const bool passing = status == 491 || status == 500 || status == 503 || status == 430;
    if (!passing && is_beside(index)) return lose_beside(ctx, index, 503);
    if (!passing) return end(ctx, ReleasedBy::System, 503, "media was lost");
    side.again = ctx.now.mono + (status == 491 ? kMediaTryAgain : kMoveOfferAgain);
}

void Call::lose_beside(CallContext& ctx, uint8_t index, int status) {
    end_leg(ctx, index, status, reason_header(status, status == 503 ? "media was lost" : ""));
    if (!transfer_.is_aside(index)) return;
    transfer_.on_party_ended(*this, ctx, index);
    offer_move(ctx);
}

// An offer that travelled from one party to the other has given both the new ports.
void Call::note_exchange_for_move(const Exchange& exchange) {
    if (!move_ || move_->stage != Stage::Offering || exchange.is_of_old_ports) return;
    for (auto& [leg, side] : move_->sides) side.wanted = false;
}

void Call::run_move_timers(CallContext& ctx) {
    if (media_check_again_ && *media_check_again_ <= ctx.now.mono) check_media(ctx);
    if (!move_ || phase_ >= Phase::Ending) return;
    if (move_->give_up <= ctx.now.mono) {
        return end(ctx, ReleasedBy::System, 503, "media was lost");
    }
    if (move_->stage == Stage::Placing && move_->again && *move_->again <= ctx.now.mono) {
        place_again(ctx);
    }
    offer_move(ctx);
}

std::optional<Instant> CallValues::next_move_deadline() const {
    std::optional<Instant> earliest = media_check_again_;
    const auto sooner = [&](std::optional<Instant> other) {
        if (other && (!earliest || *other < *earliest)) earliest = other;
    };
    if (!move_ || phase_ >= Phase::Ending) return earliest;
    sooner(move_->give_up);
    sooner(move_->again);
    for (const uint8_t index : talkers()) {
        const MoveSide side = move_->side_of(index);
        if (side.wanted && !side.offering) sooner(side.again);
    }
    return earliest;
}

}  // namespace tandem::call
