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

// A value as text: "-" for none, yes and no, lists with commas, numbers without an exponent.
std::string plain(const boost::json::value& value);

Result<boost::json::value> fetch(Global& global, const std::string& path);
// GETs `path`, page by page up to `items_max`.
inline constexpr size_t kItemsMax = 100'000;
Result<boost::json::array> fetch_all(Global& global, const std::string& path, size_t items_max);
// Prints items: JSON as {"items": [...]}, or a table.
void print_list(const Global& global, const boost::json::array& items, const Columns& columns,
                const char* when_empty);
// Both.
void show_list(Global& global, const std::string& path, const Columns& columns,
               const char* when_empty, size_t items_max = kItemsMax);
// What is done to a thing before it is shown to people; JSON is printed as it came.
using Prepare = std::function<void(boost::json::value&)>;
// GETs one thing and prints it: JSON as it came, or a field a line.
void show_one(Global& global, const std::string& path, const Prepare& prepare = {});
struct Change {
    const char* method = "PATCH";
    std::string path;
    std::string body;
    std::string etag;  // of the version that may be changed; empty: any
    Prepare prepare = {};
};
// Sends a change and prints the answer like show_one(), or `done` when it has no body.
void send_change(Global& global, const Change& change, const std::string& done);

}  // namespace tandem::cli
