// Where a call goes: a pure function of the catalog, who calls, what was dialled and when. Each
// step says why, for operators and for RouteTest. For now: accounts of the caller's own domain, by
// number or login.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/instant.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::routing {

// Somebody that a call may ring.
struct Target {
    DomainId domain;  // whose account it is
    AccountId account;
    std::string number;  // its number, or its login when it has none
    std::string name;
};

// Targets that ring at once. When none of them has answered, the next stage begins.
struct Stage {
    std::vector<Target> targets;
    std::chrono::seconds ring_for{0};  // 0: for as long as the call may ring
};

struct Question {
    DomainId domain;
    AccountId caller;
    std::string_view dialled;
    UtcTime when;
};

struct Step {
    std::string step;    // "normalise", "account", "refuse"
    std::string reason;  // one sentence
};

struct Route {
    std::vector<Stage> stages;
    int refusal = 0;  // SIP status when there are no stages
    std::vector<Step> steps;
};

Route route(const store::Catalog& catalog, const Question& question);

// The enabled account that a sip: or tel: URI of the domain names; nullopt: none, or another host.
std::optional<Target> account_of_uri(const store::Catalog& catalog, DomainId domain,
                                     std::string_view uri);

// What was dialled without what people and phones put in for the eye: "(030) 12-34" is "0301234".
// RFC 3966 5.1.1. Texts that are no numbers stay as they are.
std::string normalised(std::string_view dialled);

}  // namespace tandem::routing
