#include "cluster/layout_index.h"

#include <algorithm>
#include <tuple>

namespace tandem::cluster {

bool is_active_passive(model::RoleCode role) {
    switch (role) {
        case model::RoleCode::Sr:
        case model::RoleCode::Mgc:
        case model::RoleCode::Cs:
        case model::RoleCode::St:
            return true;
        case model::RoleCode::Sg:
        case model::RoleCode::Esg:
        case model::RoleCode::Ws:
        case model::RoleCode::Mg:
        case model::RoleCode::B2b:
        case model::RoleCode::Ivr:
        case model::RoleCode::Conf:
        case model::RoleCode::Svc:
            return false;
    }
    return false;
}

bool has_domain_groups(model::RoleCode role) {
    return role == model::RoleCode::Sr || role == model::RoleCode::Cs;
}

std::string group_name(model::RoleCode role, int group) {
    std::string name(model::to_string(role));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return name + "-" + std::to_string(group);
}

const model::Server* find_server(const Layout& layout, ServerId id) {
    const auto found = std::find_if(layout.servers.begin(), layout.servers.end(),
                                    [&](const auto& server) { return server.id == id; });
    return found == layout.servers.end() ? nullptr : &*found;
}

bool runs(const Layout& layout, const model::RoleInstance& instance) {
    const model::Server* server = find_server(layout, instance.server);
    return instance.enabled && server != nullptr && server->enabled;
}

std::vector<const model::RoleInstance*> running(const Layout& layout) {
    std::vector<const model::RoleInstance*> all;
    for (const model::RoleInstance& instance : layout.instances)
        if (runs(layout, instance)) all.push_back(&instance);
    std::sort(all.begin(), all.end(),
              [](const auto* a, const auto* b) { return a->number < b->number; });
    return all;
}

std::string server_name(const Layout& layout, ServerId id) {
    const model::Server* server = find_server(layout, id);
    return server == nullptr ? id.text() : server->name;
}

std::string name_of(const model::RoleInstance& instance) {
    return std::string(model::to_string(instance.role)) + " " + std::to_string(instance.number);
}

std::string name_of(const std::vector<const model::RoleInstance*>& all, const GroupKey& group) {
    const std::string role(model::to_string(group.first));
    const bool is_only = std::all_of(all.begin(), all.end(), [&](const auto* each) {
        return each->role != group.first || each->group == group.second;
    });
    return is_only ? role : role + " group " + std::to_string(group.second);
}

std::string enumerate(const std::vector<std::string>& words) {
    std::string out;
    for (size_t i = 0; i < words.size(); ++i) {
        if (i > 0) out += i + 1 == words.size() ? " and " : ", ";
        out += words[i];
    }
    return out;
}

std::set<GroupKey> groups_of(const std::vector<const model::RoleInstance*>& instances) {
    std::set<GroupKey> groups;
    for (const auto* instance : instances)
        if (is_active_passive(instance->role)) groups.emplace(instance->role, instance->group);
    return groups;
}

std::vector<const model::RoleInstance*> copies_of(
    const std::vector<const model::RoleInstance*>& instances, const GroupKey& group) {
    std::vector<const model::RoleInstance*> copies;
    for (const auto* instance : instances)
        if (GroupKey(instance->role, instance->group) == group) copies.push_back(instance);
    std::sort(copies.begin(), copies.end(), [](const auto* a, const auto* b) {
        return std::tie(a->order, a->number) < std::tie(b->order, b->number);
    });
    return copies;
}

}  // namespace tandem::cluster
