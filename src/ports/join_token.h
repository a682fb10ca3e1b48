// The text that an operator carries from a running system to a server that is to join it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"

namespace tandem::ports {

struct JoinToken {
    std::string secret;       // [0-9a-z], usable once
    std::string fingerprint;  // of the site's authority: SHA-256, in hexadecimal digits
    std::vector<SocketAddress> addresses;  // of listeners that answer
};

// Letters, digits, '-' and '_' only, so that no shell and no mail program changes it.
std::string encode(const JoinToken& token);
// Unauthorized: this is no token, or not a whole one.
Result<JoinToken> decode_join_token(std::string_view text);

}  // namespace tandem::ports
