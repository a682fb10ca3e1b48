#include "roles/call_state/watch_permit.h"

#include "store/catalog_rights.h"
#include "store/catalog_tree.h"

namespace tandem::roles::call_state {

bool may_watch(const store::Catalog& catalog, DomainId domain, AccountId watcher, AccountId watched,
               Package package) {
    const bool is_own = watcher == watched;
    switch (package) {
        case Package::Dialog:
        case Package::Presence:
            return true;
        case Package::MessageSummary:
            return is_own;
        case Package::Registration:
            break;
    }
    if (is_own) return true;
    const auto* account = catalog.find_account(domain, watcher);
    const auto user = account != nullptr ? account->user() : std::nullopt;
    return user && store::rights_of(catalog, domain, *user)
                       .own.has(model::Resource::Bindings, model::Verb::Read);
}

}  // namespace tandem::roles::call_state
