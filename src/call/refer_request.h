// What a REFER asks for. RFC 3515 2.1, 2.4; RFC 3891 3; RFC 4488 4.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "sip/message.h"

namespace tandem::call {

// A dialog by the names that its parties gave it, as whoever gets the Replaces sees them.
struct DialogName {
    std::string call_id;
    std::string to_tag;
    std::string from_tag;
};

struct ReferRequest {
    std::string dialled;  // user part of the Refer-To
    std::string host;     // of a sip URI
    bool by_address = false;
    std::optional<DialogName> replaces;
    bool is_reported = true;  // Refer-Sub: no NOTIFY is wanted where it is false
    std::string event;        // "refer;id=93809824", for the NOTIFYs (RFC 3515 2.4.6)
};

// The error's SIP status answers the REFER.
Result<ReferRequest> refer_request_of(const sip::Message& refer);

}  // namespace tandem::call
