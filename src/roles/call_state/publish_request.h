// A PUBLISH read: what it publishes, or why it is refused. RFC 3903 6.
#pragma once

#include <optional>
#include <string>

#include "roles/call_state/subscribe_request.h"
#include "sip/message.h"
#include "sip/pidf.h"

namespace tandem::roles::call_state {

struct PublishRequest {
    std::string etag;                               // of what it goes on with; empty: of nothing
    uint32_t expires_s = 0;                         // as granted; 0: it is taken back
    std::optional<sip::PresenceDocument> document;  // none: as it was
};
// Sets one of both.
struct PublishJudgement {
    std::optional<PublishRequest> request;
    Refused refused;
};
PublishJudgement read_publish(const sip::Message& message);

}  // namespace tandem::roles::call_state
