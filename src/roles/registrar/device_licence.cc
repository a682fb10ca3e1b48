#include "roles/registrar/device_licence.h"

#include "roles/registrar/limits.h"

namespace tandem::roles::registrar {

using store::Quantity;

std::optional<int64_t> DeviceLicence::free(const store::Catalog& catalog, const BindingBook& book,
                                           DomainId domain) {
    const auto holder = holder_of(catalog, domain, Quantity::Devices);
    if (!holder) return std::nullopt;
    if (zones_.size() >= licence_zones_max && !zones_.contains(holder->domain)) zones_.clear();
    const auto [found, is_new] = zones_.try_emplace(holder->domain);
    Zone& zone = found->second;
    if (is_new || zone.revision != catalog.revision()) {
        zone.revision = catalog.revision();
        zone.share = holder->amount - zone_use(catalog, holder->domain, Quantity::Devices).handed;
        zone.members = zone_members(catalog, holder->domain, Quantity::Devices);
    }
    int64_t used = 0;
    for (const DomainId each : zone.members) {
        used += static_cast<int64_t>(book.count_of(each));
        const auto claimed = claimed_.find(each);
        if (claimed != claimed_.end()) used += claimed->second;
    }
    return zone.share - used;
}

void DeviceLicence::release(DomainId domain, int64_t devices) {
    const auto found = claimed_.find(domain);
    if (found == claimed_.end()) return;
    found->second -= devices;
    if (found->second <= 0) claimed_.erase(found);
}

}  // namespace tandem::roles::registrar
