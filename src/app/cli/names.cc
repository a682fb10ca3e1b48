#include "app/cli/names.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "app/cli/forms.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;

// Beyond so many different ids a list of all is cheaper than one question each.
constexpr size_t kOneByOneMax = 16;
// Of all names, those that are compared with one that is not there.
constexpr size_t kComparedMax = 1000;
constexpr size_t kGuessesMax = 3;

// How many characters have to be changed, added or taken away (Levenshtein).
size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row.back();
}

// Each id at `path` in `item`, also in lists and in structures that are listed.
void each_at(json::value& item, std::string_view path,
             const std::function<void(json::value&)>& act) {
    if (item.is_array()) {
        for (json::value& each : item.as_array()) each_at(each, path, act);
        return;
    }
    if (path.empty()) {
        if (item.is_string() && is_id(item.as_string())) act(item);
        return;
    }
    if (!item.is_object()) return;
    const size_t dot = std::min(path.find('.'), path.size());
    json::value* inner = item.as_object().if_contains(path.substr(0, dot));
    if (inner != nullptr) each_at(*inner, path.substr(std::min(dot + 1, path.size())), act);
}

std::vector<std::string> names_in(Global& global, const EntityKind& kind,
                                  const std::string& domain) {
    std::vector<std::string> names;
    if (kind.name_field == nullptr) return names;
    const auto items = fetch_all(global, kind.path(domain), kComparedMax);
    if (!items.has_value()) return names;
    for (const json::value& each : *items) names.push_back(cell(each, kind.name_field));
    return names;
}

}  // namespace

bool is_id(std::string_view text) {
    return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::vector<std::string> near_to(std::string_view text, const std::vector<std::string>& known) {
    const size_t far = std::max<size_t>(1, text.size() / 3);
    std::vector<std::pair<size_t, std::string>> found;
    for (const std::string& each : known) {
        const bool begins = text.size() > 1 && each.starts_with(text);
        const size_t off = begins ? 1 : distance(text, each);
        if (off <= far) found.emplace_back(off, each);
    }
    std::sort(found.begin(), found.end());
    found.resize(std::min(found.size(), kGuessesMax));
    std::vector<std::string> names;
    names.reserve(found.size());
    for (auto& [off, name] : found) names.push_back(std::move(name));
    return names;
}

std::string guesses(const std::vector<std::string>& near) {
    std::string text;
    for (const std::string& each : near) text += (text.empty() ? "; is it " : " or ") + each;
    return text.empty() ? text : text + "?";
}

Result<std::string> id_of(Global& global, const Naming& naming, const std::string& text) {
    const EntityKind* kind = naming.kind;
    if (kind == nullptr || kind->name == nullptr || text.empty() || is_id(text)) return text;
    const auto answer = global.client().call("GET", kind->path(naming.domain, text));
    if (answer.has_value()) return cell(answer->json(), "id");
    Error error = answer.error();
    error.field = naming.where;
    error.message = naming.where + " " + text + ": " + error.message;
    if (error.code == ErrorCode::NotFound)
        error.message += guesses(near_to(text, names_in(global, *kind, naming.domain)));
    return error;
}

NamesShown::NamesShown(Global& global, const EntityKind& kind, std::string domain)
    : global_(global), domain_(std::move(domain)) {
    const auto add = [&](std::string path, const std::string& entity) {
        const EntityKind* named = kind_of(entity);
        if (named != nullptr && named->name_field != nullptr)
            fields_.emplace_back(std::move(path), named);
    };
    for (const FormField& field : settable_fields(kind.entity)) {
        if (!field.ref.empty()) add(field.path, field.ref);
        for (const auto& [name, entity] : field.item_refs) add(field.path + "." + name, entity);
    }
    if (kind.in_domain) add("domain", "domain");
    if (kind.part != nullptr) add("account", "account");
}

std::string NamesShown::name_of(const EntityKind& kind, const std::string& id) {
    const auto found = known_.find(id);
    if (found != known_.end()) return found->second;
    if (closed_.contains(&kind)) return id;
    const auto answer = global_.client().call("GET", kind.path(domain_, id));
    std::string name = id;
    if (answer.has_value())
        name = cell(answer->json(), kind.name_field);
    else if (answer.error().code != ErrorCode::NotFound)
        closed_.insert(&kind);
    if (name == "-") name = id;
    return known_[id] = name;
}

void NamesShown::learn_all(const json::array& items) {
    std::map<const EntityKind*, std::set<std::string>> asked;
    json::value all(items);
    for (const auto& [path, kind] : fields_)
        each_at(all, path, [&, kind = kind](json::value& id) {
            asked[kind].insert(std::string(id.as_string()));
        });
    for (const auto& [kind, ids] : asked) {
        if (ids.size() <= kOneByOneMax) continue;
        const auto listed = fetch_all(global_, kind->path(domain_), kItemsMax);
        if (!listed.has_value()) {
            closed_.insert(kind);
            continue;
        }
        for (const json::value& each : *listed) {
            const std::string name = cell(each, kind->name_field);
            if (name != "-") known_[cell(each, "id")] = name;
        }
        for (const std::string& id : ids) known_.try_emplace(id, id);
    }
}

void NamesShown::put_in(json::array& items) {
    learn_all(items);
    for (json::value& each : items) put_in(each);
}

void NamesShown::put_in(json::value& item) {
    for (const auto& [path, kind] : fields_)
        each_at(item, path, [&, kind = kind](json::value& id) {
            id = name_of(*kind, std::string(id.as_string()));
        });
}

}  // namespace tandem::cli
