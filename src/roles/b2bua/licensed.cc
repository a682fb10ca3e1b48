// Calls of domains whose licences bound them: before a call is routed it takes its leases, and
// waits for CS where there are none at hand.
#include "roles/b2bua/b2bua_role.h"

namespace tandem::roles::b2bua {

using Outcome = CallLeases::Outcome;
using store::Quantity;

void B2buaRole::admit_licensed(Step& step, HeldInvite invite) {
    const uint64_t base = call::base_of(invite.facts.call);
    const auto verdict =
        leases_.take(step.now, base, invite.facts.domain, step.out, invite.facts.trunk);
    switch (verdict.outcome) {
        case Outcome::Taken:
            begin_call(step, std::move(invite));
            return;
        case Outcome::Full:
            refuse_unlicensed(step, invite, verdict);
            return;
        case Outcome::Waits:
            held_invites_.emplace(base, std::move(invite));
            return;
    }
}

// Too many at once: busy, as the lines of the domain or trunk are, so that no phone or gateway
// looks for another way (RFC 3261 21.4.24). Too many in a second: come again (21.5.4).
void B2buaRole::refuse_unlicensed(Step& step, const HeldInvite& invite,
                                  CallLeases::Verdict verdict) {
    const bool is_rate = verdict.lacks == Quantity::CallRate;
    if (!verdict.of_trunk)
        ++(is_rate ? counters_.refused_rate_licence : counters_.refused_call_licence);
    refuse(step, invite.in.message, invite.server, is_rate ? 503 : 486);
}

void B2buaRole::settle_licensed(Step& step) {
    for (const CallLeases::Settled& each : leases_.take_settled()) {
        const bool taken = each.verdict.outcome == Outcome::Taken;
        call::Call* call = each.line.is_nil() ? nullptr : find(each.call);
        if (call != nullptr && is_live(*call)) {
            with_call(step, *call, [&](auto& ctx) { call->on_line(ctx, each.line, taken); });
            continue;
        }
        const auto found = held_invites_.find(each.call);
        if (found == held_invites_.end()) {
            leases_.release(each.call, step.out);
            continue;
        }
        HeldInvite invite = std::move(found->second);
        held_invites_.erase(found);
        if (taken) {
            begin_call(step, std::move(invite));
        } else {
            refuse_unlicensed(step, invite, each.verdict);
        }
    }
    emit(step, nullptr);
}

// RFC 3261 9.2: a CANCEL that comes while its call waits.
void B2buaRole::cancel_held(Step& step, sip::ServerKey server) {
    if (cancel_pick(step, server)) return;
    for (auto each = held_invites_.begin(); each != held_invites_.end(); ++each) {
        if (each->second.server.value != server.value) continue;
        refuse(step, each->second.in.message, server, 487);
        leases_.release(each->first, step.out);
        held_invites_.erase(each);
        return;
    }
}

}  // namespace tandem::roles::b2bua
