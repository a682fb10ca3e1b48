// A SUBSCRIBE read: what it wants, or why it is refused. RFC 6665 4.2.1.
#pragma once

#include <optional>
#include <string>

#include "roles/call_state/subscription.h"
#include "sip/message.h"

namespace tandem::roles::call_state {

struct SubscribeRequest {
    Package package = Package::Dialog;
    std::string event_id;
    uint32_t expires_s = 0;  // as granted; 0: no more than one NOTIFY
    std::string target;      // its Contact; empty: none was given
    uint32_t cseq = 0;
};
struct Refused {
    int status = 0;
    std::string min_expires;  // of a 423
    std::string warning;      // what is wrong, for people
};
// Sets one of both.
struct SubscribeJudgement {
    std::optional<SubscribeRequest> request;
    Refused refused;
};
SubscribeJudgement read_subscribe(const sip::Message& message);
// With what each status wants beside it: Allow-Events, Accept, Min-Expires, Retry-After.
sip::Message refusal(const sip::Message& request, const Refused& why, std::string_view to_tag);

}  // namespace tandem::roles::call_state
