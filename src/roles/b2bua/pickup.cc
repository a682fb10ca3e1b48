// INVITEs that begin no call of their own, but take a place in one: RFC 3891, and the domain's
// prefix for picking up what rings elsewhere.
#include <algorithm>

#include "roles/b2bua/b2bua_role.h"
#include "roles/b2bua/limits.h"
#include "roles/b2bua/place_prefixes.h"
#include "routing/route.h"
#include "sip/transaction/match_key.h"

namespace tandem::roles::b2bua {

using call::Call;
using sip::HeaderId;

// Numbers and codes of the domain come before what its prefixes mean.
bool B2buaRole::leads_somewhere(const Step& step, const PlaceAsked& asked) {
    routing::Question question{asked.admitted.domain->id, asked.admitted.account->id,
                               asked.admitted.dialled, step.now.utc};
    question.plans = &plans_;
    return routing::leads_somewhere(routing::route(around_.catalog, question));
}

bool B2buaRole::takes_a_place(Step& step, const PlaceAsked& asked) {
    if (asked.in.message.has(HeaderId::Replaces)) {
        replace(step, asked);
        return true;
    }
    const model::DomainSettings& settings = asked.admitted.domain->settings;
    const PlaceMeant meant = place_meant(settings, asked.admitted.dialled);
    if (meant == PlaceMeant::None || leads_somewhere(step, asked)) return false;
    if (meant == PlaceMeant::Parked)
        fetch(step, asked);
    else
        pick_up(step, asked, rung_number(settings, asked.admitted.dialled));
    return true;
}

// RFC 3891 3: several, or one with Join, are malformed. Whoever may not know of a dialog is told
// that there is none.
void B2buaRole::replace(Step& step, const PlaceAsked& asked) {
    const auto replaces = asked.in.message.replaces();
    const bool is_one =
        asked.in.message.count(HeaderId::Replaces) == 1 && !asked.in.message.has(HeaderId::Join);
    if (!is_one || !replaces || !*replaces)
        return refuse(step, asked.in.message, asked.server, 400);
    const call::DialogName name{std::string((*replaces)->call_id), std::string((*replaces)->to_tag),
                                std::string((*replaces)->from_tag)};
    const auto token = around_.tokens.read(ports::TokenKind::Tag, name.to_tag);
    Call* call = token ? call_of_leg(token->unique) : nullptr;
    const uint8_t leg = token ? call::index_of(token->unique) : uint8_t{0};
    const bool is_known = call != nullptr &&
                          call->domain_of_leg(leg) == asked.admitted.domain->id &&
                          call->is_dialog(leg, name);
    const bool is_others = call == nullptr && token && token->owner != around_.self;
    if (is_others && !step.from_b2b) {
        const auto* owner = around_.directory.find(token->owner);
        const auto heir = around_.directory.heir(ports::RoleKind::B2bua,
                                                 call::base_of(token->unique), around_.self);
        const auto to = owner != nullptr && owner->reachable ? token->owner : heir;
        if (to) return hand_over(step, std::move(asked.in), asked.server, *to);
    }
    if (!is_known) return refuse(step, asked.in.message, asked.server, 481);
    const int refusal = call->refusal_of(leg, (*replaces)->early_only);
    if (refusal != 0) return refuse(step, asked.in.message, asked.server, refusal);
    take_in(step, asked, *call, leg);
}

// Of several the one that has rung longest.
void B2buaRole::pick_up(Step& step, const PlaceAsked& asked, std::string_view number) {
    const auto account = rung_account(around_.catalog, asked.admitted.domain->id, number);
    if (!account) return refuse(step, asked.in.message, asked.server, 404);
    Call* found = nullptr;
    for (const auto& [base, call] : calls_) {
        const call::CallFacts& facts = call->facts();
        const bool is_own = facts.caller_account == asked.admitted.account->id;
        if (is_own) continue;
        const uint8_t leg = call->ringing_leg(asked.admitted.domain->id, *account);
        if (leg == 0 || call->refusal_of(leg, true) != 0) continue;
        if (found == nullptr || facts.started < found->facts().started) found = call.get();
    }
    if (found == nullptr)
        return look_elsewhere(step, asked, {asked.admitted.domain->id, *account, {}, {}});
    take_in(step, asked, *found, found->ringing_leg(asked.admitted.domain->id, *account));
}

void B2buaRole::take_in(Step& step, const PlaceAsked& asked, Call& call, uint8_t leg) {
    const store::AccountRecord& account = *asked.admitted.account;
    const std::string_view number = account.number().empty() ? account.login() : account.number();
    call::Destination who;
    who.account = account.id;
    who.number = number;
    who.name = account.display_name();
    who.domain = asked.admitted.domain->id;
    call::NewcomerInvite invite{leg, std::move(who), asked.server, asked.in.flow,
                                std::move(asked.in.message)};
    with_call(step, call, [&](auto& ctx) { call.take_in(ctx, std::move(invite)); });
}

// --- Parked calls.

// Several may wait in one slot: the one that began first is fetched first.
void B2buaRole::fetch(Step& step, const PlaceAsked& asked) {
    Call* found = nullptr;
    for (const auto& [base, call] : calls_) {
        const bool waits =
            call->transfer().parked_at() == asked.admitted.dialled &&
            call->domain_of_leg(call->transfer().parked_leg()) == asked.admitted.domain->id;
        if (!waits || call->refusal_of(call->transfer().parked_leg(), false) != 0) continue;
        if (found == nullptr || call->facts().started < found->facts().started) found = call.get();
    }
    if (found != nullptr) return take_in(step, asked, *found, found->transfer().parked_leg());
    look_elsewhere(step, asked, {asked.admitted.domain->id, {}, {}, asked.admitted.dialled});
}

// --- Joining two who talk.

// The call of its own that the INVITE was to begin is none.
void B2buaRole::join_call(Step& step, HeldInvite invite, const routing::JoinWish& wish) {
    leases_.release(call::base_of(invite.facts.call), step.out);
    const DomainId domain = invite.facts.domain;
    int refusal = 480;
    for (const auto& [base, call] : calls_) {
        if (call->talking_leg(domain, wish.account) == call::no_leg) continue;
        refusal = call->refusal_to_join(domain, wish.account);
        if (refusal != 0) continue;
        call::Destination who;
        who.account = invite.facts.caller_account;
        who.number = invite.facts.caller_number;
        who.name = invite.facts.caller_name;
        who.domain = domain;
        call::IntruderInvite joins{wish.account,  wish.kind,      std::move(who),
                                   invite.server, invite.in.flow, std::move(invite.in.message)};
        return with_call(step, *call, [&](auto& ctx) { call->join(ctx, std::move(joins)); });
    }
    if (refusal != 480) return refuse(step, invite.in.message, invite.server, refusal);
    ports::CallsQuery query;
    query.domain = domain;
    query.account = wish.account;
    query.limit = 1;
    ask_index(step, invite.in, invite.server, domain, std::move(query));
}

// --- At other B2Bs.

// Not here: CS knows of all calls of the domain.
void B2buaRole::look_elsewhere(Step& step, const PlaceAsked& asked, ports::RingingQuery query) {
    query.except = asked.admitted.account->id;
    const DomainId domain = query.domain;
    ask_index(step, asked.in, asked.server, domain, std::move(query));
}

void B2buaRole::ask_index(Step& step, ports::SipInbound& in, sip::ServerKey server, DomainId domain,
                          ports::Payload query) {
    const auto index = around_.directory.active(ports::RoleKind::CallState, domain);
    if (!index || step.from_b2b || picks_.size() >= kPicksMax)
        return refuse(step, in.message, server, 480);
    const uint64_t request = call::leg_key(around_.rng.next() >> call::kLegBits, kPickIndex);
    step.out.send(ports::Letter{around_.self, *index, request, std::move(query)});
    picks_.push_back({request, std::move(in), server, step.now.mono + kPickDeadline});
}

bool B2buaRole::on_rings_elsewhere(Step& step, uint64_t request, const ports::CallsPage* found) {
    const auto waiting = std::ranges::find(picks_, request, &Pick::request);
    if (waiting == picks_.end()) return false;
    Pick pick = std::move(*waiting);
    picks_.erase(waiting);
    const bool rings = found != nullptr && !found->calls.empty();
    const ports::Instance owner = rings ? found->calls.front().owner : ports::Instance{};
    const auto* entry = around_.directory.find(owner);
    if (entry == nullptr || !entry->reachable || owner == around_.self) {
        refuse(step, pick.in.message, pick.server, 480);
        emit(step, nullptr);
        return true;
    }
    hand_over(step, std::move(pick.in), pick.server, owner);
    return true;
}

void B2buaRole::give_up_picks(Step& step) {
    while (!picks_.empty() && picks_.front().give_up <= step.now.mono) {
        const Pick pick = std::move(picks_.front());
        picks_.pop_front();
        refuse(step, pick.in.message, pick.server, 480);
        emit(step, nullptr);
    }
}

bool B2buaRole::cancel_pick(Step& step, sip::ServerKey server) {
    const auto waiting = std::ranges::find(picks_, server, &Pick::server);
    if (waiting == picks_.end()) return false;
    refuse(step, waiting->in.message, server, 487);
    picks_.erase(waiting);
    return true;
}

// The owner of the call answers it, after checking it as we have; to the phone it is all the same.
void B2buaRole::hand_over(Step& step, ports::SipInbound in, sip::ServerKey server,
                          ports::Instance to) {
    layer_.forget(server);
    if (handed_.size() >= kHandedMax) handed_.pop_front();
    handed_.push_back({step.now.mono + 64 * options_.timers.t1, server.value, to});
    in.previous_owner = {};
    step.out.send(around_.self, to, std::move(in));
}

bool B2buaRole::follow_handed(Step& step, ports::SipInbound& in) {
    while (!handed_.empty() && handed_.front().until <= step.now.mono) handed_.pop_front();
    if (handed_.empty() || (step.from_b2b && !in.previous_owner)) return false;
    const sip::Method method = in.message.method();
    const bool of_invite = method == sip::Method::Cancel || method == sip::Method::Ack;
    if (!of_invite && method != sip::Method::Invite) return false;
    const auto as = of_invite ? sip::MatchAs::Invite : sip::MatchAs::ItsMethod;
    const uint64_t key = sip::server_match_key(layer_settings_.hash_key, in.message, as);
    const auto handed = std::ranges::find(handed_, key, &Handed::key);
    if (handed == handed_.end()) return false;
    in.previous_owner = {};
    step.out.send(around_.self, handed->to, std::move(in));
    return true;
}

}  // namespace tandem::roles::b2bua
