// What whoever transfers is told: the implicit subscription of its REFER, with the target's status
// lines as bodies. RFC 3515 2.4.4, 2.4.5; RFC 6665 4.2.
#include <algorithm>

#include "call/call.h"
#include "call/failure.h"
#include "call/limits.h"
#include "call/transfer.h"
#include "sip/status.h"

namespace tandem::call {

void Transfer::report(Call& call, CallContext& ctx, int status, bool is_last) {
    for (size_t i = 0; i < reports_.size(); ++i) {
        ReferReport& to = reports_[i];
        if (to.leg != referrer_ || to.is_last) continue;
        to.status = status;
        to.is_due = true;
        to.is_last = is_last;
        const bool waits = is_last && to.then_hangs_up && call.settings_.survival != Survival::None;
        if (waits)
            to.safe_by = ctx.now.mono + kCommitDeadline;
        else if (is_last)
            to.give_up = ctx.now.mono + kLastNotifyDeadline;
        tell(call, ctx, to);
    }
    end_mute(call, ctx);
}

// Who wants no reports has had his last one.
void Transfer::end_mute(Call& call, CallContext& ctx) {
    for (size_t i = reports_.size(); i-- > 0;) {
        const ReferReport done = reports_[i];
        if (!done.is_last || !done.is_mute || done.safe_by) continue;
        reports_.erase(reports_.begin() + static_cast<std::ptrdiff_t>(i));
        if (done.then_hangs_up) leave(call, ctx, done.leg, done.why);
    }
}

void Transfer::on_safe(Call& call, CallContext& ctx) {
    for (ReferReport& each : reports_) {
        if (!std::exchange(each.safe_by, std::nullopt)) continue;
        each.give_up = ctx.now.mono + kLastNotifyDeadline;
        tell(call, ctx, each);
    }
    end_mute(call, ctx);
    drop_left(call, ctx);
}

bool Transfer::is_to_be_told(uint8_t leg) const {
    return std::ranges::any_of(
        reports_, [&](const ReferReport& each) { return each.leg == leg && each.safe_by; });
}

// The same for who has not asked for reports.
void Transfer::leave_by_report(uint8_t leg, std::string_view why) {
    ReferReport mute;
    mute.leg = leg;
    mute.is_mute = mute.then_hangs_up = true;
    mute.why = why;
    reports_.push_back(std::move(mute));
}

// One at a time, as a phone that gets them in another order would end up with the wrong one.
void Transfer::tell(Call& call, CallContext& ctx, ReferReport& to) {
    if (to.is_mute || to.under_way || !to.is_due || to.safe_by) return;
    const auto lasts = std::chrono::duration_cast<std::chrono::seconds>(kReferExpires);
    sip::Payload payload;
    payload.headers.push_back({"Event", to.event});
    payload.headers.push_back(
        {"Subscription-State", to.is_last ? std::string("terminated;reason=noresource")
                                          : "active;expires=" + std::to_string(lasts.count())});
    payload.content_type = "message/sipfrag;version=2.0";
    payload.body = "SIP/2.0 " + std::to_string(to.status) + " ";
    payload.body.append(sip::default_reason(to.status)).append("\r\n");
    to.is_due = false;
    to.under_way = call.party(to.leg)->leg.send(ctx.leg, "NOTIFY", payload);
    if (!to.under_way) to.is_mute = true;
}

bool Transfer::on_request_done(Call& call, CallContext& ctx, const sip::LegEvent& event) {
    const auto found = std::ranges::find_if(
        reports_, [&](const ReferReport& each) { return each.under_way == event.client; });
    if (found == reports_.end()) return false;
    found->under_way = {};
    // 481 and its like: the phone has ended the subscription, and not the call (RFC 5057 5.1).
    if (event.status >= 300) found->is_mute = true;
    tell(call, ctx, *found);
    if (found->under_way || !found->is_last || found->safe_by) return true;
    const ReferReport done = *found;
    reports_.erase(found);
    if (done.then_hangs_up) leave(call, ctx, done.leg, done.why);
    return true;
}

// RFC 5589 6.1: whoever transferred is let go when he has been told.
void Transfer::leave(Call& call, CallContext& ctx, uint8_t leg, std::string_view why) {
    call.end_leg(ctx, leg, 200, reason_header(200, why));
    if (let_go_) call.report_due_ = true;
}

void Transfer::on_timeout(Call& call, CallContext& ctx) {
    if (is_parked() && parked_until_ && *parked_until_ <= ctx.now.mono) recall(call);
    const bool is_late = std::ranges::any_of(reports_, [&](const ReferReport& each) {
        return each.safe_by && *each.safe_by <= ctx.now.mono;
    });
    if (is_late) on_safe(call, ctx);
    for (size_t i = reports_.size(); i-- > 0;) {
        if (!reports_[i].give_up || *reports_[i].give_up > ctx.now.mono) continue;
        const ReferReport done = reports_[i];
        reports_.erase(reports_.begin() + static_cast<std::ptrdiff_t>(i));
        if (done.then_hangs_up) leave(call, ctx, done.leg, done.why);
    }
}

std::optional<Instant> Transfer::next_deadline() const {
    std::optional<Instant> earliest = is_parked() ? parked_until_ : std::nullopt;
    for (const ReferReport& each : reports_)
        for (const auto& due : {each.give_up, each.safe_by})
            if (due && (!earliest || *due < *earliest)) earliest = due;
    return earliest;
}

}  // namespace tandem::call
