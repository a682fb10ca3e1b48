// Calls to somebody whose secretaries take them.
#pragma once

#include "model/generated/account_service.h"
#include "routing/route.h"

namespace tandem::store {
class AccountRecord;
}

namespace tandem::routing {

// Whether the account's secretaries take this call: it has some who take calls now, and who calls
// is none of them, nor meant by direct_callers. `route` hears why not.
bool is_for_secretaries(const store::Catalog& catalog, const Question& question,
                        const store::AccountRecord& chief, const model::AccountService& set,
                        Route& route);
// `route` with the stages in which they ring, and the account where it does, too. What secretaries
// have set for calls that they do not take is not followed, as it is the other's call.
Route ring_secretaries(const store::Catalog& catalog, const Question& question,
                       const store::AccountRecord& chief, const model::AccountService& set,
                       Route route);

}  // namespace tandem::routing
