// How many devices more a domain may have, by the licence at or above it (store/licences.h). Only
// a REGISTER that brings a device more asks, and only in a domain that is bounded.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "roles/registrar/binding_book.h"
#include "store/licences.h"

namespace tandem::roles::registrar {

class DeviceLicence {
 public:
    // Of the zone that the domain is in; nullopt: it is not bounded.
    std::optional<int64_t> free(const store::Catalog& catalog, const BindingBook& book,
                                DomainId domain);
    // Devices on their way into the book.
    void claim(DomainId domain, int64_t devices) { claimed_[domain] += devices; }
    void release(DomainId domain, int64_t devices);

 private:
    struct Zone {
        store::Revision revision;
        int64_t share = 0;
        std::vector<DomainId> members;
    };
    std::map<DomainId, Zone> zones_;  // by holder
    std::map<DomainId, int64_t> claimed_;
};

}  // namespace tandem::roles::registrar
