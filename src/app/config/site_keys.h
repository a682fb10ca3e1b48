// The secrets of a site, made at the first start and kept in <data>/site.key (mode 0600):
// everything that tokens, nonces and sealed values are keyed with. Losing the file makes stored
// passwords useless.
#pragma once

#include <string>

#include "base/crypto.h"
#include "base/result.h"
#include "base/rng.h"

namespace tandem::app {

struct SiteKeys {
    SipHashKey tokens;
    SipHashKey call_ids;               // spreads calls over B2Bs
    SealKey seal{};                    // of HA1s at rest
    std::array<uint8_t, 32> nonces{};  // HMAC key of digest nonces
};

// Reads the file, or makes it. The error names the file and what is wrong with it.
Result<SiteKeys> load_or_make_site_keys(const std::string& data_directory, Rng& rng);
// Reads or makes <data>/admin.token (mode 0600), the first Bearer token of the API.
Result<std::string> load_or_make_admin_token(const std::string& data_directory, Rng& rng);

// Mode 0600, and whole or not at all: written under another name, flushed and renamed.
Result<void> write_secret(const std::string& path, const std::string& text);
// Without the white space at its ends; empty when it cannot be read.
std::string read_secret(const std::string& path);

}  // namespace tandem::app
