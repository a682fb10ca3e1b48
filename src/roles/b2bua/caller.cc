#include "roles/b2bua/caller.h"

#include "model/secret.h"
#include "ports/digest_names.h"
#include "roles/b2bua/limits.h"
#include "store/catalog_names.h"
#include "store/catalog_tree.h"

namespace tandem::roles::b2bua {

using sip::HeaderId;

namespace {

std::string_view realm_of(const model::Domain& domain) {
    return domain.realm.empty() ? domain.name : domain.realm;
}

bool is_offered(const model::Domain& domain, sip::DigestAlgorithm algorithm) {
    for (const model::DigestAlgorithm each : domain.settings.digest_algorithms) {
        if (ports::sip_digest(each) == algorithm) return true;
    }
    return false;
}

// The From names the account that was proved, by login or number (identity check).
bool from_is(const sip::Message& request, const store::AccountRecord& account) {
    const auto from = request.from();
    if (!from) return false;
    const auto uri = from->parsed_uri();
    if (!uri) return false;
    const std::string user = uri->decoded_user();
    return user == account.login() || (!user.empty() && user == account.number());
}

}  // namespace

Placement place(const store::Catalog& catalog, const sip::Message& request, UtcTime now) {
    Placement placement;
    const auto uri = request.parsed_request_uri();
    if (!uri) return {nullptr, {}, 400};
    placement.dialled = uri->decoded_user();
    const auto from = request.from();
    const auto from_uri = from ? from->parsed_uri() : Result<sip::UriView>(Error{});
    const auto* caller = from_uri ? catalog.find_domain(from_uri->host()) : nullptr;
    const auto* called = uri->is_sip() ? catalog.find_domain(uri->host()) : caller;
    // INTEROP: phones that are set up with an address in place of a name write it in both.
    const bool by_address = uri->is_sip() && uri->host_port.is_address();
    if (called == nullptr && by_address) called = caller;
    if (caller == nullptr && from_uri && from_uri->host_port.is_address()) caller = called;
    if (called == nullptr) return {nullptr, std::move(placement.dialled), 404};
    if (caller == nullptr || caller->id != called->id) {
        return {nullptr, std::move(placement.dialled), 403};
    }
    placement.domain = caller;
    if (store::is_blocked(catalog, caller->id, now)) placement.refusal = 403;
    return placement;
}

CallerCheck::CallerCheck(CallerKeys keys, Rng& rng)
    : credentials_key_(keys.credentials),
      nobody_(model::seal_ha1({}, keys.credentials, rng)),
      nonces_(std::move(keys.nonces), kNonceLifetime),
      counts_({rng.next(), rng.next()}) {}

CallerCheck::Outcome CallerCheck::check(const store::Catalog& catalog,
                                        const store::Entity<model::Domain>& domain,
                                        const sip::Message& request, UtcTime now) {
    for (const auto value : request.auth_values(HeaderId::ProxyAuthorization)) {
        if (!value || !value->is_digest()) continue;
        const auto credentials = sip::DigestCredentials::parse(*value);
        if (!credentials) return {Verdict::Refused, nullptr, false, 400};
        if (credentials->realm != realm_of(domain)) continue;
        return judge(catalog, domain, request, *credentials, now);
    }
    return {};
}

CallerCheck::Outcome CallerCheck::judge(const store::Catalog& catalog,
                                        const store::Entity<model::Domain>& domain,
                                        const sip::Message& request,
                                        const sip::DigestCredentials& credentials, UtcTime now) {
    const auto* account =
        store::account_by_login_or_number(catalog, domain.id, credentials.username);
    const BytesView box = account != nullptr ? account->credentials() : BytesView(nobody_);
    auto digests = model::unseal_ha1(box, credentials_key_);
    const bool known = account != nullptr && digests.has_value() && account->enabled;
    if (!digests) digests.emplace();
    const auto algorithm = credentials.algorithm;
    if (!algorithm || !is_offered(domain, *algorithm)) return {};
    const std::string ha1 = digests->hex(ports::kept_digest(*algorithm));
    const sip::DigestQuestion question{realm_of(domain), request.method_token(),
                                       request.request_uri(), ha1};
    switch (sip::verify_digest(credentials, question, nonces_, counts_, now)) {
        case sip::DigestOutcome::Ok:
            break;
        case sip::DigestOutcome::Stale:
            return {Verdict::Challenge, nullptr, known};
        case sip::DigestOutcome::Wrong:
        case sip::DigestOutcome::Replayed:
        case sip::DigestOutcome::UnknownAlgorithm:
            return {};
        case sip::DigestOutcome::Malformed:
            return {Verdict::Refused, nullptr, false, 400};
    }
    if (!known) return {};
    if (!from_is(request, *account)) return {Verdict::Refused, account, false, 403};
    return {Verdict::Passed, account};
}

sip::Message CallerCheck::challenge(const store::Entity<model::Domain>& domain,
                                    const sip::Message& request, bool stale, UtcTime now,
                                    Rng& rng) const {
    sip::Message answer = sip::make_response(request, 407, {}, rng.token(13));
    const std::string_view realm = realm_of(domain);
    const std::string nonce = nonces_.make(realm, now, rng);
    for (const model::DigestAlgorithm each : domain.settings.digest_algorithms) {
        sip::DigestChallenge challenge;
        challenge.realm = realm;
        challenge.nonce = nonce;
        challenge.algorithm = ports::sip_digest(each);
        challenge.stale = stale;
        answer.append(HeaderId::ProxyAuthenticate, challenge.text());
    }
    return answer;
}

}  // namespace tandem::roles::b2bua
