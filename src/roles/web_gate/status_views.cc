// Status, from what the nodes say of themselves:
//   {"node":1, ..., "figures":{"name":1}, "instances":[{"instance":3,"role":"SG","state":"serving",
//    "figures":{"sip_received":17}}]}
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <map>

#include "roles/web_gate/views.h"

namespace tandem::roles::web_gate {
namespace {

namespace json = boost::json;

std::optional<json::object> object_of(const std::string& text) {
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (!value) return {};
    if (const json::string* text = value->if_string()) return {text->data(), text->size()};
    return json::serialize(*value);
}

// The instances of both; all else as shard 0 says it.
void merge_shard(json::object& into, json::object shard) {
    if (text_of(shard, "shard") == "0") std::swap(into, shard);
    const json::value* more = shard.if_contains("instances");
    json::value& instances = into["instances"];
    if (!instances.is_array()) instances = json::array();
    if (!more || !more->is_array()) return;
    for (const json::value& each : more->get_array()) instances.get_array().push_back(each);
}

}  // namespace

// Each shard answers for itself; people ask for nodes.
std::string status_json(const std::vector<std::string>& nodes) {
    json::array items;
    std::map<std::string, size_t> places;  // of the nodes in `items`
    for (const std::string& text : nodes) {
        auto node = object_of(text);
        if (!node) continue;
        const auto [place, is_new] = places.try_emplace(text_of(*node, "node"), items.size());
        if (is_new) {
            items.emplace_back(std::move(*node));
        } else {
            merge_shard(items[place->second].get_object(), std::move(*node));
        }
    }
    return json::serialize(json::object{{"nodes", std::move(items)}});
}

std::string events_json(const std::vector<std::string>& nodes, const Page& page) {
    using Item = std::pair<uint64_t, json::value>;  // by id
    std::vector<Item> all;
    for (const std::string& text : nodes) {
        const auto answer = object_of(text);
        const json::value* items = answer ? answer->if_contains("items") : nullptr;
        if (items == nullptr || !items->is_array()) continue;
        for (const json::value& item : items->get_array()) {
            const json::value* id =
                item.is_object() ? item.get_object().if_contains("id") : nullptr;
            if (id != nullptr && id->is_int64())
                all.emplace_back(static_cast<uint64_t>(id->get_int64()), item);
        }
    }
    std::ranges::stable_sort(all, {}, &Item::first);
    const size_t count = std::min<size_t>(all.size(), page.limit);
    const size_t first = page.after.empty() ? all.size() - count : 0;
    json::array items;
    for (size_t i = first; i < first + count; ++i) items.push_back(std::move(all[i].second));
    uint64_t next = 0;
    std::from_chars(page.after.data(), page.after.data() + page.after.size(), next);
    if (count > 0) next = all[first + count - 1].first;
    return json::serialize(json::object{{"items", std::move(items)}, {"next", next}});
}

}  // namespace tandem::roles::web_gate
