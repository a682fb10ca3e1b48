// What a message must hold before anyone acts on it. RFC 3261 8.1.1, 8.2, 16.3, 18.1.2.
#pragma once

#include "base/result.h"
#include "sip/message.h"

namespace tandem::sip {

// Via, From, To, Call-ID, CSeq are there and well-formed, and what may stand once stands once
// (400); the CSeq method is the request's (400, or 501 for an unknown method); Max-Forwards, where
// present, is 0-255 (400); the Request-URI parses and has no headers (400) and is sip, sips or tel
// (416); Contact, Route, Record-Route, Content-Type and Refer-To parse where present (400). A From
// without tag and a branch without magic cookie are those of RFC 2543 and pass. The version was
// checked while parsing.
Result<void> validate_request(const Message& request);

// The same for responses; an error means: drop it. The status must be 100-699.
Result<void> validate_response(const Message& response);

inline Result<void> validate(const Message& message) {
    return message.is_request() ? validate_request(message) : validate_response(message);
}

}  // namespace tandem::sip
