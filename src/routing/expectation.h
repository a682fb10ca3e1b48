// Where calls are expected to go (model/generated/route_expectation.h), and whether they do: by the
// very function that calls ask.
#pragma once

#include <string>
#include <vector>

#include "base/instant.h"
#include "model/generated/route_expectation.h"
#include "routing/route.h"

namespace tandem::routing {

// What a route comes to, in the words of an expectation.
struct RouteFound {
    model::RouteOutcome outcome = model::RouteOutcome::Refused;
    // All that an expectation may call the target: login and number of an account, name and number
    // of a group, name of a trunk, a domain or a feature code.
    std::vector<std::string> targets;
    int sip_status = 0;
    std::string called_number;
    std::string shown_number;

    std::string text() const;  // for people
    friend bool operator==(const RouteFound&, const RouteFound&) = default;
};

RouteFound find_route(const store::Catalog& catalog, const model::RouteExpectation& expected,
                      UtcTime now, DialPlans& plans);
bool holds(const model::RouteExpectation& expected, const RouteFound& found);
// "account 1002", as RouteFound::text() has it.
std::string text_of(const model::RouteExpectation& expected);

struct RouteChecked {
    std::string name;
    std::string expected;
    RouteFound found;
    bool holds = false;
};
// All expected routes of the domain, by name.
std::vector<RouteChecked> check_routes(const store::Catalog& catalog, DomainId domain, UtcTime now);

// What must hold in one by itself.
Result<void> check_expectation(const model::RouteExpectation& expected);

}  // namespace tandem::routing
