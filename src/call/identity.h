// What one party is shown of another: addresses of the domain, never of a device. RFC 3261 8.1.1.2,
// 8.1.1.3; RFC 3323.
#pragma once

#include <string>

#include "call/call_context.h"

namespace tandem::call {

// "Alice" <sip:1001@acme.test>, the name quoted as RFC 3261 25.1 wants it.
std::string shown_address(std::string_view name, std::string_view number, std::string_view domain);
std::string shown_caller(const CallFacts& facts);
std::string shown_callee(const CallFacts& facts);
// The phone is asked to take the call by itself: RFC 5373, and what phones knew before it.
void add_answer_mode(std::string_view domain, std::vector<sip::HeaderField>& headers);

}  // namespace tandem::call
