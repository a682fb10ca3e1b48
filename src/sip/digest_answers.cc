#include "sip/digest_answers.h"

#include <algorithm>
#include <optional>

#include "sip/scanner.h"

namespace tandem::sip {
namespace {

bool is_of_proxy(const Message& response) {
    return response.status() == 407;
}

std::optional<DigestChallenge> challenge_in(const Message& response) {
    return first_known_challenge(
        response, is_of_proxy(response) ? HeaderId::ProxyAuthenticate : HeaderId::WwwAuthenticate);
}

HeaderId proof_for(bool by_proxy) {
    return by_proxy ? HeaderId::ProxyAuthorization : HeaderId::Authorization;
}

std::optional<DigestChallenge> read(const std::string& challenge) {
    const auto value = AuthValue::parse(challenge);
    if (!value) return std::nullopt;
    const auto read = DigestChallenge::parse(*value);
    return read ? std::optional(*read) : std::nullopt;
}

}  // namespace

// RFC 7616 3.3: a realm is compared as it stands; a challenge may have escaped it.
DigestIdentity DigestSecrets::in(std::string_view realm) const {
    const auto found = std::ranges::find(realms, unquote(realm), &OfRealm::realm);
    if (found == realms.end()) return {user, password};
    return {found->user, found->password};
}

bool DigestAnswers::asks_anew(const Message& request, const Message& response) {
    const auto asked = challenge_in(response);
    if (!asked) return false;
    if (asked->stale) return true;
    for (const Result<AuthValue> value : request.auth_values(proof_for(is_of_proxy(response)))) {
        const auto proof =
            value ? DigestCredentials::parse(*value) : Result<DigestCredentials>(value.error());
        if (proof && proof->realm == asked->realm) return proof->nonce_count > 1;
    }
    return true;
}

bool DigestAnswers::take(const Message& response) {
    const auto asked = challenge_in(response);
    if (!asked) return false;
    const bool by_proxy = is_of_proxy(response);
    std::erase_if(asked_, [&](const Asked& each) {
        const auto known = read(each.challenge);
        return each.by_proxy == by_proxy && (!known || known->realm == asked->realm);
    });
    if (asked_.size() >= digest_realms_max) asked_.erase(asked_.begin());
    asked_.push_back({by_proxy, asked->text(), 0});
    return true;
}

void DigestAnswers::prove(const DigestSecrets& who, Rng& rng, Message& request) {
    request.remove(HeaderId::Authorization);
    request.remove(HeaderId::ProxyAuthorization);
    for (Asked& each : asked_) {
        const auto challenge = read(each.challenge);
        if (!challenge) continue;
        const std::string cnonce = rng.token(16);
        const DigestAnswer answer{request.method_token(), request.request_uri(), cnonce,
                                  ++each.nonce_count};
        request.append(proof_for(each.by_proxy),
                       answer_challenge(*challenge, who.in(challenge->realm), answer));
    }
}

}  // namespace tandem::sip
