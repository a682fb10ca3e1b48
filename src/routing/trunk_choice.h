// Which trunk of a group a call tries first, and which ones after it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/generated/trunk.h"
#include "model/generated/trunk_group.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::routing {

// A number in the forms that the prefixes of rates are for.
struct RatedNumber {
    std::string_view called;
    std::string_view international;  // empty: it has none
};

// What a call to the number costs over the trunk, in millionths of the unit of its rates; nullopt:
// no prefix fits.
std::optional<int64_t> rate_of(const model::Trunk& trunk, const RatedNumber& number);
// Errors name the entry.
Result<void> check_rates(const std::vector<std::string>& rates);

// `dice`: any number, another one for each call.
std::vector<TrunkId> in_order(const store::Catalog& catalog, const model::TrunkGroup& group,
                              const RatedNumber& number, uint64_t dice);

// Statuses of a trunk after which the next one of its group is tried. A trunk that can't be reached
// (408, 430) is passed by whatever they are.
class FailoverStatuses {
 public:
    FailoverStatuses() = default;  // 500 and 502 to 504
    // As a group has them: "486", "5xx". What can't be read is left out.
    explicit FailoverStatuses(const std::vector<std::string>& statuses);
    static bool is_readable(std::string_view status);

    bool lead_on(int status) const;

 private:
    std::vector<int> statuses_;  // 4, 5, 6: the whole class
};

}  // namespace tandem::routing
