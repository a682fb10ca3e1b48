// The algorithms of digest authentication, as entities and as SIP name them (RFC 8760 2.2).
#pragma once

#include "model/generated/domain.h"
#include "sip/digest.h"

namespace tandem::ports {

constexpr sip::DigestAlgorithm sip_digest(model::DigestAlgorithm algorithm) {
    switch (algorithm) {
        case model::DigestAlgorithm::Md5:
            return sip::DigestAlgorithm::Md5;
        case model::DigestAlgorithm::Sha256:
            return sip::DigestAlgorithm::Sha256;
        case model::DigestAlgorithm::Sha512_256:
            return sip::DigestAlgorithm::Sha512_256;
    }
    return sip::DigestAlgorithm::Md5;
}

constexpr model::DigestAlgorithm kept_digest(sip::DigestAlgorithm algorithm) {
    switch (algorithm) {
        case sip::DigestAlgorithm::Md5:
            return model::DigestAlgorithm::Md5;
        case sip::DigestAlgorithm::Sha256:
            return model::DigestAlgorithm::Sha256;
        case sip::DigestAlgorithm::Sha512_256:
            return model::DigestAlgorithm::Sha512_256;
    }
    return model::DigestAlgorithm::Md5;
}

}  // namespace tandem::ports
