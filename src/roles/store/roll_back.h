// What a domain was at a past time, told from the records of its audit log, and the one write that
// makes it so again. What was not changed since is as it was; of what was changed the first record
// after that time says what it was before.
//
// The whole is judged as it would be afterwards, by the rules that hold for each entity, and is
// written whole or not at all. Licences are the business of the domain above and stay.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "roles/store/entity_writer.h"

namespace tandem::roles::store_role {

inline constexpr std::string_view configuration_kind = "configuration";

// `records`: of the domain since the time, in any order, some perhaps twice. The reply lists what
// differs: {"at_utc_ms", "dry_run", "items": [{"kind", "entity", "name", "action", "changes"}]}.
// Errors: those of entity_rules.h, with the kind and name before the field; TooLarge when it is
// more than one write holds.
Result<EntityChange> prepare_roll_back(const WriteScope& scope, const ports::EntityRequest& request,
                                       const std::vector<std::string>& records);
// Appends the items of a page of the log; where the next page begins, empty: there is none.
std::string take_records(std::string_view page, std::vector<std::string>& records);
// The time that the request names, in ms since 1970.
int64_t roll_back_time(const ports::EntityRequest& request);

}  // namespace tandem::roles::store_role
