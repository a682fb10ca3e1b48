// A certificate that an entity keeps with its key: the chain in a field that is shown, the key
// sealed.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace tandem::roles::store_role {

struct WriteScope;

struct CertificatePair {
    std::string_view field;          // of the chain; the key's has "_key" behind
    const std::string& certificate;  // as it is to be
    const std::string* before;       // as it was; nullptr: the entity is new
    Bytes& key_sealed;
};

// Takes the key out of the request's body, and judges both when one of them has changed, so that a
// certificate that has expired holds up nothing else. Without a certificate no key is kept.
Result<void> settle(const WriteScope& scope, std::string_view body, const CertificatePair& pair);

}  // namespace tandem::roles::store_role
