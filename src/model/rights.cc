#include "model/rights.h"

#include <algorithm>
#include <array>

namespace tandem::model {
namespace {

constexpr std::array<std::string_view, resource_count> kResources = {
    "domains",  "settings", "licences", "users",      "grants",   "tokens",
    "accounts", "numbers",  "routing",  "trunks",     "services", "scenarios",
    "calls",    "bindings", "cdr",      "recordings", "audit"};

Resource resource_at(size_t index) {
    return static_cast<Resource>(index);
}

std::string all_names() {
    std::string text = "*";
    for (const std::string_view name : kResources) text.append(", ").append(name);
    return text;
}

void add_verbs(Rights& rights, Resource resource, std::string_view verb) {
    if (verb != "write") rights.add(resource, Verb::Read);
    if (verb != "read") rights.add(resource, Verb::Write);
}

// Of everything but what says who may do what.
Rights reading() {
    Rights rights;
    for (size_t i = 0; i < resource_count; ++i) {
        const Resource each = resource_at(i);
        const bool is_of_rights =
            each == Resource::Grants || each == Resource::Tokens || each == Resource::Audit;
        if (!is_of_rights) rights.add(each, Verb::Read);
    }
    return rights;
}

}  // namespace

std::string_view to_string(Resource resource) {
    return kResources[static_cast<size_t>(resource)];
}

std::optional<Resource> parse_resource(std::string_view name) {
    const auto found = std::ranges::find(kResources, name);
    if (found == kResources.end()) return std::nullopt;
    return resource_at(static_cast<size_t>(found - kResources.begin()));
}

std::string_view to_string(Verb verb) {
    return verb == Verb::Read ? "read" : "write";
}

Rights Rights::all() {
    return Rights((uint64_t{1} << (2 * resource_count)) - 1);
}

void Rights::add(Resource resource, Verb verb) {
    bits_ |= bit(resource, Verb::Read) | bit(resource, verb);
}

std::vector<std::string> Rights::text() const {
    std::vector<std::string> list;
    for (size_t i = 0; i < resource_count; ++i) {
        const Resource each = resource_at(i);
        const bool writes = has(each, Verb::Write);
        if (!writes && !has(each, Verb::Read)) continue;
        list.push_back(std::string(to_string(each)) + (writes ? ":write" : ":read"));
    }
    return list;
}

Result<Rights> parse_right(std::string_view text) {
    const size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const std::string_view verb =
        colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    if (verb != "read" && verb != "write" && verb != "*")
        return make_error(ErrorCode::OutOfRange, "rights",
                          "must be <resource>:<verb> with the verb read, write or *");
    Rights rights;
    if (name == "*") {
        for (size_t i = 0; i < resource_count; ++i) add_verbs(rights, resource_at(i), verb);
        return rights;
    }
    const auto resource = parse_resource(name);
    if (!resource)
        return make_error(ErrorCode::OutOfRange, "rights",
                          "the resource must be one of " + all_names());
    add_verbs(rights, *resource, verb);
    return rights;
}

Rights rights_of(GrantRole role) {
    Rights rights;
    switch (role) {
        case GrantRole::Custom:
            break;
        case GrantRole::Administrator:
            return Rights::all();
        case GrantRole::Supervisor:
            rights = reading();
            rights.add(Resource::Calls, Verb::Write);
            rights.add(Resource::Bindings, Verb::Write);
            break;
        case GrantRole::User:
            for (const Resource each : {Resource::Settings, Resource::Accounts, Resource::Numbers,
                                        Resource::Services, Resource::Routing})
                rights.add(each, Verb::Read);
            break;
    }
    return rights;
}

Rights rights_of(const Grant& grant) {
    Rights rights = rights_of(grant.role);
    for (const std::string& each : grant.rights) {
        if (const auto parsed = parse_right(each)) rights.add(*parsed);
    }
    return rights;
}

}  // namespace tandem::model
