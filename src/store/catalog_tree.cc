#include "store/catalog_tree.h"

namespace tandem::store {

bool is_below(const Catalog& catalog, DomainId domain, DomainId ancestor) {
    bool found = false;
    visit_upwards(catalog, domain, [&](const Entity<model::Domain>& each) {
        found = each.parent == ancestor;
        return !found;
    });
    return found;
}

bool is_blocked(const Catalog& catalog, DomainId domain, UtcTime now) {
    bool blocked = false;
    visit_upwards(catalog, domain, [&](const Entity<model::Domain>& each) {
        const auto* licence = catalog.find_licence(each.id);
        const bool is_over =
            licence != nullptr && licence->valid_until && *licence->valid_until < now;
        blocked = each.settings.blocked || is_over;
        return !blocked;
    });
    return blocked;
}

}  // namespace tandem::store
