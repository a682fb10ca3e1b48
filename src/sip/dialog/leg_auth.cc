// Answers to challenges, for legs that have credentials (trunks). RFC 3261 22, RFC 7616.
#include "sip/dialog/leg_core.h"

namespace tandem::sip {
namespace {

// An answer to a proxy, one to the other end, and one more when a nonce was stale.
constexpr uint32_t challenges_max = 3;

}  // namespace

bool Leg::Core::may_authenticate(const Message& request, const Message& response,
                                 uint32_t attempt) {
    const int status = response.status();
    if (!settings.credentials || (status != 401 && status != 407)) return false;
    return attempt < challenges_max && DigestAnswers::asks_anew(request, response);
}

void Leg::Core::authenticate(LegContext& ctx, Message& request) {
    if (!settings.credentials) return;
    proofs.prove(*settings.credentials, ctx.rng, request);
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
    proofs.take(response);
    Message again = std::move(done.request);
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
