#include "store/licences.h"

#include "model/generated/trunk.h"
#include "store/catalog_tree.h"

namespace tandem::store {
namespace {

using model::Licence;

struct QuantityField {
    std::string_view name;
    std::optional<int> Licence::*amount;
};
constexpr std::array<QuantityField, quantity_count> kFields = {{
    {"accounts_max", &Licence::accounts_max},
    {"users_max", &Licence::users_max},
    {"devices_max", &Licence::devices_max},
    {"concurrent_calls_max", &Licence::concurrent_calls_max},
    {"concurrent_calls_in_max", &Licence::concurrent_calls_in_max},
    {"concurrent_calls_out_max", &Licence::concurrent_calls_out_max},
    {"calls_per_second_max", &Licence::calls_per_second_max},
    {"trunks_max", &Licence::trunks_max},
    {"scenarios_max", &Licence::scenarios_max},
    {"child_domains_max", &Licence::child_domains_max},
    {"recording_storage_mib_max", &Licence::recording_storage_mib_max},
}};

// What the domain itself has, of what the catalog counts. A domain below is one of its parent's.
int64_t own_use(const Catalog& catalog, const model::Domain& domain, Quantity quantity) {
    switch (quantity) {
        case Quantity::Accounts:
            return static_cast<int64_t>(catalog.account_count(domain.id));
        case Quantity::Users:
            return static_cast<int64_t>(catalog.user_count(domain.id));
        case Quantity::Trunks:
            return static_cast<int64_t>(catalog.count<model::Trunk>(domain.id));
        case Quantity::Devices:
        case Quantity::Calls:
        case Quantity::CallsIn:
        case Quantity::CallsOut:
        case Quantity::CallRate:
        case Quantity::Scenarios:
        case Quantity::ChildDomains:
        case Quantity::RecordingStorage:
            return 0;
    }
    return 0;
}

// The nearest domain at or above `from` that names the quantity, or is the root of the zone.
DomainId zone_root_at(const Catalog& catalog, DomainId from, DomainId root, Quantity quantity) {
    DomainId found;
    visit_upwards(catalog, from, [&](const Entity<model::Domain>& each) {
        const bool is_it = each.id == root || own_amount(catalog, each.id, quantity).has_value();
        if (is_it) found = each.id;
        return !is_it;
    });
    return found;
}

}  // namespace

std::string_view field_of(Quantity quantity) {
    return kFields[static_cast<size_t>(quantity)].name;
}

std::optional<int64_t> amount_in(const Licence& licence, Quantity quantity) {
    const auto& amount = licence.*kFields[static_cast<size_t>(quantity)].amount;
    return amount ? std::optional<int64_t>(*amount) : std::nullopt;
}

int64_t amount_of(const model::Trunk& trunk, Quantity quantity) {
    switch (quantity) {
        case Quantity::Calls:
            return trunk.channels_max;
        case Quantity::CallsIn:
            return trunk.channels_in_max;
        case Quantity::CallsOut:
            return trunk.channels_out_max;
        case Quantity::CallRate:
            return trunk.calls_per_second;
        case Quantity::Accounts:
        case Quantity::Users:
        case Quantity::Devices:
        case Quantity::Trunks:
        case Quantity::Scenarios:
        case Quantity::ChildDomains:
        case Quantity::RecordingStorage:
            return 0;
    }
    return 0;
}

std::optional<int64_t> own_amount(const Catalog& catalog, DomainId domain, Quantity quantity) {
    const auto* licence = catalog.find_licence(domain);
    return licence == nullptr ? std::nullopt : amount_in(*licence, quantity);
}

std::optional<Holder> holder_of(const Catalog& catalog, DomainId domain, Quantity quantity) {
    std::optional<Holder> holder;
    visit_upwards(catalog, domain, [&](const Entity<model::Domain>& each) {
        const auto amount = own_amount(catalog, each.id, quantity);
        if (amount) holder = Holder{each.id, *amount};
        return !amount;
    });
    return holder;
}

ZoneUse zone_use(const Catalog& catalog, DomainId root, Quantity quantity) {
    ZoneUse use;
    catalog.visit_domains("", [&](const model::Domain& domain) {
        const auto amount =
            domain.id == root ? std::nullopt : own_amount(catalog, domain.id, quantity);
        if (!amount && zone_root_at(catalog, domain.id, root, quantity) == root)
            use.used += own_use(catalog, domain, quantity);
        const bool hangs_in = domain.parent && domain.id != root &&
                              zone_root_at(catalog, *domain.parent, root, quantity) == root;
        if (!hangs_in) return true;
        if (quantity == Quantity::ChildDomains) ++use.used;
        if (amount) use.handed += *amount;
        return true;
    });
    return use;
}

std::vector<DomainId> zone_members(const Catalog& catalog, DomainId root, Quantity quantity) {
    std::vector<DomainId> members;
    catalog.visit_domains("", [&](const model::Domain& domain) {
        if (zone_root_at(catalog, domain.id, root, quantity) == root) members.push_back(domain.id);
        return true;
    });
    return members;
}

}  // namespace tandem::store
