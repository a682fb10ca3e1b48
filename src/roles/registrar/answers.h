// The answers of the registrar. RFC 3261 10.3 step 8, RFC 7616 3.3, RFC 8760.
#pragma once

#include <span>
#include <string>

#include "base/instant.h"
#include "roles/registrar/accounts.h"
#include "roles/registrar/binding_record.h"
#include "roles/registrar/register_request.h"
#include "sip/message.h"

namespace tandem::roles::registrar {

// 200 with all bindings of the account.
sip::Message answer_registered(const sip::Message& request, std::span<const BindingRecord> bindings,
                               Now now, std::string_view to_tag);
sip::Message answer_rejected(const sip::Message& request, const Rejection& rejection,
                             std::string_view to_tag);

enum class Staleness : uint8_t { First, Stale };
sip::Message answer_challenge(const sip::Message& request, const RegistrarDomain& domain,
                              std::string_view nonce, Staleness staleness, std::string_view to_tag);

}  // namespace tandem::roles::registrar
