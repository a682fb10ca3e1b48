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

// The field at a path like "caller.number": "-" for what is absent or null, texts without their
// quotes, times and durations as people write them.
std::string cell(const boost::json::value& item, std::string_view field);

// GETs `path`, page by page up to `items_max`, and prints it: JSON as {"items": [...]}, or a table.
inline constexpr size_t kItemsMax = 100'000;
void show_list(Global& global, const std::string& path, const Columns& columns,
               const char* when_empty, size_t items_max = kItemsMax);
// GETs one thing and prints it: JSON as it came, or a field a line.
void show_one(Global& global, const std::string& path);
struct Change {
    const char* method = "PATCH";
    std::string path;
    std::string body;
    std::string etag;  // of the version that may be changed; empty: any
};
// Sends a change and prints the answer like show_one(), or `done` when it has no body.
void send_change(Global& global, const Change& change, const std::string& done);

}  // namespace tandem::cli
