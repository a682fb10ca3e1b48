#include "app/cli/forms.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <sstream>

#include "base/check.h"

extern const char* const tandem_forms_json;  // forms_data.cc

namespace tandem::cli {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

bool flag_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_bool() && value->as_bool();
}

FormField field_of(const json::object& described, const std::string& prefix) {
    FormField field;
    field.path = prefix + text_of(described, "name");
    field.type = text_of(described, "type");
    field.item = text_of(described, "item");
    field.ref = text_of(described, "ref");
    // Of what may be gone, which a reference may not.
    if (field.ref.empty()) field.ref = text_of(described, "names");
    field.text = text_of(described, "text");
    field.required = flag_of(described, "required");
    field.immutable = flag_of(described, "immutable");
    if (const json::value* values = described.if_contains("values")) {
        for (const json::value& value : values->as_array()) {
            field.values.emplace_back(value.as_string());
        }
    }
    return field;
}

std::vector<std::pair<std::string, std::string>> refs_of(const json::value& structure) {
    std::vector<std::pair<std::string, std::string>> refs;
    for (const json::value& each : structure.at("fields").as_array()) {
        const json::object& described = each.as_object();
        const std::string ref = text_of(described, "ref");
        if (!ref.empty()) refs.emplace_back(text_of(described, "name"), ref);
    }
    return refs;
}

void collect(const json::object& form, const json::array& fields, const std::string& prefix,
             std::vector<FormField>& out) {
    for (const json::value& each : fields) {
        const json::object& described = each.as_object();
        if (flag_of(described, "read_only")) continue;
        if (text_of(described, "type") != "object") {
            out.push_back(field_of(described, prefix));
            if (text_of(described, "item") == "object")
                out.back().item_refs = refs_of(form.at("structs").at(text_of(described, "struct")));
            continue;
        }
        const json::value& nested = form.at("structs").at(text_of(described, "struct"));
        collect(form, nested.at("fields").as_array(), prefix + text_of(described, "name") + ".",
                out);
    }
}

Error wrong(const FormField& field, std::string_view what) {
    return make_error(ErrorCode::Malformed, field.path,
                      field.option() + " must be " + std::string(what));
}

template <typename T>
Result<json::value> number(const FormField& field, const std::string& text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return wrong(field, "a number");
    return json::value(value);
}

Result<json::value> list(const FormField& field, const std::string& text) {
    if (field.item == "object") {
        boost::system::error_code error;
        json::value value = json::parse(text, error);
        if (error || !value.is_array()) return wrong(field, "a JSON list of objects");
        return value;
    }
    json::array items;
    for (size_t begin = 0; begin < text.size();) {
        const size_t comma = std::min(text.find(',', begin), text.size());
        if (comma > begin) items.emplace_back(text.substr(begin, comma - begin));
        begin = comma + 1;
    }
    return json::value(std::move(items));
}

}  // namespace

std::string FormField::option() const {
    std::string name = "--" + path;
    std::replace(name.begin(), name.end(), '_', '-');
    return name;
}

std::string FormField::meaning() const {
    std::string meaning = text;
    std::string allowed;
    for (const std::string& value : values) allowed += (allowed.empty() ? "" : ", ") + value;
    if (!allowed.empty()) meaning += " One of: " + allowed + ".";
    if (type == "list") meaning += item == "object" ? " A JSON list." : " Separated by commas.";
    if (type == "time") meaning += " A time like 2026-12-24T20:00:00Z, or milliseconds since 1970.";
    return meaning;
}

std::vector<FormField> settable_fields(std::string_view entity) {
    static const json::value forms = json::parse(tandem_forms_json);
    const json::value* form = forms.at("entities").as_object().if_contains(entity);
    CHECK(form != nullptr);
    std::vector<FormField> fields;
    collect(form->as_object(), form->at("fields").as_array(), "", fields);
    return fields;
}

namespace {

// 2026-12-24T20:00:00Z, or milliseconds since 1970.
Result<json::value> time_value(const FormField& field, const std::string& text) {
    if (text.find('T') == std::string::npos) return number<int64_t>(field, text);
    std::istringstream in(text);
    int year = 0;
    unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
    char marks[6] = {};
    in >> year >> marks[0] >> month >> marks[1] >> day >> marks[2] >> hour >> marks[3] >> minute >>
        marks[4] >> second >> marks[5];
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                           std::chrono::day(day)};
    const bool fits = in && std::string_view(marks, 6) == "--T::Z" && in.peek() == EOF &&
                      date.ok() && hour < 24 && minute < 60 && second < 61;
    if (!fits) return wrong(field, "a time like 2026-12-24T20:00:00Z");
    const std::chrono::sys_seconds at = std::chrono::sys_days(date) + std::chrono::hours(hour) +
                                        std::chrono::minutes(minute) + std::chrono::seconds(second);
    return json::value(at.time_since_epoch().count() * 1000);
}

}  // namespace

Result<json::value> typed_value(const FormField& field, const std::string& text) {
    if (field.type == "time") return time_value(field, text);
    if (field.type == "integer" || field.type == "duration") {
        return number<int64_t>(field, text);
    }
    if (field.type == "real") return number<double>(field, text);
    if (field.type == "list") return list(field, text);
    if (field.type == "bool") {
        if (text == "yes" || text == "true") return json::value(true);
        if (text == "no" || text == "false") return json::value(false);
        return wrong(field, "yes or no");
    }
    return json::value(text);
}

void put_at(json::object& object, std::string_view path, json::value value) {
    const size_t dot = path.find('.');
    if (dot == std::string_view::npos) {
        object[path] = std::move(value);
        return;
    }
    json::value& inner = object[path.substr(0, dot)];
    if (!inner.is_object()) inner = json::object();
    put_at(inner.as_object(), path.substr(dot + 1), std::move(value));
}

}  // namespace tandem::cli
