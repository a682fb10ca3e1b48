// Plans: what the logic layer is worth as it is, what another one would be worth and would change,
// and the one write that brings it about. Pure, like entity_writer.h. A plan is asked for like an
// entity of the kind "plan", of which there is one: Read, Create (judged, nothing is written) and
// Replace.
#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "cluster/plan.h"
#include "roles/store/entity_writer.h"

namespace tandem::roles::store_role {

inline constexpr std::string_view plan_kind = "plan";

// What a finding is as an error, for the field that it concerns.
Error error_of(const cluster::Finding& finding, std::string_view field);

// {"version", "roles", "findings", "losses"}
ports::EntityReply show_plan(const store::Catalog& catalog);
// {"version", "findings", "changes", "losses"} of the document that the request holds. Errors: of
// plan_document.h. The version is that of the layout as it is.
Result<ports::EntityReply> judge_plan(const WriteScope& scope, const ports::EntityRequest& request);
// The keys that prepare_plan() stands on: those of all role instances.
store::KeyRange plan_range();
// The same, and its write: all changes or none. `stored`: what plan_range() has. Errors: also those
// that the plan has findings for, with all of them in the message; Conflict with field "if_match"
// when the layout has another version; TooLarge when it changes more than one write holds.
Result<EntityChange> prepare_plan(const WriteScope& scope, const ports::EntityRequest& request,
                                  std::span<const store::KeyValue> stored);

}  // namespace tandem::roles::store_role
