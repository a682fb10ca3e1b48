#include "app/cli/show.h"

#include <cstdio>

#include "app/cli/table.h"

namespace tandem::cli {
namespace {

// Pages that one command reads at most: 100 000 items at 1000 each.
constexpr int kPagesMax = 100;

std::string plain(const boost::json::value& value) {
    if (value.is_null()) return "-";
    if (value.is_string()) {
        return value.as_string().empty() ? "-" : std::string(value.as_string());
    }
    if (value.is_bool()) return value.as_bool() ? "yes" : "no";
    return boost::json::serialize(value);
}

void print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (!text.ends_with('\n')) std::fputc('\n', stdout);
}

Result<boost::json::value> fetch(Global& global, const std::string& path) {
    const Answer answer = TRY(global.client().call("GET", path));
    boost::system::error_code error;
    boost::json::value json = boost::json::parse(answer.body, error);
    if (error) return make_error(ErrorCode::Malformed, "", "the answer is not JSON");
    return json;
}

Result<boost::json::array> fetch_all(Global& global, const std::string& path) {
    boost::json::array items;
    std::string after;
    for (int page = 0; page < kPagesMax; ++page) {
        std::string url = path + (path.find('?') == std::string::npos ? "?" : "&") + "limit=1000";
        if (!after.empty()) url += "&after=" + encode(after);
        boost::json::value json = TRY(fetch(global, url));
        for (auto& item : json.at("items").as_array()) items.push_back(std::move(item));
        const auto* next = json.as_object().if_contains("next");
        if (next == nullptr || !next->is_string()) break;
        after = std::string(next->as_string());
    }
    return items;
}

void print_fields(const boost::json::object& object, const std::string& prefix, Table& table) {
    for (const auto& [name, value] : object) {
        const std::string path = prefix + std::string(name);
        if (value.is_object()) {
            print_fields(value.as_object(), path + ".", table);
        } else {
            table.add({path, plain(value)});
        }
    }
}

void print_one(Global& global, const std::string& body) {
    boost::system::error_code error;
    const boost::json::value json = boost::json::parse(body, error);
    if (global.json || error || !json.is_object()) return print(body);
    Table table({"field", "value"});
    print_fields(json.as_object(), "", table);
    print(table.text());
}

}  // namespace

void Global::fail(const Error& error) {
    std::fprintf(stderr, "tandem: %s\n", error.message.c_str());
    exit_code = 1;
}

std::string cell(const boost::json::value& item, std::string_view field) {
    const auto* value = item.is_object() ? item.as_object().if_contains(field) : nullptr;
    return value == nullptr ? "-" : plain(*value);
}

void show_list(Global& global, const std::string& path, const Columns& columns,
               const char* when_empty) {
    const auto items = fetch_all(global, path);
    if (!items.has_value()) return global.fail(items.error());
    if (global.json) {
        return print(boost::json::serialize(boost::json::object{{"items", *items}}));
    }
    if (items->empty()) return print(when_empty);
    std::vector<std::string> heads;
    for (const auto& [head, field] : columns) heads.emplace_back(head);
    Table table(heads);
    for (const auto& item : *items) {
        std::vector<std::string> row;
        for (const auto& [head, field] : columns) row.push_back(cell(item, field));
        table.add(std::move(row));
    }
    print(table.text());
}

void show_one(Global& global, const std::string& path) {
    const auto answer = global.client().call("GET", path);
    if (!answer.has_value()) return global.fail(answer.error());
    print_one(global, answer->body);
}

void change(Global& global, std::string_view method, const std::string& path,
            const std::string& body, const std::string& done) {
    const auto answer = global.client().call(method, path, body);
    if (!answer.has_value()) return global.fail(answer.error());
    if (answer->body.empty()) return print(global.json ? "{}" : done);
    print_one(global, answer->body);
}

}  // namespace tandem::cli
