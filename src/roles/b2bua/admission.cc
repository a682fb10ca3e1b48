// Which requests may begin something: bounds, loops, domain, proof of who calls, route.
#include <algorithm>

#include "base/bytes.h"
#include "call/identity.h"
#include "call/route_of.h"
#include "model/generated/trunk.h"
#include "roles/b2bua/b2bua_role.h"
#include "roles/b2bua/limits.h"
#include "roles/b2bua/place_prefixes.h"
#include "routing/route.h"

namespace tandem::roles::b2bua {

using sip::HeaderId;

size_t B2buaRole::calls_max() const {
    const auto* entity = around_.catalog.find_role_instance(around_.self.number);
    if (entity == nullptr || !entity->b2bua) return kCallsMax;
    return static_cast<size_t>(entity->b2bua->calls_max);
}

double B2buaRole::load() const {
    return static_cast<double>(live_calls_) / static_cast<double>(calls_max());
}

bool B2buaRole::is_overloaded() const {
    return live_calls_ >= calls_max() || calls_.size() - live_calls_ >= kEndedCallsMax ||
           !layer_.has_room_for_new_calls() || writer_.waiting() >= kWritesWaitingMax;
}

// call_rate_max, with one second's calls in advance. Asked when the caller has proved who he is, so
// that a flood of INVITEs from strangers does not use up what users are allowed.
bool B2buaRole::takes_call_now(Now now) {
    const auto* entity = around_.catalog.find_role_instance(around_.self.number);
    const int64_t rate_max = entity != nullptr && entity->b2bua ? entity->b2bua->call_rate_max : 0;
    if (rate_max <= 0) return true;
    const double elapsed_s = std::chrono::duration<double>(now.mono - calls_allowed_at_).count();
    const auto rate = static_cast<double>(rate_max);
    calls_allowed_ = std::min(rate, calls_allowed_ + elapsed_s * rate);
    calls_allowed_at_ = now.mono;
    if (calls_allowed_ < 1) return false;
    calls_allowed_ -= 1;
    return true;
}

// Refuses by itself; nullopt then. RFC 3261 16.3 (Max-Forwards), 22.3.
std::optional<B2buaRole::Admitted> B2buaRole::admit(Step& step, const ports::SipInbound& in,
                                                    sip::ServerKey server) {
    const sip::Message& request = in.message;
    const auto refused = [&](int status) -> std::optional<Admitted> {
        ++counters_.refused_other;
        refuse(step, request, server, status);
        return std::nullopt;
    };
    if (draining_ || is_overloaded()) {
        ++counters_.refused_overload;
        refuse(step, request, server, 503);
        return std::nullopt;
    }
    const auto hops = request.max_forwards();
    if (hops && *hops && **hops == 0) return refused(483);
    if (!in.trunk.is_nil()) return admit_from_trunk(step, in, server);
    // A request of ours that came back: some contact leads to us. RFC 3261 16.3 step 4.
    const auto from = request.from();
    if (from && around_.tokens.read(ports::TokenKind::Tag, from->tag())) return refused(482);
    Placement placement = place(around_.catalog, request, step.now.utc);
    if (placement.domain == nullptr || placement.refusal != 0) {
        return refused(placement.refusal != 0 ? placement.refusal : 404);
    }
    const auto outcome = callers_.check(around_.catalog, *placement.domain, request, step.now.utc);
    switch (outcome.verdict) {
        case CallerCheck::Verdict::Refused:
            return refused(outcome.status);
        case CallerCheck::Verdict::Challenge:
            ++counters_.challenges;
            layer_.respond(step.now.mono, server,
                           callers_.challenge(*placement.domain, request, outcome.stale,
                                              step.now.utc, around_.rng),
                           {}, wire_);
            return std::nullopt;
        case CallerCheck::Verdict::Passed:
            break;
    }
    return Admitted{placement.domain, outcome.account, std::move(placement.dialled), nullptr};
}

namespace {

// RFC 3323 4.2: values are separated by semicolons.
bool wants_privacy(const sip::Message& request) {
    std::string_view rest = request.header(HeaderId::Privacy).value_or("");
    while (!rest.empty()) {
        const size_t end = std::min(rest.find_first_of(";,"), rest.size());
        const std::string_view value = trim(rest.substr(0, end));
        if (equals_ignoring_case(value, "id") || equals_ignoring_case(value, "user")) return true;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return false;
}

}  // namespace

call::CallFacts B2buaRole::facts_of(Step& step, const Admitted& admitted,
                                    const sip::Message& invite) {
    call::CallFacts facts;
    do {
        facts.call = CallId::mint(step.now.utc, around_.rng);
    } while (calls_.contains(call::base_of(facts.call)) ||
             held_invites_.contains(call::base_of(facts.call)) || call::base_of(facts.call) == 0);
    facts.domain = admitted.domain->id;
    facts.domain_name = admitted.domain->name;
    if (admitted.trunk != nullptr) {
        show_trunk_caller(*admitted.trunk, invite, facts);
    } else {
        const store::AccountRecord& account = *admitted.account;
        facts.caller_account = account.id;
        facts.caller_number = account.number().empty() ? account.login() : account.number();
        facts.caller_name = account.display_name();
    }
    facts.hide_caller = wants_privacy(invite);
    facts.dialled = admitted.dialled;
    facts.started = step.now.utc;
    return facts;
}

call::CallSettings B2buaRole::settings_of(const store::Entity<model::Domain>& domain) const {
    const model::DomainSettings& from = domain.settings;
    call::CallSettings settings;
    settings.ring_timeout = from.ring_timeout;
    settings.duration_max = from.call_duration_max;
    settings.session_timer.session_expires_s = static_cast<uint32_t>(from.session_expires.count());
    settings.session_timer.min_se_s = static_cast<uint32_t>(from.session_min.count());
    switch (from.srtp) {
        case model::SrtpUse::Off:
            settings.srtp = call::SrtpPolicy::Off;
            break;
        case model::SrtpUse::Optional:
            settings.srtp = call::SrtpPolicy::Optional;
            break;
        case model::SrtpUse::Required:
            settings.srtp = call::SrtpPolicy::Required;
            break;
    }
    settings.full_trace = from.full_traces;
    settings.timers = options_.timers;
    settings.user_agent = around_.catalog.system().user_agent;
    settings.survival = call::Survival::Established;
    const auto* entity = around_.catalog.find_role_instance(around_.self.number);
    if (entity == nullptr || !entity->b2bua) return settings;
    switch (entity->b2bua->survival) {
        case model::Survival::None:
            settings.survival = call::Survival::None;
            break;
        case model::Survival::Established:
            settings.survival = call::Survival::Established;
            break;
        case model::Survival::All:
            settings.survival = call::Survival::All;
            break;
    }
    return settings;
}

namespace {

// In another domain the addresses are of that one, so that who is called can dial what he sees.
void show(const store::Catalog& catalog, routing::Route& route, call::CallFacts& facts) {
    if (!route.shown) return;
    facts.shown = call::ShownCaller{std::move(route.shown->number), std::move(route.shown->name)};
    if (route.stages.empty()) return;
    // Where somebody has sent it on, this is what his domain sees.
    const routing::Stage& first = route.stages.front();
    const bool is_sent_on = first.shown && !first.path.empty();
    const DomainId called = is_sent_on ? first.path.front().domain : routing::domain_of(first);
    const auto* domain = called == facts.domain ? nullptr : catalog.find_domain(called);
    if (domain != nullptr) facts.shown->domain = domain->name;
}

}  // namespace

void B2buaRole::on_invite(Step& step, ports::SipInbound& in, sip::ServerKey server) {
    const auto admitted = admit(step, in, server);
    if (!admitted) return;
    if (!takes_call_now(step.now)) {
        ++counters_.refused_overload;
        return refuse(step, in.message, server, 503);
    }
    const bool is_own = admitted->account != nullptr;  // places are for accounts
    if (is_own && takes_a_place(step, {in, server, *admitted})) return;
    admit_licensed(step, {facts_of(step, *admitted, in.message), std::move(in), server});
}

namespace {

// What a feature code changes, as the API would have it, by the account that dialled it.
std::optional<ports::EntityRequest> feature_request(const routing::Route& route,
                                                    const call::CallFacts& facts,
                                                    const std::string& address) {
    if (!route.feature) return std::nullopt;
    ports::EntityRequest request;
    request.verb = ports::EntityVerb::Patch;
    const auto& schedule = route.feature->schedule;
    request.kind = route.feature->kind;
    request.domain = facts.domain.text();
    request.id = schedule ? schedule->text() : facts.caller_account.text();
    request.body = route.feature->change;
    request.actor.name = "account " + facts.caller_number + "@" + facts.domain_name;
    request.actor.address = address;
    request.actor.domain = facts.domain;
    return request;
}

}  // namespace

// Of a group whose members take turns: the next call begins with the next one of them.
void B2buaRole::take_turn(const Step& step, const routing::Turned& turned) {
    group_order_.turns.take(turned.group, turned.first, step.now.utc);
}

void B2buaRole::begin_call(Step& step, HeldInvite invite) {
    const call::CallFacts& facts = invite.facts;
    const auto* domain = around_.catalog.find_domain(facts.domain);
    if (domain == nullptr) {  // removed while the call waited
        leases_.release(call::base_of(facts.call), step.out);
        return refuse(step, invite.in.message, invite.server, 404);
    }
    ++counters_.calls;
    routing::Question question{facts.domain, facts.caller_account, facts.dialled, step.now.utc};
    question.anonymous = facts.hide_caller;
    question.trunk = facts.trunk;
    if (!facts.trunk.is_nil()) question.direction = model::DialDirection::Outer;
    if (!facts.trunk.is_nil()) question.caller_number = facts.caller_number;
    if (!facts.trunk.is_nil()) question.caller_name = facts.caller_name;
    question.order = &group_order_;
    question.dice = facts.call.bits.low;
    question.plans = &plans_;
    routing::Route found = routing::route(around_.catalog, question);
    if (found.join) return join_call(step, std::move(invite), *found.join);
    show(around_.catalog, found, invite.facts);
    if (found.turned) take_turn(step, *found.turned);
    auto feature = feature_request(found, facts, invite.in.flow.remote.text());
    call::CallRoute route =
        call::route_of(std::move(found), {around_.catalog, options_.keys.credentials, facts});
    route.feature = std::move(feature);
    auto fresh = std::make_unique<call::Call>(std::move(invite.facts), settings_of(*domain));
    call::Call& call = add(std::move(fresh));
    trace_in(step, call, 0, invite.in);
    with_call(step, call, [&](auto& ctx) {
        call.start(ctx, invite.server, invite.in.flow, std::move(invite.in.message),
                   std::move(route));
    });
}

// Whoever transfers may do so to whom he could call himself.
void B2buaRole::route_transfer(Step& step, call::Call& call, const call::Transfer::Wanted& wanted) {
    routing::Question question{wanted.domain, wanted.account, wanted.dialled, step.now.utc};
    question.original = &wanted.stays;
    question.transfers = true;
    question.order = &group_order_;
    question.dice = call.id().bits.low;
    question.plans = &plans_;
    routing::Route found = routing::route(around_.catalog, question);
    if (found.turned) take_turn(step, *found.turned);
    for (routing::Stage& stage : found.stages) {
        const bool is_elsewhere = routing::domain_of(stage) != wanted.domain;
        if (is_elsewhere && !stage.shown) stage.shown = found.shown;
    }
    const bool is_nothing = found.stages.empty() && !found.feature;
    const auto* domain = around_.catalog.find_domain(wanted.domain);
    call::Call::Route route = call::route_of(
        std::move(found), {around_.catalog, options_.keys.credentials, call.facts()});
    if (is_nothing && domain != nullptr && is_slot(domain->settings, wanted.dialled)) {
        route.park_for = domain->settings.park_timeout;
    }
    with_call(step, call, [&](auto& ctx) { call.on_route(ctx, std::move(route)); });
}

void B2buaRole::on_page_message(Step& step, ports::SipInbound& in, sip::ServerKey server) {
    if (!in.trunk.is_nil()) return refuse(step, in.message, server, 405);
    const auto admitted = admit(step, in, server);
    if (!admitted) return;
    if (in.message.body().size() > kPageBytesMax) return refuse(step, in.message, server, 413);
    routing::Question question{admitted->domain->id, admitted->account->id, admitted->dialled,
                               step.now.utc};
    question.kind = routing::Question::Kind::Message;
    question.plans = &plans_;
    routing::Route route = routing::route(around_.catalog, question);
    if (route.stages.empty()) return refuse(step, in.message, server, route.refusal);
    call::CallFacts facts = facts_of(step, *admitted, in.message);
    show(around_.catalog, route, facts);
    const routing::Target& target = route.stages.front().targets.front();
    PageRequest page{server,
                     {},
                     step.now.utc,
                     std::move(in.message),
                     target.domain,
                     target.account,
                     call::shown_caller(facts),
                     call::shown_callee(facts)};
    const sip::Message copy = page.message;
    call::CallContext ctx = context(step);
    if (!pages_.start(ctx, std::move(page))) refuse(step, copy, server, 503);
}

// One that was stored, for an account that has just registered.
void B2buaRole::on_deliver(Step& step, ports::Letter letter) {
    const auto& deliver = get<ports::MessageDeliver>(letter.payload);
    const ports::StoredMessage& stored = deliver.message;
    sip::Message message = sip::Message::request(sip::Method::Message, "sip:stored");
    message.set_body(stored.content_type, stored.body);
    PageRequest page{
        {},          letter,   stored.sent, std::move(message), deliver.domain, deliver.account,
        stored.from, stored.to};
    call::CallContext ctx = context(step);
    const bool takes_more = !draining_ && !is_overloaded();
    if (!takes_more || !pages_.start(ctx, std::move(page)))
        step.out.reply(letter, ports::MessageDelivered{503});
}

}  // namespace tandem::roles::b2bua
