// Answers to challenges, for legs that have credentials (trunks). RFC 3261 22, RFC 7616.
#include "sip/dialog/leg_core.h"
#include "sip/digest.h"

namespace tandem::sip {
namespace {

// One answer, one more when the nonce was stale or both 401 and 407 were asked.
constexpr uint32_t challenges_max = 3;

HeaderId answer_header(int status) {
    return status == 401 ? HeaderId::Authorization : HeaderId::ProxyAuthorization;
}

std::optional<DigestChallenge> challenge_in(const Message& response) {
    return first_known_challenge(response, response.status() == 401 ? HeaderId::WwwAuthenticate
                                                                    : HeaderId::ProxyAuthenticate);
}

}  // namespace

bool Leg::Core::may_authenticate(const Message& request, const Message& response,
                                 uint32_t attempt) {
    const int status = response.status();
    if (!settings.credentials || (status != 401 && status != 407)) return false;
    const auto asked = challenge_in(response);
    if (!asked || attempt >= challenges_max) return false;
    return asked->stale || !request.has(answer_header(status));
}

void Leg::Core::take_challenge(const Message& response) {
    const auto asked = challenge_in(response);
    if (!asked) return;
    challenge = asked->text();
    challenged_by_proxy = response.status() == 407;
    nonce_count = 0;
}

// Later requests answer the last challenge unasked (RFC 3261 22.3, RFC 7616 3.6).
void Leg::Core::authenticate(LegContext& ctx, Message& request) {
    if (challenge.empty() || !settings.credentials) return;
    const auto value = AuthValue::parse(challenge);
    if (!value) return;
    const auto asked = DigestChallenge::parse(*value);
    if (!asked) return;
    const std::string cnonce = ctx.rng.token(16);
    const DigestIdentity who{settings.credentials->user, settings.credentials->password};
    const DigestAnswer answer{request.method_token(), request.request_uri(), cnonce, ++nonce_count};
    request.append(challenged_by_proxy ? HeaderId::ProxyAuthorization : HeaderId::Authorization,
                   answer_challenge(*asked, who, answer));
}

bool Leg::Core::try_again_with_credentials(LegContext& ctx, LegRequest& done,
                                           const Message& response) {
    if (!may_authenticate(done.request, response, done.attempt)) return false;
    LegDialog* part = nullptr;
    const auto to = done.request.to();
    for (LegDialog& candidate : early) {
        if (to && candidate.dialog.remote_tag() == to->tag()) part = &candidate;
    }
    if (dialog && to && dialog->dialog.remote_tag() == to->tag()) part = &*dialog;
    if (part == nullptr) return false;
    take_challenge(response);
    Message again = std::move(done.request);
    again.remove(HeaderId::Authorization);
    again.remove(HeaderId::ProxyAuthorization);
    again.replace(HeaderId::CSeq, std::to_string(part->dialog.take_cseq()) + " " +
                                      std::string(again.method_token()));
    authenticate(ctx, again);
    const ClientKey first = done.client;
    LegRequest retry{
        {}, done.use, std::move(again), done.attempt + 1, done.offered, std::move(done.payload)};
    if (!start_request(ctx, std::move(retry))) return false;
    if (done.use == LegRequestUse::Owner) {
        // send() gave the first key to the owner, who shall meet it again in RequestDone.
        requests.back().told_as = done.told_as ? done.told_as : first;
    }
    return true;
}

}  // namespace tandem::sip
