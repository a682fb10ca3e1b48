// Calls of domains whose licences bound them: before a call is routed it takes its leases, and
// waits for CS where there are none at hand.
#include "roles/b2bua/b2bua_role.h"

namespace tandem::roles::b2bua {

using Outcome = CallLeases::Outcome;
using store::Quantity;

namespace {

// Too many at once: busy, as the lines of the domain or trunk are, so that no phone or gateway
// looks for another way (RFC 3261 21.4.24). Too many in a second: come again (21.5.4).
int refusal_of(Quantity lacks) {
    return lacks == Quantity::CallRate ? 503 : 486;
}

// For the phone and the record; whose licence it is, is said to nobody.
std::string_view reason_of(Quantity lacks) {
    switch (lacks) {
        case Quantity::CallsIn:
            return "as many calls in as the licence has";
        case Quantity::CallsOut:
            return "as many calls out as the licence has";
        case Quantity::CallRate:
            return "as many calls in a second as the licence has";
        case Quantity::Accounts:
        case Quantity::Users:
        case Quantity::Devices:
        case Quantity::Calls:
        case Quantity::Trunks:
        case Quantity::Scenarios:
        case Quantity::ChildDomains:
        case Quantity::RecordingStorage:
            return "as many calls at once as the licence has";
    }
    return "";
}

}  // namespace

void B2buaRole::admit_licensed(Step& step, HeldInvite invite) {
    const uint64_t base = call::base_of(invite.facts.call);
    const bool comes_in = !invite.facts.trunk.is_nil();
    const auto verdict = leases_.take(step.now, base, {{invite.facts.domain, comes_in}}, step.out,
                                      invite.facts.trunk);
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

void B2buaRole::refuse_unlicensed(Step& step, const HeldInvite& invite,
                                  CallLeases::Verdict verdict) {
    refuse(step, invite.in.message, invite.server, refusal_of(verdict.lacks));
}

// Of a call that is about to leave its domain. True: it has made a step, and may be over.
bool B2buaRole::license(Step& step, call::Call& call, const std::vector<call::Side>& sides) {
    const auto verdict = leases_.take(step.now, call.base(), sides, step.out);
    if (verdict.outcome == Outcome::Waits) return false;
    on_licensed(step, call, verdict);
    return true;
}

void B2buaRole::on_licensed(Step& step, call::Call& call, const CallLeases::Verdict& verdict) {
    const bool has_all = verdict.outcome == Outcome::Taken;
    const int refusal = has_all ? 0 : refusal_of(verdict.lacks);
    const std::string_view reason = has_all ? "" : reason_of(verdict.lacks);
    with_call(step, call, [&](auto& ctx) { call.on_licensed(ctx, refusal, reason); });
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
            call::Call* begun = each.line.is_nil() ? find(each.call) : nullptr;
            if (begun != nullptr && is_live(*begun))
                on_licensed(step, *begun, each.verdict);
            else
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
