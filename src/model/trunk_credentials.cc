#include "model/trunk_credentials.h"

#include "model/secret.h"

namespace tandem::model {

// One a line in the box: a password has no control characters.
void set_passwords(Trunk& trunk, const std::vector<std::string>& passwords, const SealKey& key,
                   Rng& rng) {
    trunk.credential_passwords_sealed.clear();
    if (passwords.empty()) return;
    std::string lines;
    for (const std::string& each : passwords) lines += each + "\n";
    trunk.credential_passwords_sealed = seal_text(lines, key, rng);
}

std::vector<std::string> passwords_of(const Trunk& trunk, const SealKey& key) {
    const auto lines = unseal_text(trunk.credential_passwords_sealed, key);
    std::vector<std::string> passwords;
    for (size_t from = 0; lines && from < lines->size();) {
        const size_t end = std::min(lines->find('\n', from), lines->size());
        passwords.push_back(lines->substr(from, end - from));
        from = end + 1;
    }
    if (passwords.size() != trunk.credentials.size()) passwords.clear();
    return passwords;
}

}  // namespace tandem::model
