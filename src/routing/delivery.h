// What becomes of a call that is meant for an account: the account rings, refuses, or sends it on,
// as it has set (model/generated/account_service.h). What is known before anything rings is decided
// by deliver(); what depends on how the account takes the call is asked for when that is known, by
// forwarded(). Where a call goes on is a route of its own, for which the forwarding account is the
// caller: it leads only where the account may call itself.
#pragma once

#include <optional>

#include "routing/route.h"

namespace tandem::store {
class AccountRecord;
}

namespace tandem::routing {

Target target_of(DomainId domain, const store::AccountRecord& account);
// With the bounds of calls that the account has set.
Target limited_target(const store::Catalog& catalog, DomainId domain,
                      const store::AccountRecord& account);

// `route` with the stage in which the account rings, or with what it has set instead. No account
// gets one call twice (482), and nobody's call goes on more than kForwardsMax times.
Route deliver(const store::Catalog& catalog, const Question& question,
              const store::AccountRecord& account, Route route);

// The same, past secretaries who take the account's calls (routing/secretaries.h).
Route deliver_directly(const store::Catalog& catalog, const Question& question,
                       const store::AccountRecord& account, Route route);

// The route to where somebody has sent the call on, behind the steps of `route`. The caller of
// `question` is who answers for it.
Route go_on(const store::Catalog& catalog, Question question, Forward forward, Route route);

// Where a call goes on that the account has not taken; nullopt: it has set nothing for this reason.
// `question` says by its `tried` who has had the call already, and by its `origin` and `anonymous`
// who calls; its caller and what was dialled do not matter.
std::optional<Route> forwarded(const store::Catalog& catalog, const Question& question,
                               AccountId by, ForwardReason reason);

// Whether the account is to be disturbed with a call that is for somebody else in the first place:
// a member of a group, or whom a phone has sent a call on to.
bool takes_calls(const store::Catalog& catalog, const Question& question, AccountId account);

// "busy", as people, settings and records have it.
std::string_view to_string(ForwardReason reason);

}  // namespace tandem::routing
