// Records of the audit log: who changed what, what it was before and is afterwards, when, and from
// where. Each is written in the transaction of its change, into an outbox, from where it goes into
// the history of each ST (cdr_drain.h): no change is without its record.
//
// A record is a JSON object. "before" and "after" are the entity as the API shows it, without
// secrets; "kept" is what it was with its sealed secrets and hashes, for a roll-back, and is never
// shown.
#pragma once

#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/rng.h"
#include "model/codec.h"
#include "ports/web_port.h"
#include "roles/store/actor_rules.h"
#include "roles/store/entity_kinds.h"
#include "store/kv.h"

namespace tandem::roles::store_role {

struct AuditRecord {
    UtcTime at;
    DomainId domain;  // whose log it belongs to; nil: the system's
    const ports::Actor& actor;
    std::string_view action = {};  // "create", "change", "remove", "refused", "sign-in", ...
    std::string_view kind = {};    // of the entity
    std::string entity = {};       // its id
    std::string name = {};         // as people call it
    std::string before = {};       // JSON; empty: there was none
    std::string after = {};
    std::string kept = {};
    std::string_view what = {};  // of what was no change of an entity: "DELETE /api/v1/calls/..."
    std::string_view reason = {};
    uint32_t count = 1;
};
store::Put audit_put(const AuditRecord& record, Rng& rng);

template <typename T>
std::string name_of(const T& value) {
    if constexpr (requires { value.login.size(); }) return value.login;
    if constexpr (requires { value.name.size(); }) return value.name;
    return {};
}

// Where a change is found again: in the log of its domain; that a domain went, in that of the one
// above.
template <typename T>
DomainId log_of(const Transition<T>& change) {
    const T& value = change.after != nullptr ? *change.after : *change.before;
    if constexpr (requires { value.domain; }) return value.domain;
    if constexpr (std::is_same_v<T, model::Domain>)
        return change.after == nullptr ? value.parent.value_or(DomainId{}) : value.id;
    return {};
}

template <typename T>
store::Put audit_put(const Transition<T>& change, const ports::Actor& actor, UtcTime at, Rng& rng) {
    const T& value = change.after != nullptr ? *change.after : *change.before;
    AuditRecord record{at, log_of(change), actor};
    record.action = change.before == nullptr  ? "create"
                    : change.after == nullptr ? "remove"
                                              : "change";
    record.kind = Kind<T>::name;
    if constexpr (requires { value.id; }) record.entity = value.id.text();
    record.name = name_of(value);
    if (change.after != nullptr) record.after = model::encode(value, model::Audience::Api);
    if (change.before != nullptr) {
        record.before = model::encode(*change.before, model::Audience::Api);
        record.kept = model::encode(*change.before, model::Audience::Store);
        if (record.kept == record.before) record.kept.clear();
    }
    return audit_put(record, rng);
}

}  // namespace tandem::roles::store_role
