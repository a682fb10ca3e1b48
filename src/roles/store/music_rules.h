// What a domain's music has to be.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/generated/music.h"

namespace tandem::roles::store_role {

// Takes the file of the request into the entity, where it has one; errors name `file`.
// Before a document is read, which may be too long for that: says how long a file may be.
Result<void> check_file_length(std::string_view body);
Result<void> take_file(std::string_view body, model::Music& music);

}  // namespace tandem::roles::store_role
