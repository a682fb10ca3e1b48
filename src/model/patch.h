// Work on documents as such, before they become structs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/codec.h"

namespace tandem::model {

// A document that creates an entity must not set what the system gives: names the first such field.
Result<void> check_given(std::string_view document, const Shape& shape);

// `current` with `patch` merged in (RFC 7396). Read-only and immutable fields may be repeated, not
// changed. Unknown fields stay in, for decode() to refuse.
Result<std::string> merge_patch(std::string_view current, std::string_view patch,
                                const Shape& shape);

// Whether `document` has the field `name` at its top.
bool has_member(std::string_view document, std::string_view name);
// The string field `name` at the top of `document`, if it is there.
std::optional<std::string> text_member(std::string_view document, std::string_view name);

// The string field `name` of each entry of the list `list` at the top of `document`. nullopt: it
// has no such list.
std::optional<std::vector<std::optional<std::string>>> text_members(std::string_view document,
                                                                    std::string_view list,
                                                                    std::string_view name);

}  // namespace tandem::model
