#include "call/transfer.h"

#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/identity.h"
#include "call/limits.h"
#include "sdp/offer_answer.h"
#include "store/catalog.h"

namespace tandem::call {

// --- The REFER.

// 0: it may. 491 asks to come again (RFC 3261 21.4.27): somebody else's transfer, or a move of the
// media, is under way.
int Transfer::refusal_of(const CallValues& call, const CallContext& ctx, uint8_t index,
                         const ReferRequest& request) const {
    if (call.phase_ != Phase::Established || !call.talks(index)) return 491;
    const bool is_busy = is_under_way() || call.newcomer_.is_here() || call.move_ ||
                         call.callee_offer_ || call.realign_ || reports_.size() >= kReferReportsMax;
    if (is_busy || !call.party(call.peer_of(index))->leg.remote_sdp()) return 491;
    if (call.branches_.size() >= call.branches_max()) return 503;
    // Who has no account here must not make calls at a domain's cost.
    if (call.who_is(index).account.is_nil()) return 403;
    if (request.replaces || request.host.empty()) return 0;
    const auto* named = ctx.around.catalog.find_domain(request.host);
    // INTEROP: phones that are set up with an address in place of a name write it here, too.
    if (named == nullptr) return request.by_address ? 0 : 404;
    return named->id == call.domain_of_leg(index) ? 0 : 403;
}

void Transfer::start(Call& call, uint8_t index, std::string dialled) {
    stage_ = Stage::Routing;
    referrer_ = index;
    dialled_ = std::move(dialled);
    told_ = 0;
    early_ = 0;
    asks_first_ = false;
    offer_of_who_stays(call);
}

int Transfer::begin(Call& call, CallContext& ctx, uint8_t index, std::string dialled) {
    if (const int refusal = refusal_of(call, ctx, index, {})) return refusal;
    start(call, index, std::move(dialled));
    ReferReport mute;  // there is no subscription, but he is let go by it
    mute.leg = index;
    mute.is_mute = true;
    reports_.push_back(std::move(mute));
    call.save_wanted_ = call.settings_.survival != Survival::None;
    return 0;
}

void Transfer::on_refer(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    sip::Leg& leg = call.party(index)->leg;
    const auto request = refer_request_of(event.message);
    const int refusal =
        request ? refusal_of(call, ctx, index, *request) : request.error().sip_status;
    if (refusal != 0) {
        leg.respond(ctx.leg, event.server, refusal, {});
        return;
    }
    start(call, index, request->dialled);
    sip::Payload accepted;
    if (!request->is_reported) accepted.headers.push_back({"Refer-Sub", "false"});
    leg.respond(ctx.leg, event.server, 202, accepted);
    ReferReport first;
    first.leg = index;
    first.event = request->event;
    first.is_mute = !request->is_reported;
    reports_.push_back(std::move(first));
    report(call, ctx, 100, false);
    call.save_wanted_ = call.settings_.survival != Survival::None;
    if (!request->replaces) return;
    dialog_ = request->replaces;
    stage_ = Stage::Asking;
    owners_ = {ctx.around.self};
    for (const std::string& tag : {dialog_->to_tag, dialog_->from_tag}) {
        const auto token = ctx.around.tokens.read(ports::TokenKind::Tag, tag);
        if (!token || token->owner == ctx.around.self) continue;
        const auto* owner = ctx.around.directory.find(token->owner);
        const bool is_there = owner != nullptr && owner->reachable;
        const auto heir =
            ctx.around.directory.heir(ports::RoleKind::B2bua, base_of(token->unique), token->owner);
        owners_.push_back(is_there ? token->owner : heir.value_or(ctx.around.self));
    }
    ask_owner(call, ctx);
}

// His codecs, whoever holds whom at the moment.
void Transfer::offer_of_who_stays(Call& call) {
    offer_ = call.party(call.peer_of(referrer_))->leg.remote_sdp();
    if (!offer_) return;
    offer_->direction.reset();
    for (sdp::Media& media : offer_->media) media.direction = sdp::Direction::SendRecv;
}

std::optional<Transfer::Wanted> Transfer::route_wanted(const CallValues& call) const {
    if (stage_ != Stage::Routing) return std::nullopt;
    const uint8_t leg = asks_first_ ? referrer_ : call.peer_of(referrer_);
    const Destination stays = call.who_is(leg);
    return Wanted{call.domain_of_leg(referrer_),
                  call.who_is(referrer_).account,
                  dialled_,
                  {call.domain_of_leg(leg), {stays.number, stays.name}, who_stays(call)}};
}

void Transfer::on_routed(Call& call, CallContext& ctx, int refusal) {
    if (stage_ != Stage::Routing) return;
    // A feature code leads nowhere, and refuses nothing.
    const bool is_queue = call.queue_.stop_of(0) != nullptr;
    if (call.destinations_.empty() && !is_queue)
        return on_failed(call, ctx, refusal >= 300 ? refusal : 403);
    stage_ = Stage::Locating;
    first_branch_ = call.branches_.size() + 1;
    if (call.enters_queue(ctx)) return;
    call.ask_for_devices(ctx);
}

// --- Attended: the other dialog of the referrer.

void Transfer::ask_owner(Call& call, CallContext& ctx) {
    if (owners_.empty()) return on_failed(call, ctx, 481);
    owner_ = owners_.front();
    owners_.erase(owners_.begin());
    call.ask(ctx, owner_,
             ports::ReplacedQuery{call.domain_of_leg(referrer_), dialog_->call_id, dialog_->to_tag,
                                  dialog_->from_tag},
             {Purpose::Replaced, kReplacedDeadline});
}

void Transfer::on_owner_silent(Call& call, CallContext& ctx) {
    if (stage_ == Stage::Asking) ask_owner(call, ctx);
}

void Transfer::on_replaced_found(Call& call, CallContext& ctx, const ports::ReplacedFound& found) {
    if (stage_ != Stage::Asking) return;
    if (found.error) return ask_owner(call, ctx);
    if (found.call == call.id()) return on_failed(call, ctx, 481);
    other_ = found.call;
    if (!found.rings) return invite_replacing(call, ctx, found);
    // Nobody has answered there, so there is nobody to be replaced: whoever was called is called
    // for the one who stays.
    ctx.out.send(ctx.around.self, owner_, ports::CallReplaced{other_, call.id()});
    dialog_.reset();
    other_ = {};
    dialled_ = found.dialled;
    stage_ = Stage::Routing;
}

// RFC 3891 3: the phone takes this call in the place of the one that it names, without ringing.
void Transfer::invite_replacing(Call& call, CallContext& ctx, const ports::ReplacedFound& found) {
    replaces_ = found.party_call_id + ";to-tag=" + found.party_tag + ";from-tag=" + found.our_tag;
    ports::Binding binding;
    binding.contact = found.contact;
    binding.flow = found.flow;
    binding.instance_id = found.instance_id;
    first_branch_ = call.branches_.size() + 1;
    Destination who;
    who.account = found.account;
    who.number = found.number;
    who.name = found.name;
    who.domain = call.domain_of_leg(referrer_);
    call.add_branch(ctx, who, std::move(binding), std::nullopt);
    // Nobody else is asked: what the call's own route had left is past.
    call.destinations_.clear();
    call.stages_.clear();
    call.queue_.plan({});
    call.stage_ = 0;
    call.stage_deadline_.reset();
    stage_ = Stage::Ringing;
    call.ring_deadline_ = ctx.now.mono + call.settings_.ring_timeout;
    call.open_branches(ctx);
}

// --- Parked.

void Transfer::park(Call& call, CallContext& ctx, Duration at_most) {
    if (stage_ != Stage::Routing) return;
    stage_ = Stage::Parked;
    parked_until_ = ctx.now.mono + at_most;
    parked_until_utc_.unix_ms =
        ctx.now.utc.unix_ms +
        std::chrono::duration_cast<std::chrono::milliseconds>(at_most).count();
    lets_go_ = true;
    call.report_due_ = true;
    call.save_wanted_ = call.settings_.survival != Survival::None;
    settle(call, ctx);
}

// Nobody has come: whoever parked him is called.
void Transfer::recall(Call& call) {
    parked_until_.reset();
    referrer_gone_ = true;
    dialled_ = call.who_is(referrer_).number;
    offer_of_who_stays(call);
    stage_ = Stage::Routing;
    call.report_due_ = true;
}

// --- The newcomer's INVITE. It sees who stays as its caller.

// As the domain of whoever transfers knows him: the caller from another one as he was shown, the
// called one by what was dialled.
routing::Shown Transfer::who_stays(const CallValues& call) const {
    // For whoever asks first it is a call of his own.
    const uint8_t leg = asks_first_ ? referrer_ : call.peer_of(referrer_);
    const DomainId here = call.domain_of_leg(referrer_);
    if (call.domain_of_leg(leg) == here) {
        Destination stays = call.who_is(leg);
        return {std::move(stays.number), std::move(stays.name)};
    }
    if (leg != 0) return {call.facts_.dialled, {}};
    ShownCaller shown = call.shown_in(here);
    return {std::move(shown.number), std::move(shown.name)};
}

std::string Transfer::shown_from(const CallContext& ctx, const CallValues& call) const {
    if (hides_caller(call)) return shown_caller(call.facts_);
    const routing::Shown stays = who_stays(call);
    return shown_address(stays.name, stays.number,
                         call.domain_name(ctx, call.domain_of_leg(referrer_)));
}

std::string Transfer::shown_to(const CallContext& ctx, const CallValues& call,
                               uint8_t newcomer) const {
    return shown_address("", dialled_, call.domain_name(ctx, call.domain_of_leg(newcomer)));
}

bool Transfer::hides_caller(const CallValues& call) const {
    return call.facts_.hide_caller && (asks_first_ ? referrer_ : call.peer_of(referrer_)) == 0;
}

std::vector<sip::HeaderField> Transfer::invite_headers(const CallValues& call,
                                                       std::string_view domain) const {
    std::vector<sip::HeaderField> headers;
    const Destination by = call.who_is(referrer_);
    // RFC 3892 2: the referrer, whom we know by his account.
    if (!domain.empty() && !asks_first_)
        headers.push_back({"Referred-By", shown_address("", by.number, domain)});
    if (replaces_.empty()) return headers;
    headers.push_back({"Replaces", replaces_});
    // A phone that does not know it would ring as for any other call.
    headers.push_back({"Require", "replaces"});
    return headers;
}

void Transfer::on_provisional(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    if (event.sdp && event.sdp_part == sip::SdpPart::Answer) learn_early(call, ctx, index, event);
    if (event.status <= told_) return;
    told_ = event.status;
    report(call, ctx, event.status, false);
}

// Early media of one device only, as in a call: the gate makes it into what whoever hears it has
// agreed (playing.cc), and nothing goes the other way before somebody has answered.
void Transfer::learn_early(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    Branch& from = *call.branch(index);
    if (early_ != 0 && early_ != index && call.branch(early_)->is_pending()) return;
    if (from.answer && sdp::same_description(*from.answer, *event.sdp)) return;
    if (!from.party.media.learn(*event.sdp, SdpRole::Answer, call.srtp_of(index))) return;
    from.answer = std::move(event.sdp);
    early_ = index;
    call.update_media(ctx, {index}, false);
}

// Who asks first hears it, and who has been left alone by a referrer who hung up; a queue has
// music.
uint8_t Transfer::early_for(uint8_t leg, uint8_t stays) const {
    if (!rings() || early_ == 0 || let_go_) return 0;
    const bool is_left = referrer_gone_ && leg == stays;
    return asks(leg) || is_left ? early_ : uint8_t{0};
}

void Transfer::on_answered(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    Branch& won = *call.branch(index);
    won.state = BranchState::Won;
    won.party.status = event.status;
    won.party.answered = ctx.now.utc;
    call.cancel_branches(ctx, index, "SIP;cause=200;text=\"Call completed elsewhere\"");
    if (event.sdp)
        won.answer = std::move(event.sdp);
    else if (won.party.leg.remote_sdp())
        won.answer = won.party.leg.remote_sdp();
    const bool usable = won.answer && event.sdp_part != sip::SdpPart::Offer &&
                        won.party.media.learn(*won.answer, SdpRole::Answer, call.srtp_of(index));
    if (!usable) {
        won.state = BranchState::Failed;
        call.end_leg(ctx, index, 488, reason_header(488, "the media answered cannot be carried"));
        if (call.queue_.waits(call)) return call.fail_if_exhausted(ctx);
        return on_failed(call, ctx, 488);
    }
    stage_ = Stage::Answered;
    answered_by_ = index;
    call.ring_deadline_.reset();
    call.stage_deadline_.reset();
    settle(call, ctx);
}

// --- How it ends.

// An offer that travels between the two who talk is let through first, as one of them waits for
// its answer.
void Transfer::settle(Call& call, CallContext& ctx) {
    if (call.exchange_) return;
    if (stage_ == Stage::Answered) {
        // An agent was faster than the end of the exchange; nobody asks an agent first.
        if (lets_go_ && asks_first_) let_go(call, ctx);
        return complete(call, ctx);
    }
    const bool is_taken_in = stage_ == Stage::Ringing || is_parked();
    if (is_taken_in && std::exchange(lets_go_, false)) let_go(call, ctx);
    const bool is_over = !is_under_way() && call.phase_ == Phase::Established;
    if (is_apart_ && is_over && call.may_tell_gate()) join_media(call, ctx, std::nullopt);
}

void Transfer::complete(Call& call, CallContext& ctx) {
    if (is_of_three()) return talk_first(call, ctx);
    const Destination to = call.who_is(answered_by_);
    if (is_noted_ && !notes_.empty())
        notes_.back().to = to;
    else if (!by_queue_)
        note(call, ctx,
             other_.is_nil() ? model::TransferKind::Blind : model::TransferKind::Attended, to);
    call.queue_.on_taken(ctx.now.utc, referrer_ == call.near_);
    for (ReferReport& each : reports_) each.then_hangs_up |= each.leg == referrer_;
    if (!referrer_gone_) report(call, ctx, 200, true);
    give_place(call, ctx);
    if (!other_.is_nil()) {
        ctx.out.send(ctx.around.self, owner_, ports::CallReplaced{other_, call.id()});
    }
    call.report_due_ = true;
    stop(call);
}

void Transfer::note(Call& call, CallContext& ctx, model::TransferKind kind, Destination to) {
    if (notes_.size() >= kBranchesMax) return;
    notes_.push_back({ctx.now.utc, kind, referrer_ == call.winner_, call.who_is(referrer_),
                      std::move(to), other_});
}

void Transfer::take_place(Call& call, CallContext& ctx, uint8_t replaced, uint8_t newcomer) {
    referrer_ = replaced;
    answered_by_ = newcomer;
    note(call, ctx, model::TransferKind::Taken, call.who_is(newcomer));
    std::erase_if(reports_, [&](const ReferReport& each) { return each.leg == replaced; });
    leave_by_report(replaced, "replaced");
    report(call, ctx, 200, true);
    give_place(call, ctx);
    call.report_due_ = true;
    stop(call);
}

void Transfer::give_place(Call& call, CallContext& ctx) {
    const uint8_t stays = call.peer_of(referrer_);
    (referrer_ == call.near_ ? call.near_ : call.winner_) = answered_by_;
    lose(call, ctx, referrer_);
    call.offer_anew(ctx, stays);
}

// Its leg is over, and has its ports no more.
void Transfer::lose(Call& call, CallContext& ctx, uint8_t leg) {
    if (Branch* left = call.branch(leg)) {
        left->state = BranchState::Lost;
        left->ports_released = true;
    }
    call.saved_ = false;  // as it is now
    join_media(call, ctx, leg);
}

// A context that is opened anew never had them.
void Transfer::drop_left(Call& call, CallContext& ctx) {
    const std::vector<uint8_t> left = std::exchange(left_, {});
    const bool moves = call.move_ && call.move_->stage != MediaMove::Stage::Offering;
    if (left.empty() || !call.media_open_ || moves || call.phase_ >= Phase::Ending) return;
    ports::MediaRequest request;
    request.context = call.facts_.call;
    request.must_exist = true;
    for (const uint8_t leg : left) request.remove.push_back(call.party(leg)->media.termination());
    call.ask(ctx, call.media_gate_, std::move(request), {Purpose::UpdateMedia, kMediaDeadline});
}

void Transfer::accept_alone(Call& call, CallContext& ctx, uint8_t index, const sip::LegEvent& event,
                            sdp::Session ours) {
    Party& own = *call.party(index);
    sip::Payload payload;
    if (!event.sdp) {
        payload.sdp = own.media.describe(ours, SdpRole::Offer, ctx.leg.rng);
        own.leg.accept(ctx.leg, event.server, std::move(payload));
        return;
    }
    ours.direction.reset();
    for (size_t i = 0; i < ours.media.size(); ++i)
        ours.media[i].direction = sdp::reversed(sdp::direction_of(*event.sdp, event.sdp->media[i]));
    payload.sdp = own.media.describe(ours, SdpRole::Answer, ctx.leg.rng);
    own.leg.accept(ctx.leg, event.server, std::move(payload));
    call.update_media(ctx, {index}, false);
    call.save_wanted_ = call.save_wanted_ || call.settings_.survival != Survival::None;
}

void Transfer::join_media(Call& call, CallContext& ctx, std::optional<uint8_t> left) {
    is_apart_ = false;
    if (!call.media_open_ || call.lacks_context())
        return;  // the new context is joined when it is open
    ports::MediaRequest request;
    request.context = call.facts_.call;
    request.must_exist = true;
    request.set = {call.party(call.near_)->media.settings(),
                   call.party(call.winner_)->media.settings()};
    request.joined = {{request.set[0].termination, request.set[1].termination}};
    if (left && !let_go_) {
        if (is_to_be_told(*left))
            left_.push_back(*left);
        else
            request.remove = {call.party(*left)->media.termination()};
    }
    call.release_terminations(request);
    call.ask(ctx, call.media_gate_, std::move(request), {Purpose::UpdateMedia, kMediaDeadline});
}

void Transfer::on_failed(Call& call, CallContext& ctx, int status, std::string_view reason) {
    if (!is_under_way() || is_consulting()) return;
    call.cancel_branches(ctx, 0, reason_header(status, ""));
    call.queue_.on_given_up(ctx.now.utc);
    const bool nobody_left = referrer_gone_;
    if (!nobody_left) report(call, ctx, status, true);
    stop(call);
    if (nobody_left) return call.end(ctx, ReleasedBy::System, status, reason);
    if (is_apart_) return;  // settle() tells the gate
    ports::MediaRequest request;
    request.context = call.facts_.call;
    request.must_exist = true;
    call.release_terminations(request);
    if (request.remove.empty() || call.move_) return;
    call.ask(ctx, call.media_gate_, std::move(request), {Purpose::UpdateMedia, kMediaDeadline});
}

void Transfer::stop(Call& call) {
    stage_ = Stage::None;
    referrer_gone_ = false;
    answered_by_ = 0;
    dialog_.reset();
    owners_.clear();
    replaces_.clear();
    other_ = {};
    parked_until_.reset();
    lets_go_ = false;
    let_go_ = false;
    is_noted_ = false;
    by_queue_ = false;
    asks_first_ = false;
    forget_search(call);
    call.save_wanted_ = call.settings_.survival != Survival::None;
}

void Transfer::forget_search(Call& call) {
    offer_.reset();
    early_ = 0;
    call.sides_asked_.clear();
    call.ring_deadline_.reset();
    call.stage_deadline_.reset();
    call.to_ask_again_.clear();
    std::erase_if(call.questions_, [](const Question& q) {
        return q.purpose == Purpose::Bindings || q.purpose == Purpose::Replaced ||
               q.purpose == Purpose::Count;
    });
}

// Whoever transfers may hang up at once: the others go on (RFC 5589 6.1). True: the call does.
bool Transfer::on_party_ended(Call& call, CallContext& ctx, uint8_t index) {
    std::erase_if(reports_, [&](const ReferReport& each) { return each.leg == index; });
    if (is_consulting()) return on_one_of_three_ended(call, ctx, index);
    if (!is_under_way() || index != referrer_) return false;
    if (call.exchange_) {
        // The other party's offer hangs in the air, and nobody can answer it any more.
        if (call.exchange_->stage == Exchange::Stage::FinalAck) return false;
        call.refuse_exchange(ctx, 491);
    }
    referrer_gone_ = true;
    call.save_wanted_ = call.settings_.survival != Survival::None;
    return true;
}

void Transfer::on_call_ends(Call& call, CallContext& ctx) {
    if (is_under_way() && !referrer_gone_) {
        for (ReferReport& each : reports_) each.under_way = {};
        report(call, ctx, 487, true);
    }
    if (stage_ == Stage::Answered) {
        call.end_leg(ctx, answered_by_, 487, reason_header(487, "the call has ended"));
    }
    if (is_consulting()) {  // it ends as the call of the first two
        call.end_leg(ctx, answered_by_, call.end_status_,
                     reason_header(call.end_status_, call.end_reason_));
        (referrer_ == call.near_ ? call.winner_ : call.near_) = waiting_;
    }
    stage_ = Stage::None;
    const std::vector<ReferReport> left = std::exchange(reports_, {});
    for (const ReferReport& each : left) {
        if (each.then_hangs_up) leave(call, ctx, each.leg, each.why);
    }
}

// --- Survival.

TransferSnapshot Transfer::save(bool is_queued) const {
    TransferSnapshot snapshot;
    snapshot.notes = notes_;
    if (!is_under_way()) return snapshot;
    snapshot.referrer = referrer_;
    snapshot.referrer_gone = referrer_gone_;
    snapshot.asks_first = asks_first_;
    snapshot.waiting = aside();
    snapshot.consulted = consulted();
    snapshot.parked_at = parked_at();
    snapshot.parked_until = parked_until_utc_;
    if (is_queued) snapshot.queued_at = dialled_;
    snapshot.let_go = let_go_;
    snapshot.by_queue = by_queue_;
    for (const ReferReport& each : reports_) {
        if (each.leg == referrer_ && !each.is_mute) snapshot.event = each.event;
    }
    return snapshot;
}

void Transfer::restore(TransferSnapshot snapshot) {
    notes_ = std::move(snapshot.notes);
    was_interrupted_ = snapshot.referrer.has_value();
    if (!was_interrupted_) return;
    referrer_ = *snapshot.referrer;
    referrer_gone_ = snapshot.referrer_gone;
    if (snapshot.waiting && snapshot.consulted) {
        stage_ = Stage::Consulting;
        asks_first_ = true;
        waiting_ = *snapshot.waiting;
        answered_by_ = *snapshot.consulted;
        return;
    }
    is_apart_ = snapshot.asks_first;
    if (!snapshot.parked_at.empty()) {
        stage_ = Stage::Parked;
        dialled_ = std::move(snapshot.parked_at);
        parked_until_utc_ = snapshot.parked_until;
        let_go_ = true;
        return;
    }
    by_queue_ = snapshot.by_queue;
    if (!snapshot.queued_at.empty()) {
        stage_ = Stage::Ringing;
        dialled_ = std::move(snapshot.queued_at);
        let_go_ = is_noted_ = snapshot.let_go;
    }
    if (snapshot.event.empty() || let_go_) return;
    ReferReport left;
    left.leg = referrer_;
    left.event = std::move(snapshot.event);
    reports_.push_back(std::move(left));
}

// The devices that rang are not known any more: the transfer has failed.
void Transfer::take_over(Call& call, CallContext& ctx) {
    if (!std::exchange(was_interrupted_, false) || is_consulting()) return;
    if (is_parked()) {
        const int64_t left_ms = parked_until_utc_.unix_ms - ctx.now.utc.unix_ms;
        parked_until_ = ctx.now.mono + std::chrono::milliseconds(std::max<int64_t>(left_ms, 0));
        return leave(call, ctx, referrer_);
    }
    if (call.queue_.waits(call)) {
        offer_of_who_stays(call);
        first_branch_ = call.branches_.size() + 1;
        call.ring_deadline_ = call.queue_.give_up_at(ctx.now.mono);
        if (let_go_ && !by_queue_) leave(call, ctx, referrer_);
        return;
    }
    if (!std::exchange(referrer_gone_, false)) return report(call, ctx, 503, true);
    call.end(ctx, ReleasedBy::System, 503, "the exchange was restarted");
}

}  // namespace tandem::call
