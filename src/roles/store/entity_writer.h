// Turns a request to create, change or remove an entity into one write of the store, or into an
// error that names the field. Pure: the caller reads the stored value (locate()), hands the write
// to its store::Writer, and answers when that is done.
#pragma once

#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/instant.h"
#include "base/result.h"
#include "base/rng.h"
#include "ports/web_port.h"
#include "roles/store/licence_book.h"
#include "store/catalog.h"
#include "store/kv.h"
#include "store/writer.h"

namespace tandem::roles::store_role {

// What a change is judged by and stamped with.
struct WriteScope {
    const store::Catalog& catalog;
    UtcTime now;
    Rng& rng;
    std::string_view writer;  // for the stamp
    const SealKey& site_key;  // seals digests of passwords
    LicenceBook& licences;
};

struct EntityChange {
    // Compares hold what the judgement stood on: the entity's revision, the absence of its names,
    // the presence of what it refers to. Conflict on writing means that one has changed: judge
    // again.
    store::Member write;
    ports::EntityReply reply;  // to give once it is written
    std::string before;        // the entity as it was, for the API; empty: there was none
    std::string id;            // of the entity, as text
    Claims claims;             // on licences, until the catalog shows it
};

// Create: `stored` is null. Replace, Patch, Remove: the value that locate() named, null when it is
// gone; settings and licences may be replaced or patched before they exist.
// Errors: the decoder's; those of entity_rules.h; Conflict with field "if_match" when the entity
// has another version; Forbidden for fields that are fixed; NotFound.
Result<EntityChange> prepare_write(const WriteScope& scope, const ports::EntityRequest& request,
                                   const store::KeyValue* stored);

}  // namespace tandem::roles::store_role
