// The branches of a call: all devices ring at once, the first to answer has it. RFC 3261 13.2.2,
// 16.7 (choice among failures).
#include <algorithm>
#include <span>

#include "call/ask.h"
#include "call/call.h"
#include "call/failure.h"
#include "call/history.h"
#include "call/identity.h"
#include "call/limits.h"
#include "call/outside_of.h"
#include "routing/delivery.h"

namespace tandem::call {

using sip::SdpPart;

namespace {

bool is_asked(const std::unique_ptr<Branch>& branch) {
    return branch->state == BranchState::Inviting || branch->state == BranchState::Ringing;
}

}  // namespace

uint8_t Call::add_branch(CallContext& ctx, const Destination& destination, ports::Binding binding,
                         std::optional<MediaProfile> profile) {
    const auto index = static_cast<uint8_t>(branches_.size() + 1);
    const ports::Flow flow = binding.flow;
    sip::LegSettings settings = leg_settings(ctx, index, flow);
    settings.envelope.alternative_uri = binding.contact;
    // An offer in a reliable provisional would have to be answered before the caller has seen it.
    settings.provisionals =
        offered() ? sip::Provisionals::ReliableIfCan : sip::Provisionals::Unreliable;
    if (destination.outside) settings.credentials = destination.outside->credentials;
    OfferLimits limits = destination.outside ? destination.outside->offers : OfferLimits{};
    const SrtpPolicy policy =
        destination.outside ? destination.outside->srtp.value_or(settings_.srtp) : settings_.srtp;
    const ProfilePlan plan = profile_for_callee(policy, flow.transport);
    const MediaProfile first = profile.value_or(plan.first);
    auto fresh = std::make_unique<Branch>(
        Branch{{sip::Leg(leg_key(base(), index), std::move(settings)),
                PartyMedia(index + 1u, flow.remote.ip.family, flow.remote.ip, first), flow,
                binding.user_agent, ctx.now.utc}});
    fresh->party.media.set_limits(std::move(limits));
    fresh->destination = destination;
    fresh->binding = std::move(binding);
    fresh->profile = first;
    fresh->may_try_other_profile = plan.try_other && !profile;
    branches_.push_back(std::move(fresh));
    return index;
}

// Asks for the ports of all branches that have none; they are launched when the reply is here.
void Call::open_branches(CallContext& ctx) {
    // It does so when it has the new context.
    if (lacks_context()) return;
    ports::MediaRequest request;
    request.context = facts_.call;
    request.silence_timeout_s = settings_.silence_timeout_s;
    // A gate that has lost the context is to get all parties, not these alone.
    request.must_exist = winner_ != 0;
    // Who waited in a queue when his B2B died may have been about to get his.
    const bool lacks_ports = !media_open_ || (survived_ && caller_->media.local().empty());
    if (offer_ && lacks_ports) request.set.push_back(caller_->media.settings());
    for (size_t i = 0; i < branches_.size(); ++i) {
        Branch& fresh = *branches_[i];
        if (fresh.state != BranchState::Opening || fresh.ports_asked) continue;
        fresh.ports_asked = true;
        if (!offered()) {
            launch(ctx, static_cast<uint8_t>(i + 1));
            continue;
        }
        fresh.party.media.prepare(*offered());
        request.set.push_back(fresh.party.media.settings());
    }
    if (request.set.empty()) return;
    media_open_ = true;
    release_terminations(request);
    ask(ctx, media_gate_, std::move(request), {Purpose::OpenMedia, kMediaDeadline});
}

void Call::launch_opened(CallContext& ctx) {
    for (size_t i = 0; i < branches_.size(); ++i) {
        const bool ready = branches_[i]->state == BranchState::Opening &&
                           branches_[i]->party.leg.state() == sip::LegState::Idle &&
                           !branches_[i]->party.media.local().empty();
        if (ready) launch(ctx, static_cast<uint8_t>(i + 1));
    }
}

void Call::launch(CallContext& ctx, uint8_t index) {
    Branch& to = *branch(index);
    to.state = BranchState::Inviting;
    sip::OutgoingInvite invite;
    invite.request_uri = to.binding.contact;
    const bool is_transfer = transfer_.is_under_way() && !transfer_.is_by_queue();
    const bool hides = is_transfer ? transfer_.hides_caller(*this) : facts_.hide_caller;
    invite.from = is_transfer ? transfer_.shown_from(ctx, *this) : shown_caller(facts_);
    invite.to = is_transfer ? transfer_.shown_to(ctx, *this, index) : shown_callee(facts_);
    if (const auto& shown = to.destination.shown) {
        if (!hides) invite.from = shown_address(shown->name, shown->number, shown->domain);
        if (!is_transfer) invite.to = shown_address("", facts_.dialled, shown->domain);
    }
    if (const auto& outside = to.destination.outside) {
        if (!facts_.hide_caller) invite.from = outside->from;
        invite.to = "<" + to.binding.contact + ">";
        const bool has_other = !to.other_ways.empty() || has_later_stage();
        to.first_word_by = ctx.now.mono + (has_other ? kFirstWordOutside : kFirstWordOfLast);
    }
    invite.call_id = ctx.around.tokens.text(
        {ports::TokenKind::CallIdHeader, ctx.around.self, leg_key(base(), index)});
    // The leg may have called somebody before a restart, without a snapshot that knows of it.
    if (survived_) invite.call_id += "." + std::to_string(ctx.now.utc.unix_ms);
    invite.routes = to.binding.path;
    const bool is_outside = to.destination.outside.has_value();
    const std::string domain = is_outside ? to.destination.outside->domain
                                          : domain_name(ctx, domain_of(facts_, to.destination));
    // His number means nothing in another domain.
    const bool is_elsewhere =
        is_transfer && !is_outside && domain_of_leg(index) != domain_of_leg(transfer_.referrer());
    if (is_transfer)
        invite.payload.headers = transfer_.invite_headers(*this, is_elsewhere ? "" : domain);
    if (to.destination.outside && !to.destination.outside->identity.empty())
        invite.payload.headers.push_back({"P-Asserted-Identity", to.destination.outside->identity});
    if (hides) invite.payload.headers.push_back({"Privacy", "id"});
    if (to.destination.answers_itself) add_answer_mode(facts_.domain_name, invite.payload.headers);
    const auto path = own_path(path_to(ctx.around.catalog, to.destination), to.destination);
    for (sip::HeaderField& each : history_headers(path, domain))
        invite.payload.headers.push_back(std::move(each));
    for (const std::string& each : is_transfer ? std::vector<std::string>() : facts_.diversions)
        invite.payload.headers.push_back({"Diversion", each});
    if (offered()) {
        invite.payload.sdp = to.party.media.describe(*offered(), SdpRole::Offer, ctx.leg.rng);
    }
    to.party.leg.invite(ctx.leg, std::move(invite));
    // For who waits in a queue it is called off after a restart, as for a call that rings.
    const bool is_turn = transfer_.is_under_way() && queue_.waits(*this);
    const Survival least = is_turn ? Survival::Established : Survival::All;
    if (settings_.survival >= least) save_wanted_ = true;
}

// --- Provisional responses.

void Call::on_provisional(CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    Branch* from = branch(index);
    if (from == nullptr || !rings() || !from->is_pending()) return;
    // Lamps of the called account begin to blink.
    if (from->state != BranchState::Ringing) report_due_ = true;
    from->state = BranchState::Ringing;
    if (event.reliable) keep_ringing();  // the numbers of its PRACK are used up
    if (transfer_.rings()) return transfer_.on_provisional(*this, ctx, index, event);
    if (event.sdp && event.sdp_part == SdpPart::Answer) {
        return pass_early_answer(ctx, index, event);
    }
    const bool others_sound = early_ != 0 && early_ != index;
    if (event.status == rang_ || others_sound) return;
    rang_ = event.status;
    caller_->leg.ring(ctx.leg, event.status, {});
}

// Early media of one branch only: the first that has some. A reliable answer is the answer (RFC
// 3262 5), so that what other devices say later can't change it but by a new offer.
void Call::pass_early_answer(CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    Branch& from = *branch(index);
    const bool known = from.answer && sdp::same_description(*from.answer, *event.sdp);
    if (!known && !from.party.media.learn(*event.sdp, SdpRole::Answer, srtp_of(index))) return;
    from.answer = std::move(event.sdp);
    if (early_ != 0 && early_ != index) return;
    sip::Payload payload;
    // He has agreed with what a queue played, and is offered this one's when it has answered.
    const bool is_agreed_else = early_is_final_ && early_ == 0;
    if (is_agreed_else) {
        if (event.status == rang_) return;
        rang_ = event.status;
        caller_->leg.ring(ctx.leg, event.status, {});
        return;
    }
    if (!early_is_final_) {
        payload.sdp = caller_->media.describe(*from.answer, SdpRole::Answer, ctx.leg.rng);
    } else if (event.status == rang_) {
        return;
    }
    early_ = index;
    rang_ = event.status;
    if (!known) update_media(ctx, {0, index}, true);
    keep_ringing();
    const bool sent = caller_->leg.ring(ctx.leg, event.status, std::move(payload));
    if (sent && caller_reliable_) early_is_final_ = true;
}

// --- Failures.

void Call::on_branch_failed(CallContext& ctx, uint8_t index, sip::LegEvent& event) {
    Branch* failed = branch(index);
    if (failed == nullptr || !failed->is_pending()) return;  // cancelled by us
    failed->state = BranchState::Failed;
    failed->party.status = event.status;
    failed->party.ended = ctx.now.utc;
    const auto why = event.message.header(sip::HeaderId::Reason);
    failed->party.reason = why ? *why : std::string_view();
    // With nobody else who rings it is kept when the next one is called. Until then the store has
    // this device, which says again what it has said.
    if (std::ranges::any_of(branches_, is_asked)) keep_ringing();
    if (early_ == index && !early_is_final_) early_ = 0;
    if (!rings() || try_again(ctx, index, event)) return;
    if (event.status >= 600) decline_elsewhere(ctx, index);
    fail_if_exhausted(ctx);
}

// RFC 3261 16.7 step 5: a global failure ends the search, as far as it is for the same person.
void Call::decline_elsewhere(CallContext& ctx, uint8_t index) {
    const Branch& declined = *branch(index);
    const std::string reason = reason_header(declined.party.status, "declined");
    for (size_t i = 0; i < branches_.size(); ++i) {
        const Branch& other = *branches_[i];
        const bool is_same = other.destination.account == declined.destination.account;
        if (is_same && other.is_pending()) cancel_branch(ctx, static_cast<uint8_t>(i + 1), reason);
    }
}

bool Call::try_again(CallContext& ctx, uint8_t index, const sip::LegEvent& event) {
    Branch& failed = *branch(index);
    if (branches_.size() >= branches_max()) return false;
    if (refuses_description(event.status) && failed.may_try_other_profile && offered()) {
        const MediaProfile other =
            failed.profile == MediaProfile::Rtp ? MediaProfile::Srtp : MediaProfile::Rtp;
        add_branch(ctx, failed.destination, failed.binding, other);
        open_branches(ctx);
        return true;
    }
    if (failed.destination.outside) {
        if (event.status == 430) tell_of_silence(ctx, failed);
        return try_next_way(ctx, index, event.status);
    }
    if (event.status == 430 && !failed.rebound) {
        const DomainId domain = domain_of(facts_, failed.destination);
        const auto registrar = ctx.around.directory.active(ports::RoleKind::Registrar, domain);
        if (!registrar) return false;
        ports::BindingsQuery query{domain, failed.destination.account};
        ask(ctx, *registrar, query, {Purpose::Rebind, kBindingsDeadline, index});
        return true;
    }
    return event.status >= 300 && event.status < 400 &&
           follow_redirection(ctx, index, event.message);
}

// Of those that have been asked by now, of the call or of its transfer, and of `otherwise`, unless
// that is 0; 480 where there is neither. Where a provider has answered, the proxies before it that
// could not do not count.
int CallValues::best_status(int otherwise) const {
    std::vector<int> statuses;
    if (otherwise != 0) statuses.push_back(otherwise);
    const auto asked = std::span(branches_).subspan(first_asked() - 1);
    const bool is_answered = std::ranges::any_of(asked, [](const auto& each) {
        return each->destination.outside && each->state == BranchState::Failed &&
               !may_be_elsewhere(each->party.status);
    });
    for (size_t i = first_asked(); i <= branches_.size(); ++i) {
        const Branch& each = *branches_[i - 1];
        const bool is_passed_by =
            is_answered && each.destination.outside && may_be_elsewhere(each.party.status);
        if (is_passed_by) continue;
        if (each.state == BranchState::Failed) statuses.push_back(shown_failure(each.party.status));
    }
    return statuses.empty() ? 480 : best_failure(statuses);
}

// A phone may forward to accounts of its own domain; anything else would let it spend what is not
// its own. RFC 3261 8.1.3.4.
bool Call::follow_redirection(CallContext& ctx, uint8_t index, const sip::Message& response) {
    bool followed = false;
    const DomainId domain = domain_of(facts_, branch(index)->destination);
    for (const auto contact : response.contacts()) {
        if (redirections_ >= kRedirectionsMax) break;
        if (!contact || contact->star) continue;
        const auto found = routing::account_of_uri(ctx.around.catalog, domain, contact->uri);
        if (!found) continue;
        const bool known =
            std::any_of(destinations_.begin(), destinations_.end(),
                        [&](const Destination& d) { return d.account == found->account; });
        routing::Question question{domain, facts_.caller_account, {}, ctx.now.utc};
        question.anonymous = facts_.hide_caller;
        if (known || !routing::takes_calls(ctx.around.catalog, question, found->account)) continue;
        ++redirections_;
        report_due_ = true;
        route_notes_.push_back({"redirection", "a phone of " + branch(index)->destination.number +
                                                   " sent the call to " + found->number});
        if (destinations_.size() >= kDestinationsMax) break;
        Destination& to = destinations_.emplace_back();
        to = {found->account, found->number, found->name, stage_};
        to.domain = domain;
        locate_give_up_.reset();
        ask_where(ctx, Purpose::Bindings, static_cast<uint8_t>(destinations_.size() - 1));
        followed = true;
    }
    return followed;
}

void Call::fail_if_exhausted(CallContext& ctx) {
    if (!rings()) return;
    const bool asking = std::any_of(questions_.begin(), questions_.end(), [](const Question& q) {
        return q.purpose == Purpose::Bindings || q.purpose == Purpose::Rebind ||
               q.purpose == Purpose::Count;
    });
    if (asking || !to_ask_again_.empty() || !sides_asked_.empty() || asks_for_line()) return;
    const auto is_pending = [](const auto& branch) { return branch->is_pending(); };
    if (std::ranges::any_of(branches_, is_pending)) return;
    if (queue_.is_answering(*this)) return;
    if (queue_.waits(*this)) {
        if (queue_.has_turn()) queue_.turn_over(*this, ctx);
        return;
    }
    if (!outside_has_answered() && next_stage(ctx)) return;
    const int beforehand = refused_beforehand();
    const int status = best_status(beforehand != 0 ? beforehand : status_of_lines());
    search_failed(ctx, ReleasedBy::Callee, status,
                  status >= 600 ? "declined" : reason_of_lines(status));
}

void Call::cancel_branches(CallContext& ctx, uint8_t except, std::string_view reason) {
    for (size_t i = 0; i < branches_.size(); ++i) {
        if (i + 1 == except || !branches_[i]->is_pending()) continue;
        branches_[i]->party.reason = except != 0 ? "completed elsewhere" : "given up";
        cancel_branch(ctx, static_cast<uint8_t>(i + 1), reason);
    }
}

void Call::cancel_branch(CallContext& ctx, uint8_t index, std::string_view reason) {
    Branch& cancelled = *branch(index);
    cancelled.state = BranchState::Lost;
    cancelled.party.status = 487;
    cancelled.party.ended = ctx.now.utc;
    if (early_ == index && !early_is_final_) early_ = 0;
    sip::Payload payload;
    if (!reason.empty()) payload.headers.push_back({"Reason", std::string(reason)});
    cancelled.party.leg.hangup(ctx.leg, 487, std::move(payload));
}

void Call::on_ring_timeout(CallContext& ctx) {
    const bool rang_before = is_remnant_ && phase_ == Phase::Ringing;
    if (rang_before) return end(ctx, ReleasedBy::System, 503, "the exchange was restarted");
    const int status = best_status(is_any_busy(destinations_) ? 486 : 480);
    search_failed(ctx, ReleasedBy::System, status, status == 480 ? "nobody answered" : "");
}

void Call::search_failed(CallContext& ctx, ReleasedBy by, int status, std::string_view reason) {
    if (transfer_.is_by_queue()) return transfer_.on_failed(*this, ctx, status, reason);
    if (transfer_.is_under_way()) return transfer_.on_failed(*this, ctx, status);
    if (paging_.is_page() && phase_ >= Phase::Committing) return paging_.on_time_over(*this, ctx);
    if (paging_.is_page() && status != 503)
        return end(ctx, ReleasedBy::System, 480, "nobody could be paged");
    end(ctx, by, status, reason);
}

}  // namespace tandem::call
