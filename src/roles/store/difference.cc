#include "roles/store/difference.h"

#include <boost/json.hpp>

#include "base/json_text.h"

namespace tandem::roles::store_role {
namespace {

namespace json = boost::json;

json::object object_of(std::string_view text) {
    boost::system::error_code error;
    json::value value = json::parse(json::string_view(text.data(), text.size()), error);
    return !error && value.is_object() ? std::move(value.get_object()) : json::object();
}

const json::value& member(const json::object& object, json::string_view name) {
    static const json::value none;
    const json::value* found = object.if_contains(name);
    return found == nullptr ? none : *found;
}

struct Comparison {
    JsonWriter& out;

    void add(const std::string& field, const json::value& before, const json::value& after) {
        if (before == after) return;
        if (before.is_object() && after.is_object())
            return compare(field + ".", before.get_object(), after.get_object());
        out.begin_object().field("field").value(field);
        out.field("before").raw(json::serialize(before));
        out.field("after").raw(json::serialize(after)).end_object();
    }
    void compare(const std::string& prefix, const json::object& before, const json::object& after) {
        for (const auto& each : before) {
            const std::string name(each.key().data(), each.key().size());
            add(prefix + name, each.value(), member(after, each.key()));
        }
        for (const auto& each : after) {
            if (before.contains(each.key())) continue;
            const std::string name(each.key().data(), each.key().size());
            add(prefix + name, {}, each.value());
        }
    }
};

}  // namespace

std::string changes_json(std::string_view before, std::string_view after) {
    JsonWriter out;
    out.begin_list();
    Comparison{out}.compare("", object_of(before), object_of(after));
    return out.end_list().take();
}

std::string dry_run_json(std::string_view before, std::string_view after, std::string_view routes) {
    JsonWriter out;
    out.begin_object().field("dry_run").value(true);
    out.field("before").raw(before.empty() ? "null" : before);
    out.field("after").raw(after.empty() ? "null" : after);
    out.field("changes").raw(changes_json(before, after));
    if (!routes.empty()) out.field("routes").raw(routes);
    return out.end_object().take();
}

}  // namespace tandem::roles::store_role
