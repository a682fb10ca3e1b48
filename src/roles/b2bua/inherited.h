// What a B2B keeps, beside the calls themselves, of those that another instance began.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/instant.h"
#include "ports/address.h"
#include "sip/message.h"

namespace tandem::roles::b2bua {

struct Inherited {
    std::unordered_set<uint64_t> calls;

    // INVITEs that the other sent, by their client key: their CANCEL and ACK, and what is sent
    // again, go on with its branch (RFC 3261 9.1, 17.1.1.3).
    struct Branch {
        ports::Instance owner;
        uint64_t call = 0;
    };
    std::unordered_map<uint64_t, Branch> branches;

    // 2xx that may not have gone out, by the Call-ID of the INVITE.
    struct Answer {
        uint64_t call = 0;
        std::string remote_tag;
        sip::Message response;
    };
    std::unordered_map<std::string, Answer> answered;
    Instant answered_until;  // no phone repeats its INVITE any more
};

}  // namespace tandem::roles::b2bua
