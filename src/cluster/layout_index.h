// Look-ups over a Layout, shared by the parts of plan.h.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/plan.h"

namespace tandem::cluster {

const model::Server* find_server(const Layout& layout, ServerId id);
// Enabled, on an enabled server.
bool runs(const Layout& layout, const model::RoleInstance& instance);
std::vector<const model::RoleInstance*> running(const Layout& layout);
std::string server_name(const Layout& layout, ServerId id);
// "SR 12"
std::string name_of(const model::RoleInstance& instance);
// "a, b and c"
std::string enumerate(const std::vector<std::string>& words);

// The copies of an Active-Passive group that run, preferred first.
using GroupKey = std::pair<model::RoleCode, int>;
// "SR"; "SR group 2" where the role has several.
std::string name_of(const std::vector<const model::RoleInstance*>& all, const GroupKey& group);
std::set<GroupKey> groups_of(const std::vector<const model::RoleInstance*>& instances);
std::vector<const model::RoleInstance*> copies_of(
    const std::vector<const model::RoleInstance*>& instances, const GroupKey& group);

}  // namespace tandem::cluster
