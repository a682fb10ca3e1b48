// Answers that the gate gives by itself, without a transaction. RFC 3261 8.2.7.
#pragma once

#include "border/ingress.h"
#include "ports/letter.h"
#include "sip/message.h"

namespace tandem::border {

// The To tag is a token of the gate made of the request, so that a retransmission gets the same and
// the ACK is recognised. nullopt: this refusal has no answer (an ACK, or None).
std::optional<sip::Message> answer_to_refused(const sip::Message& request, Refusal why,
                                              const ports::Surroundings& around,
                                              std::string_view server);

}  // namespace tandem::border
