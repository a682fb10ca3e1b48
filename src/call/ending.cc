// How a call ends: once, with one status and one who released it.
#include <algorithm>

#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "sip/headers.h"

namespace tandem::call {

using sip::LegEvent;

void Call::hangup(CallContext& ctx, int status, std::string_view reason) {
    end(ctx, ReleasedBy::System, status, reason);
    pump(ctx);
}

void Call::end(CallContext& ctx, ReleasedBy by, int status, std::string_view reason) {
    if (phase_ == Phase::Ending || phase_ == Phase::Over) return;
    set_phase(Phase::Ending);
    ended_ = ctx.now.utc;
    released_by_ = by;
    end_status_ = status;
    end_reason_ = reason;
    ring_deadline_.reset();
    audit_at_.reset();
    exchange_.reset();
    // What the gate says of ports given back is still to come: how it was heard who had left.
    std::erase_if(questions_, [](const Question& q) { return q.purpose != Purpose::UpdateMedia; });
    sides_asked_.clear();
    sides_wanted_ = false;
    to_ask_again_.clear();
    flush_withheld(ctx);
    transfer_.on_call_ends(*this, ctx);
    const std::string told = reason_header(status, reason);
    cancel_branches(ctx, 0, status == 487 ? std::string_view() : told);
    end_leg(ctx, near_, status, told);
    if (winner_ != 0) end_leg(ctx, winner_, status, told);
    intruder_.drop(*this, ctx, status);
    paging_.drop_all(*this, ctx, status, told);
    close_media(ctx);
}

void Call::end_leg(CallContext& ctx, uint8_t index, int status, std::string_view reason) {
    Party* of = party(index);
    if (of == nullptr) return;
    if (of->ended.unix_ms == 0) of->ended = ctx.now.utc;
    const bool was_left = answered_.unix_ms != 0 && released_by_ != ReleasedBy::System;
    if (of->reason.empty()) of->reason = end_reason_;
    if (of->reason.empty() && was_left) of->reason = "the other party hung up";
    if (of->status == 0) of->status = status;
    if (of->leg.is_gone()) return;
    sip::Payload payload;
    payload.headers.push_back({"Reason", std::string(reason)});
    // RFC 3261 20.33: overload is passing.
    if (index == 0 && status == 503) payload.headers.push_back({"Retry-After", "5"});
    of->leg.hangup(ctx.leg, status, std::move(payload));
}

namespace {

struct CauseText {
    int status;
    std::string_view text;
};

CauseText text_of(LegEvent::Cause cause) {
    switch (cause) {
        case LegEvent::Cause::None:
        case LegEvent::Cause::Hangup:
            return {200, ""};
        case LegEvent::Cause::SessionExpired:
            return {408, "session expired"};
        case LegEvent::Cause::NoAck:
            return {408, "no ACK came"};
        case LegEvent::Cause::NoPrack:
            return {504, "no PRACK came"};
        case LegEvent::Cause::DialogLost:
            return {481, "the phone does not know the call"};
        case LegEvent::Cause::BadDescription:
            return {488, "unusable session description"};
    }
    return {500, ""};
}

}  // namespace

void Call::on_party_ended(CallContext& ctx, uint8_t index, const LegEvent& event) {
    Party& ended = *party(index);
    if (ended.ended.unix_ms == 0) ended.ended = ctx.now.utc;
    newcomer_.on_party_ended(*this, index);
    // A device that was asked, and has answered what is of no use, or hung up before it answered:
    // it has not taken the call, and others may.
    if (Branch* asked = branch(index); asked != nullptr && asked->is_pending()) {
        asked->state = BranchState::Failed;
        const bool hung_up = event.kind == LegEvent::Kind::Bye;
        ended.status = hung_up ? 480 : text_of(event.cause).status;
        ended.reason = hung_up ? std::string_view("hung up") : text_of(event.cause).text;
        if (early_ == index && !early_is_final_) early_ = 0;
        return rings() ? fail_if_exhausted(ctx) : void();
    }
    if (transfer_.on_party_ended(*this, ctx, index) || !talks(index)) return;
    const ReleasedBy by = index == near_ ? ReleasedBy::Caller : ReleasedBy::Callee;
    switch (event.kind) {
        case LegEvent::Kind::Cancelled:
            if (ended.status == 0) ended.status = 487;
            if (ended.reason.empty()) ended.reason = "cancelled by the caller";
            return end(ctx, by, 487, "cancelled by the caller");
        case LegEvent::Kind::Bye: {
            const auto reason = event.message.header(sip::HeaderId::Reason);
            if (ended.reason.empty()) ended.reason = reason ? *reason : "hung up";
            // The caller was not told yet: for it nobody answered.
            const int status = answer_waits() ? 480 : 200;
            return end(ctx, by, status, reason ? *reason : std::string_view());
        }
        case LegEvent::Kind::Rejected: {
            // The leg refused the INVITE by itself, or we did.
            const int status = event.status != 0 ? event.status : 500;
            if (ended.status == 0) ended.status = status;
            return end(ctx, ReleasedBy::System, status, "");
        }
        case LegEvent::Kind::Ended: {
            const auto [status, text] = text_of(event.cause);
            if (ended.reason.empty()) ended.reason = text;
            return end(ctx, ReleasedBy::System, status, text);
        }
        case LegEvent::Kind::Incoming:
        case LegEvent::Kind::Provisional:
        case LegEvent::Kind::Answered:
        case LegEvent::Kind::Failed:
        case LegEvent::Kind::Confirmed:
        case LegEvent::Kind::RemoteOffer:
        case LegEvent::Kind::RemoteAnswer:
        case LegEvent::Kind::OfferWanted:
        case LegEvent::Kind::OfferRefused:
        case LegEvent::Kind::Request:
        case LegEvent::Kind::RequestDone:
        case LegEvent::Kind::Gone:
            return;
    }
}

void Call::on_replaced(CallContext& ctx, CallId by) {
    if (phase_ >= Phase::Ending) return;
    continued_in_ = by;
    end(ctx, ReleasedBy::System, answered_.unix_ms != 0 ? 200 : 487, "transferred");
    pump(ctx);
}

void Call::finish_if_done() {
    if (phase_ != Phase::Ending || !media_closed_) return;
    const bool looks_for_phone = std::ranges::any_of(
        questions_, [](const Question& q) { return q.purpose == Purpose::Rebind; });
    if (looks_for_phone || next_bye()) return;
    if (caller_ && !caller_->leg.is_gone()) return;
    for (const auto& branch : branches_) {
        const bool idle = branch->party.leg.state() == sip::LegState::Idle;
        if (!idle && !branch->party.leg.is_gone()) return;
    }
    phase_ = Phase::Over;
}

bool Call::is_over() const {
    return phase_ == Phase::Over && record_taken_;
}

}  // namespace tandem::call
