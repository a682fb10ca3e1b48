#include "roles/store/audit.h"

#include "base/json_text.h"
#include "model/ids.h"
#include "store/keys.h"

namespace tandem::roles::store_role {
namespace {

void add_text(JsonWriter& json, std::string_view name, std::string_view text) {
    if (!text.empty()) json.field(name).value(text);
}
void add_json(JsonWriter& json, std::string_view name, std::string_view text) {
    if (!text.empty()) json.field(name).raw(text);
}

}  // namespace

store::Put audit_put(const AuditRecord& record, Rng& rng) {
    const AuditId id = AuditId::mint(record.at, rng);
    JsonWriter json;
    json.begin_object().field("id").value(id.text());
    json.field("at_utc_ms").value(record.at.unix_ms);
    if (!record.domain.is_nil()) json.field("domain").value(record.domain.text());
    json.field("actor").value(record.actor.name.empty() ? "the system" : record.actor.name);
    add_text(json, "address", record.actor.address);
    json.field("action").value(record.action);
    add_text(json, "kind", record.kind);
    add_text(json, "entity", record.entity);
    add_text(json, "name", record.name);
    add_text(json, "what", record.what);
    add_text(json, "reason", record.reason);
    if (record.count > 1) json.field("count").value(record.count);
    add_json(json, "before", record.before);
    add_json(json, "after", record.after);
    add_json(json, "kept", record.kept);
    return store::Put{store::keys::audit_outbox(id), json.end_object().take(), 0};
}

}  // namespace tandem::roles::store_role
