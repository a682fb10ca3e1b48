// What a message must hold before anyone acts on it. RFC 3261 8.1.1, 8.2, 16.3, 18.1.2.
#pragma once

#include "base/result.h"
#include "sip/message.h"

namespace tandem::sip {

// Version 2.0 (505); Via, From, To, Call-ID, CSeq present, well-formed, single (400); the CSeq
// method is the request's (400); Max-Forwards, where present, 0-255 (400); the Request-URI parses
// (400; 416 for a scheme other than sip, sips, tel); From has a tag or an RFC 2543 sender is given
// grace; Contact, Route, Expires, Content-Type parse where present (400).
Result<void> validate_request(const Message& request);

// The same for responses; an error means: drop it. The status must be 100-699.
Result<void> validate_response(const Message& response);

inline Result<void> validate(const Message& message) {
    return message.is_request() ? validate_request(message) : validate_response(message);
}

}  // namespace tandem::sip
