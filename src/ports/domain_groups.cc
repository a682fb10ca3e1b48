#include "ports/domain_groups.h"

#include <algorithm>
#include <utility>

#include "base/rendezvous.h"
#include "store/catalog.h"

namespace tandem::ports {
namespace {

uint64_t key_of(DomainId root) {
    return mix_bits(root.bits.high ^ mix_bits(root.bits.low));
}

// Trees are at most some levels high: roles/store refuses more, and circles.
constexpr int kLevelsMax = 64;

}  // namespace

DomainId root_of(const store::Catalog& catalog, DomainId domain) {
    for (int level = 0; level < kLevelsMax; ++level) {
        const auto* found = catalog.find_domain(domain);
        if (found == nullptr || !found->parent) break;
        domain = *found->parent;
    }
    return domain;
}

GroupChoices::GroupChoices(std::vector<int> groups, const std::map<DomainId, int>& assigned)
    : groups_(std::move(groups)) {
    std::ranges::sort(groups_);
    const auto doubles = std::ranges::unique(groups_);
    groups_.erase(doubles.begin(), doubles.end());
    if (!is_shared()) return;
    for (const auto& [root, group] : assigned) {
        if (std::ranges::binary_search(groups_, group)) assigned_.emplace(root, group);
    }
}

int GroupChoices::group_of(DomainId root) const {
    if (groups_.empty()) return 0;
    if (!is_shared()) return groups_.front();
    if (const auto found = assigned_.find(root); found != assigned_.end()) return found->second;
    const uint64_t key = key_of(root);
    return *std::ranges::max_element(
        groups_, {}, [&](int group) { return rendezvous_draw(key, static_cast<uint64_t>(group)); });
}

uint64_t GroupChoices::digest() const {
    if (*this == GroupChoices()) return 0;
    uint64_t digest = groups_.size();
    for (const int group : groups_) digest = mix_bits(digest + static_cast<uint64_t>(group));
    for (const auto& [root, group] : assigned_)
        digest = mix_bits(digest ^ key_of(root)) + static_cast<uint64_t>(group);
    return digest == 0 ? 1 : digest;
}

DomainId DomainGroups::root_of(DomainId domain) const {
    const auto found = roots.find(domain);
    return found == roots.end() ? domain : found->second;
}

namespace {

std::vector<int> groups_of(const store::Catalog& catalog, model::RoleCode role) {
    std::vector<int> groups;
    catalog.visit_role_instances([&](const model::RoleInstance& each) {
        const auto* server = catalog.find_server(each.server);
        const bool runs = each.enabled && (server == nullptr || server->enabled);
        if (each.role == role && runs) groups.push_back(each.group);
        return true;
    });
    return groups;
}

}  // namespace

DomainGroups domain_groups_of(const store::Catalog& catalog) {
    std::map<DomainId, int> registrar;
    std::map<DomainId, int> call_state;
    catalog.visit_domain_groups([&](const model::DomainGroup& each) {
        if (each.sr) registrar.emplace(each.root, *each.sr);
        if (each.cs) call_state.emplace(each.root, *each.cs);
        return true;
    });
    DomainGroups all;
    all.registrar = {groups_of(catalog, model::RoleCode::Sr), registrar};
    all.call_state = {groups_of(catalog, model::RoleCode::Cs), call_state};
    if (!all.registrar.is_shared() && !all.call_state.is_shared()) return all;
    catalog.visit_domains("", [&](const model::Domain& domain) {
        if (domain.parent) all.roots.emplace(domain.id, root_of(catalog, domain.id));
        return true;
    });
    return all;
}

}  // namespace tandem::ports
