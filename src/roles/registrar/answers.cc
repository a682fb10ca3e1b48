#include "roles/registrar/answers.h"

#include <algorithm>

#include "roles/registrar/limits.h"
#include "sip/date.h"
#include "sip/scanner.h"

namespace tandem::roles::registrar {
namespace {

using sip::HeaderId;

void append_contact(sip::Message& answer, const BindingRecord& binding, UtcTime now) {
    const int64_t left_ms = binding.expires.unix_ms - now.unix_ms;
    if (left_ms <= 0) return;
    std::string contact;
    contact.reserve(binding.contact().size() + binding.contact_params().size() + 24);
    contact += '<';
    contact += binding.contact();
    contact += '>';
    contact += binding.contact_params();
    contact += ";expires=";
    contact += std::to_string((left_ms + 999) / 1000);
    answer.append(HeaderId::Contact, contact);
}

// RFC 5626 6: what the phone must know of how it was registered.
bool uses_outbound(const sip::Message& request, std::span<const BindingRecord> bindings) {
    const std::string_view call_id = request.call_id();
    return std::any_of(bindings.begin(), bindings.end(), [&](const BindingRecord& each) {
        return each.reg_id != 0 && each.call_id() == call_id;
    });
}

}  // namespace

sip::Message answer_registered(const sip::Message& request, std::span<const BindingRecord> bindings,
                               Now now, std::string_view to_tag) {
    sip::Message answer = sip::make_response(request, 200, {}, to_tag);
    for (const BindingRecord& binding : bindings) append_contact(answer, binding, now.utc);
    answer.append(HeaderId::Date, sip::format_date(now.utc));
    if (request.has_value(HeaderId::Supported, "path")) {
        for (const std::string_view hop : request.fields(HeaderId::Path)) {
            answer.append(HeaderId::Path, hop);
        }
    }
    if (uses_outbound(request, bindings)) {
        answer.append(HeaderId::Require, "outbound");
        answer.append(HeaderId::FlowTimer, std::to_string(flow_timer_s));
    }
    answer.append(HeaderId::Supported, "path, outbound");
    return answer;
}

sip::Message answer_rejected(const sip::Message& request, const Rejection& rejection,
                             std::string_view to_tag) {
    sip::Message answer = sip::make_response(request, rejection.status, {}, to_tag);
    for (const auto& [id, value] : rejection.headers) answer.append(id, value);
    if (!rejection.text.empty()) {
        answer.append(HeaderId::Warning, "399 tandem " + sip::quote(rejection.text));
    }
    return answer;
}

sip::Message answer_challenge(const sip::Message& request, const RegistrarDomain& domain,
                              std::string_view nonce, Staleness staleness,
                              std::string_view to_tag) {
    sip::Message answer = sip::make_response(request, 401, {}, to_tag);
    sip::DigestChallenge challenge;
    challenge.realm = domain.realm;
    challenge.nonce = nonce;
    challenge.stale = staleness == Staleness::Stale;
    for (const sip::DigestAlgorithm algorithm : domain.algorithms) {
        challenge.algorithm = algorithm;
        answer.append(HeaderId::WwwAuthenticate, challenge.text());
    }
    return answer;
}

}  // namespace tandem::roles::registrar
