#include "roles/store/certificate_pair.h"

#include "base/certificate.h"
#include "model/patch.h"
#include "model/secret.h"
#include "roles/store/entity_writer.h"

namespace tandem::roles::store_role {

Result<void> settle(const WriteScope& scope, std::string_view body, const CertificatePair& pair) {
    const std::string key_field = std::string(pair.field) + "_key";
    const auto given = model::text_member(body, key_field);
    if (given) pair.key_sealed = model::seal_text(*given, scope.site_key, scope.rng);
    if (pair.certificate.empty()) {
        if (given) return make_error(ErrorCode::Missing, pair.field, "is required beside its key");
        pair.key_sealed.clear();
        return {};
    }
    if (!given && pair.before != nullptr && *pair.before == pair.certificate) return {};
    const auto key = model::unseal_text(pair.key_sealed, scope.site_key);
    if (!key)
        return make_error(ErrorCode::Missing, key_field, "is required beside the certificate");
    auto judged = check_certificate(pair.certificate, *key, scope.now);
    if (judged) return {};
    Error error = judged.error();
    error.field = error.field == "certificate" ? std::string(pair.field) : key_field;
    return error;
}

}  // namespace tandem::roles::store_role
