// The fields of each entity as the schema describes them (web/forms.json), so that commands, their
// help and their completion never lag behind the model.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace tandem::cli {

struct FormField {
    std::string path;  // "settings.ring_timeout_s"
    std::string type;  // string, integer, real, bool, enum, duration, time, id, list
    std::string item;  // of a list; "object" for lists of structures
    std::string ref;   // the entity that an id names
    // Of a list of structures: their fields that name entities.
    std::vector<std::pair<std::string, std::string>> item_refs{};
    std::string text;                 // one sentence
    std::vector<std::string> values;  // of an enum
    bool required = false;            // at creation
    bool immutable = false;           // given at creation only

    std::string option() const;   // "--settings.ring-timeout-s"
    std::string meaning() const;  // its text, with what is allowed
};

// What a command may set of `entity`: not what the system gives.
std::vector<FormField> settable_fields(std::string_view entity);

// The JSON of what was typed: lists are separated by commas, structures are JSON. The server judges
// bounds and formats; here only the type must be right.
Result<boost::json::value> typed_value(const FormField& field, const std::string& text);

// Puts `value` at a path like "settings.ring_timeout_s".
void put_at(boost::json::object& object, std::string_view path, boost::json::value value);

}  // namespace tandem::cli
