// Reads entities from the catalog, as the API shows them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/web_port.h"
#include "store/catalog.h"

namespace tandem::roles::store_role {

// The domain that a path names, by name or id. NotFound names the field "domain".
Result<DomainId> resolve_domain(const store::Catalog& catalog, std::string_view domain);

// Likewise the account, by id or login.
Result<AccountId> resolve_account(const store::Catalog& catalog, DomainId domain,
                                  std::string_view account);

// The key of the entity that a Read, Replace, Patch or Remove is about: read it from the store and
// give it to EntityWriter. Entities are named by id or by natural name (domain name, login, number,
// ...). NotFound: no such entity, or no such kind.
Result<std::string> locate(const store::Catalog& catalog, const ports::EntityRequest& request);

// The answers to EntityVerb::Read and EntityVerb::List. Lists are ordered by name, login, number or
// id; `next` continues them.
Result<ports::EntityReply> read_entity(const store::Catalog& catalog,
                                       const ports::EntityRequest& request);
Result<ports::EntityReply> list_entities(const store::Catalog& catalog,
                                         const ports::EntityRequest& request);

}  // namespace tandem::roles::store_role
