#include "app/cli/show.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "app/cli/table.h"
#include "base/instant.h"

namespace tandem::cli {
namespace {

// As many as a page may have.
constexpr size_t kPageItems = 1000;

// 23.3, and not 2.33E1.
std::string plain_number(double number) {
    char text[400];  // of the largest one
    const auto [end, error] =
        std::to_chars(text, text + sizeof text, number, std::chars_format::fixed);
    return error == std::errc() ? std::string(text, end) : "?";
}

// Units are in the names: "start_utc_ms" is an instant, "duration_ms" a span.
std::string shown(const boost::json::value& value, std::string_view field) {
    if (!value.is_int64() && !value.is_uint64()) return plain(value);
    const auto number = value.to_number<int64_t>();
    if (field.ends_with("_utc_ms")) return to_rfc3339(UtcTime{number});
    if (!field.ends_with("_ms")) return plain(value);
    char text[32];
    std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(number) / 1000);
    return text;
}

void print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (!text.ends_with('\n')) std::fputc('\n', stdout);
}

}  // namespace

Result<boost::json::value> fetch(Global& global, const std::string& path) {
    const Answer answer = TRY(global.client().call("GET", path));
    return answer.json();
}

std::string plain(const boost::json::value& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) {
        return value.as_string().empty() ? "-" : std::string(value.as_string());
    }
    if (value.is_bool()) return value.as_bool() ? "yes" : "no";
    if (value.is_double()) return plain_number(value.as_double());
    if (!value.is_array()) return boost::json::serialize(value);
    std::string list;
    for (const auto& each : value.as_array()) {
        std::string words;  // of an object its values
        if (each.is_object())
            for (const auto& [name, word] : each.as_object())
                words += (words.empty() ? "" : " ") + plain(word);
        list += (list.empty() ? "" : ", ") + (each.is_object() ? words : plain(each));
    }
    return list.empty() ? "-" : list;
}

Result<boost::json::array> fetch_all(Global& global, const std::string& path, size_t items_max) {
    boost::json::array items;
    std::string after;
    while (items.size() < items_max) {
        const size_t limit = std::min(kPageItems, items_max - items.size());
        std::string url = path + (path.find('?') == std::string::npos ? "?" : "&") +
                          "limit=" + std::to_string(limit);
        if (!after.empty()) url += "&after=" + encode(after);
        boost::json::value json = TRY(fetch(global, url));
        for (auto& item : json.at("items").as_array()) items.push_back(std::move(item));
        const auto* next = json.as_object().if_contains("next");
        if (next == nullptr || !next->is_string()) break;
        after = std::string(next->as_string());
    }
    return items;
}

namespace {

void print_fields(const boost::json::object& object, const std::string& prefix, Table& table) {
    for (const auto& [name, value] : object) {
        const std::string path = prefix + std::string(name);
        const bool has_objects =
            value.is_array() && !value.as_array().empty() && value.as_array()[0].is_object();
        if (value.is_object()) {
            print_fields(value.as_object(), path + ".", table);
        } else if (has_objects) {
            size_t number = 0;
            for (const auto& each : value.as_array()) {
                const std::string index = "[" + std::to_string(number++) + "].";
                if (each.is_object()) print_fields(each.as_object(), path + index, table);
            }
        } else {
            table.add({path, shown(value, path)});
        }
    }
}

void print_one(const Global& global, const Answer& answer, const Prepare& prepare) {
    if (global.json || !answer.json().is_object()) return print(answer.body);
    boost::json::value json = answer.json();
    if (prepare && !global.ids) prepare(json);
    Table table({"FIELD", "VALUE"});
    print_fields(json.as_object(), "", table);
    print(table.text());
}

}  // namespace

void Global::fail(const Error& error) {
    std::fprintf(stderr, "tandem: %s\n", error.message.c_str());
    const bool unreachable =
        error.code == ErrorCode::Unavailable || error.code == ErrorCode::Timeout;
    // The client tells refusals of the server by none of these.
    const bool misused = error.code == ErrorCode::Malformed || error.code == ErrorCode::TooLarge ||
                         error.code == ErrorCode::OutOfRange || error.code == ErrorCode::Missing ||
                         error.code == ErrorCode::UnknownField;
    exit_code = unreachable ? kExitUnreachable : misused ? kExitUsage : kExitRefused;
}

std::string cell(const boost::json::value& item, std::string_view field) {
    const auto* value = item.is_object() ? item.as_object().if_contains(field) : nullptr;
    if (value != nullptr) return shown(*value, field);
    const size_t dot = field.find('.');
    if (dot == std::string_view::npos || !item.is_object()) return "-";
    const auto* inner = item.as_object().if_contains(field.substr(0, dot));
    return inner == nullptr ? "-" : cell(*inner, field.substr(dot + 1));
}

void show_list(Global& global, const std::string& path, const Columns& columns,
               const char* when_empty, size_t items_max) {
    const auto items = fetch_all(global, path, items_max);
    if (!items.has_value()) return global.fail(items.error());
    print_list(global, *items, columns, when_empty);
}

void print_list(const Global& global, const boost::json::array& items, const Columns& columns,
                const char* when_empty) {
    if (global.json) {
        return print(boost::json::serialize(boost::json::object{{"items", items}}));
    }
    if (items.empty()) return print(when_empty);
    std::vector<std::string> heads;
    for (const auto& [head, field] : columns) heads.emplace_back(head);
    Table table(heads);
    for (const auto& item : items) {
        std::vector<std::string> row;
        for (const auto& [head, field] : columns) row.push_back(cell(item, field));
        table.add(std::move(row));
    }
    print(table.text());
}

void show_one(Global& global, const std::string& path, const Prepare& prepare) {
    const auto answer = global.client().call("GET", path);
    if (!answer.has_value()) return global.fail(answer.error());
    print_one(global, *answer, prepare);
}

void send_change(Global& global, const Change& change, const std::string& done) {
    const auto answer = global.client().call(change.method, change.path, change.body, change.etag);
    if (!answer.has_value()) return global.fail(answer.error());
    if (answer->body.empty()) return print(global.json ? "{}" : done);
    print_one(global, *answer, change.prepare);
}

}  // namespace tandem::cli
