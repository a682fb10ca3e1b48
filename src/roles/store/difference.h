// What differs between two entities, as JSON that people and programs read.
#pragma once

#include <string>
#include <string_view>

namespace tandem::roles::store_role {

// A list of {"field": "settings.blocked", "before": ..., "after": ...} in the order of the fields;
// what is not there is null. Lists are compared as a whole. An empty text: there is none.
std::string changes_json(std::string_view before, std::string_view after);
// {"dry_run": true, "before": ..., "after": ..., "changes": [...], "routes": ...}; the last where
// there is some.
std::string dry_run_json(std::string_view before, std::string_view after,
                         std::string_view routes = {});

}  // namespace tandem::roles::store_role
