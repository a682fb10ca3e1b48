// Which group of copies serves a domain. A site may have several groups of a registrar (SR) and of
// call state (CS); each serves whole trees of domains: a root with everything below it. Which one
// is drawn by rendezvous hash of the root over the groups, unless the logic layer names one (entity
// domain_group). It is worked out of the catalog by every node for itself: the data layer knows
// nothing of it.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "base/id.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::ports {

// The domain at the top of the tree; itself when it is unknown.
DomainId root_of(const store::Catalog& catalog, DomainId domain);

// How the groups of one role share the trees.
class GroupChoices {
 public:
    GroupChoices() = default;  // one group, 1, has all
    // Assignments to groups that are not there count for nothing.
    GroupChoices(std::vector<int> groups, const std::map<DomainId, int>& assigned);

    int group_of(DomainId root) const;  // 0: there is no group
    const std::vector<int>& groups() const { return groups_; }
    bool is_shared() const { return groups_.size() > 1; }
    // The same for whoever has come to the same choices; 0: group 1 has all.
    uint64_t digest() const;

    friend bool operator==(const GroupChoices&, const GroupChoices&) = default;

 private:
    std::vector<int> groups_{1};  // rising
    std::map<DomainId, int> assigned_;
};

struct DomainGroups {
    GroupChoices registrar;
    GroupChoices call_state;
    // Of domains that have one above them; empty where no role has several groups.
    std::unordered_map<DomainId, DomainId> roots;

    DomainId root_of(DomainId domain) const;
    friend bool operator==(const DomainGroups&, const DomainGroups&) = default;
};

// As the layers have it. A group is there as long as one of its copies is enabled.
DomainGroups domain_groups_of(const store::Catalog& catalog);

}  // namespace tandem::ports
