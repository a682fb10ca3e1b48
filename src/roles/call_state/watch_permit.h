// Who may see what of whom.
#pragma once

#include "roles/call_state/subscription.h"
#include "store/catalog.h"

namespace tandem::roles::call_state {

// Whoever may call an account may see whether it is busy. What waits for it is its own business;
// where its phones are (docs/decisions/0027) also that of those who may read registrations.
bool may_watch(const store::Catalog& catalog, DomainId domain, AccountId watcher, AccountId watched,
               Package package);

}  // namespace tandem::roles::call_state
