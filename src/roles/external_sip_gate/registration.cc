#include "roles/external_sip_gate/registration.h"

#include <algorithm>

#include "roles/external_sip_gate/limits.h"
#include "sip/status.h"
#include "sip/tag.h"
#include "sip/uri.h"

namespace tandem::roles::external_sip_gate {

using sip::HeaderId;

namespace {

std::string status_text(const sip::Message& response) {
    return std::to_string(response.status()) + " " + std::string(response.reason());
}

// Somewhere between 80 and 90 % of it, so that trunks that began together do not stay together.
Duration until_refresh(uint32_t granted_s, Rng& rng) {
    const int64_t permille = 800 + static_cast<int64_t>(rng.below(100));
    return std::chrono::milliseconds(int64_t{granted_s} * permille);
}

}  // namespace

Registration::Registration(RegistrationSettings settings, std::string contact_token, Rng& rng)
    : settings_(std::move(settings)),
      contact_token_(std::move(contact_token)),
      call_id_(sip::make_call_id(rng)),
      from_tag_(sip::make_tag(rng)),
      expires_s_(settings_.expires_s) {}

// RFC 3261 10.2: one Call-ID and a rising CSeq for all registrations of one contact.
sip::Message Registration::request(uint32_t expires_s) {
    sip::Message request = sip::Message::request(sip::Method::Register, "sip:" + settings_.domain);
    const std::string aor =
        "<sip:" + sip::escape_user(settings_.user) + "@" + settings_.domain + ">";
    request.append(HeaderId::From, aor + ";tag=" + from_tag_);
    request.append(HeaderId::To, aor);
    request.append(HeaderId::CallId, call_id_);
    request.append(HeaderId::CSeq, std::to_string(++cseq_) + " REGISTER");
    request.append(HeaderId::Expires, std::to_string(expires_s));
    if (!settings_.user_agent.empty()) request.append(HeaderId::UserAgent, settings_.user_agent);
    return request;
}

std::optional<sip::Message> Registration::next_request(Instant now, Rng& rng) {
    if (state_ != State::Due && !(state_ == State::Leaving && !deadline_)) return std::nullopt;
    sip::Message next = request(leaves_ ? 0 : expires_s_);
    const std::string& user = settings_.auth_user.empty() ? settings_.user : settings_.auth_user;
    proofs_.prove({user, settings_.password, settings_.realms}, rng, next);
    last_ = next;
    if (!leaves_) state_ = State::Asking;
    deadline_ = now + (leaves_ ? unregister_deadline : register_deadline);
    return next;
}

Registration::Outcome Registration::on_response(Instant now, const sip::Message& response,
                                                Rng& rng) {
    if (state_ != State::Asking && state_ != State::Leaving) return Outcome::Pending;
    const int status = response.status();
    const auto cseq = response.cseq();
    const bool is_late = !cseq || cseq->number != cseq_;
    if (is_late || !sip::is_final(status)) return Outcome::Pending;
    if (status == 401 || status == 407) return on_challenge(response);
    if (leaves_) {
        state_ = State::Gone;
        until_.reset();
        return Outcome::Done;
    }
    if (sip::is_success(status)) return on_accepted(now, response, rng);
    if (status == 423) return on_too_brief(response);
    const bool refused = status == 403 || status == 404;
    Duration least = refused ? backoff_refused : Duration{0};
    const auto after = response.retry_after();
    if (after && *after) {
        const Duration asked = std::chrono::seconds((*after)->seconds);
        least = std::clamp<Duration>(asked, least, std::max(least, backoff_most));
    }
    return fail("the registrar answers " + status_text(response), least);
}

// RFC 3261 10.3 step 8, 10.2.4: the answer lists all contacts of the address of record; what is
// said of ours counts.
uint32_t Registration::granted_s(const sip::Message& response) const {
    uint32_t granted = expires_s_;
    const auto all = response.expires();
    if (all && *all) granted = **all;
    for (const auto contact : response.contacts()) {
        if (!contact || contact->star) continue;
        const auto uri = contact->parsed_uri();
        if (uri && uri->user == contact_token_ && contact->expires()) granted = *contact->expires();
    }
    return std::min(granted, expires_most_s);
}

Registration::Outcome Registration::on_accepted(Instant now, const sip::Message& response,
                                                Rng& rng) {
    const uint32_t granted = granted_s(response);
    if (granted == 0) return fail("the registrar has taken no contact", Duration{0});
    state_ = State::Registered;
    until_ = now + std::chrono::seconds(granted);
    deadline_ = now + std::max(until_refresh(granted, rng), refresh_least);
    failure_.clear();
    backoff_ = Duration{0};
    challenges_ = 0;
    return Outcome::Done;
}

// The first challenge in a row is answered in any case: a registrar that has forgotten its nonce
// may not say that it is stale.
Registration::Outcome Registration::on_challenge(const sip::Message& response) {
    const bool may_help = challenges_ == 0 || sip::DigestAnswers::asks_anew(last_, response);
    if (!may_help || challenges_ >= challenges_max) {
        proofs_.forget();
        return fail("the registrar refuses user or password (" + status_text(response) + ")",
                    backoff_refused);
    }
    if (!proofs_.take(response))
        return fail("the registrar asks for proof in a way that is not known", backoff_refused);
    ++challenges_;
    if (leaves_) {
        deadline_.reset();
    } else {
        state_ = State::Due;
    }
    return Outcome::Again;
}

// RFC 3261 10.2.8.
Registration::Outcome Registration::on_too_brief(const sip::Message& response) {
    const auto least = response.number(HeaderId::MinExpires);
    const bool is_sane = least && *least && **least > expires_s_ && **least <= expires_most_s;
    if (!is_sane) return fail("the registrar answers " + status_text(response), Duration{0});
    expires_s_ = **least;
    state_ = State::Due;
    return Outcome::Again;
}

Registration::Outcome Registration::on_unanswered(Instant, std::string_view why) {
    if (leaves_) {
        state_ = State::Gone;
        return Outcome::Done;
    }
    if (state_ != State::Asking) return Outcome::Pending;
    return fail(std::string(why), Duration{0});
}

Registration::Outcome Registration::fail(std::string why, Duration least) {
    failure_ = std::move(why);
    pause_least_ = least;
    challenges_ = 0;
    if (leaves_) {
        state_ = State::Gone;
        return Outcome::Done;
    }
    return Outcome::TryNext;
}

void Registration::wait(Instant now, Rng& rng) {
    backoff_ = backoff_ == Duration{0} ? backoff_first : std::min(2 * backoff_, backoff_most);
    const Duration pause = std::max(backoff_, pause_least_);
    // RFC 5626 4.5: between half of it and all of it.
    const auto part = static_cast<int64_t>(rng.below(500));
    deadline_ = now + pause / 2 + pause * part / 1000;
    state_ = State::Waiting;
    challenges_ = 0;
}

void Registration::leave(Instant now) {
    const bool was_there = is_registered(now);
    leaves_ = true;
    deadline_.reset();
    challenges_ = 0;
    state_ = was_there ? State::Leaving : State::Gone;
}

std::optional<Instant> Registration::next_deadline() const {
    switch (state_) {
        case State::Due:
        case State::Gone:
            return std::nullopt;
        case State::Asking:
        case State::Registered:
        case State::Waiting:
        case State::Leaving:
            return deadline_;
    }
    return std::nullopt;
}

void Registration::on_timeout(Instant now) {
    if (!deadline_ || *deadline_ > now) return;
    if (state_ == State::Leaving) state_ = State::Gone;
    if (state_ == State::Registered || state_ == State::Waiting) state_ = State::Due;
}

}  // namespace tandem::roles::external_sip_gate
