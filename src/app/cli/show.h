// JSON answers as tables and as lists of fields.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/cli/commands.h"

namespace tandem::cli {

using Columns = std::vector<std::pair<const char*, const char*>>;  // head, field

// "-" for what is absent or null; texts without their quotes.
std::string cell(const boost::json::value& item, std::string_view field);

// GETs all pages of `path` and prints them: JSON as {"items": [...]}, or a table.
void show_list(Global& global, const std::string& path, const Columns& columns,
               const char* when_empty);
// GETs one thing and prints it: JSON as it came, or a field a line.
void show_one(Global& global, const std::string& path);
// Sends a change and prints the answer like show_one(), or `done` when it has no body.
void change(Global& global, std::string_view method, const std::string& path,
            const std::string& body, const std::string& done);

}  // namespace tandem::cli
