#include "roles/store/plan_desk.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/json_text.h"
#include "roles/store/entity_ops.h"
#include "roles/store/limits.h"
#include "roles/store/plan_document.h"

namespace tandem::roles::store_role {
namespace {

using cluster::Layout;
using model::RoleInstance;

// ---- Versions: another one when any entity that a plan stands on has changed.

using Versions = std::map<std::string, uint64_t>;  // by id

Versions versions_around(const Catalog& catalog) {
    Versions versions;
    const auto add = [&](const auto& entity) {
        versions[entity.id.text()] = entity.version;
        return true;
    };
    catalog.visit_servers(add);
    catalog.visit_interfaces(add);
    return versions;
}

Versions versions_of(const Catalog& catalog) {
    Versions versions = versions_around(catalog);
    catalog.visit_role_instances([&](const store::Entity<RoleInstance>& role) {
        versions[role.id.text()] = role.version;
        return true;
    });
    return versions;
}

std::string text_of(const Versions& versions) {
    std::string all;
    for (const auto& [id, version] : versions) all += id + ":" + std::to_string(version) + "\n";
    constexpr size_t kDigits = 16;  // two layouts of the same version come once in 10^19
    return hash_hex(HashAlgorithm::Sha256, all).substr(0, kDigits);
}

// ---- Views.

std::string_view text_of(cluster::Severity severity) {
    return severity == cluster::Severity::Error ? "error" : "warning";
}

std::string_view text_of(cluster::Change::Kind kind) {
    using Kind = cluster::Change::Kind;
    switch (kind) {
        case Kind::Start:
            return "start";
        case Kind::Change:
            return "change";
        case Kind::Restart:
            return "restart";
        case Kind::Move:
            return "move";
        case Kind::Stop:
            return "stop";
        case Kind::Note:
            return "note";
    }
    return {};
}

const RoleInstance* find_instance(const Layout& layout, RoleInstanceId id) {
    for (const RoleInstance& each : layout.instances)
        if (each.id == id) return &each;
    return nullptr;
}

void write_findings(const Layout& layout, const std::vector<cluster::Finding>& findings,
                    JsonWriter& out) {
    out.field("findings").begin_list();
    for (const cluster::Finding& each : findings) {
        out.begin_object().field("severity").value(text_of(each.severity));
        out.field("code").value(each.code).field("text").value(each.text);
        out.field("fields").begin_list();
        for (const cluster::Place& place : each.places) out.value(path_of(layout, place));
        out.end_list().end_object();
    }
    out.end_list();
}

void write_number(const Layout& layout, RoleInstanceId id, JsonWriter& out) {
    const RoleInstance* instance = find_instance(layout, id);
    if (instance == nullptr) {
        out.null();
    } else {
        out.value(instance->number);
    }
}

void write_changes(const Layout& before, const Layout& after, JsonWriter& out) {
    out.field("changes").begin_list();
    for (const cluster::Change& each : cluster::difference(before, after)) {
        const bool stays = find_instance(after, each.instance) != nullptr;
        out.begin_object().field("kind").value(text_of(each.kind)).field("number");
        write_number(stays ? after : before, each.instance, out);
        out.field("text").value(each.text).end_object();
    }
    out.end_list();
}

void write_subject(const Layout& layout, const cluster::Subject& subject, JsonWriter& out) {
    using Kind = cluster::Subject::Kind;
    switch (subject.kind) {
        case Kind::Server:
            for (const model::Server& server : layout.servers)
                if (server.id == subject.server) out.field("server").value(server.name);
            return;
        case Kind::Node:
            out.field("node").value(subject.node);
            return;
        case Kind::Instance:
            out.field("number");
            write_number(layout, subject.instance, out);
            return;
    }
}

void write_losses(const Layout& layout, JsonWriter& out) {
    out.field("losses").begin_list();
    for (const cluster::Loss& each : cluster::losses(layout)) {
        out.begin_object();
        write_subject(layout, each.subject, out);
        out.field("text").value(each.text).field("switches").begin_list();
        for (const cluster::Switch& one : each.switches) {
            out.begin_object().field("role").value(model::to_string(one.role));
            out.field("group").value(one.group).field("to");
            write_number(layout, one.to, out);
            out.end_object();
        }
        out.end_list().field("roles_gone").begin_list();
        for (const model::RoleCode role : each.roles_gone) out.value(model::to_string(role));
        out.end_list().field("media_left_percent").value(each.media_left_percent);
        out.field("answered_calls_survive").value(each.answered_calls_survive).end_object();
    }
    out.end_list();
}

ports::EntityReply reply_of(JsonWriter& out, const std::string& version) {
    return {std::nullopt, out.end_object().take(), version};
}

struct Judgement {
    Layout now;
    Layout wanted;
    std::vector<cluster::Finding> findings;
};

Result<Judgement> judge(const WriteScope& scope, const std::string& document, Layout now) {
    Judgement result;
    result.wanted = TRY(read_plan(document, now, {scope.now, scope.rng}));
    result.now = std::move(now);
    result.findings = cluster::check(result.wanted);
    return result;
}

ports::EntityReply reply_of(const Judgement& judgement, const std::string& version) {
    JsonWriter out;
    out.begin_object().field("version").value(version);
    write_findings(judgement.wanted, judgement.findings, out);
    write_changes(judgement.now, judgement.wanted, out);
    write_losses(judgement.wanted, out);
    return reply_of(out, version);
}

// ---- Applying.

// Of the parts of a finding that which the plan would change, since the others were there before.
std::string field_of(const Judgement& judgement, const cluster::Finding& finding) {
    std::string field;
    for (const cluster::Place& place : finding.places) {
        field = path_of(judgement.wanted, place);
        const RoleInstance* was = find_instance(judgement.now, place.instance);
        if (was == nullptr || *was != *find_instance(judgement.wanted, place.instance)) break;
    }
    return field.empty() ? "roles" : field;
}

Result<void> refuse_errors(const Judgement& judgement) {
    std::optional<Error> refusal;
    for (const cluster::Finding& each : judgement.findings) {
        if (each.severity != cluster::Severity::Error) continue;
        if (refusal) {
            refusal->message += " " + each.text;
        } else {
            refusal = error_of(each, field_of(judgement, each));
        }
    }
    if (refusal) return std::move(*refusal);
    return {};
}

struct StoredRole {
    const store::KeyValue* item = nullptr;
    uint64_t version = 0;
};
using StoredRoles = std::map<RoleInstanceId, StoredRole>;

// What is to be written, and what each write of an instance that changes stands on.
Result<store::Member> write_of(const WriteScope& scope, const Judgement& judgement,
                               const StoredRoles& stored) {
    const Stamp stamp{scope.now, scope.writer};
    store::Member write;
    for (const RoleInstance& role : judgement.wanted.instances) {
        const auto before = stored.find(role.id);
        if (before == stored.end()) {
            put_new(role, stamp, write);
            add_references(role, write);
            continue;
        }
        if (*find_instance(judgement.now, role.id) == role) continue;
        const store::KeyValue& item = *before->second.item;
        write.compares.push_back(store::Compare::mod_revision_is(item.key, item.mod_revision));
        add_references(role, write);
        put_value(role, stamp, before->second.version + 1, item.value, write);
    }
    for (const RoleInstance& role : judgement.now.instances) {
        if (find_instance(judgement.wanted, role.id) != nullptr) continue;
        const store::KeyValue& item = *stored.at(role.id).item;
        write.compares.push_back(store::Compare::mod_revision_is(item.key, item.mod_revision));
        write.ops.push_back(store::Delete{item.key});
        change_indexes<RoleInstance>(&role, nullptr, write);
    }
    if (write.ops.size() > plan_ops_max || write.compares.size() > plan_compares_max)
        return make_error(ErrorCode::TooLarge, "roles",
                          "changes more role instances than can be changed at once: take some "
                          "thirty at a time");
    return write;
}

// The plan was judged with those that stay, too: as many of them as there is room for.
void compare_the_rest(const StoredRoles& stored, store::Member& write) {
    if (write.ops.empty()) return;
    for (const auto& [id, role] : stored) {
        if (write.compares.size() >= plan_compares_max) return;
        auto same = store::Compare::mod_revision_is(role.item->key, role.item->mod_revision);
        if (std::find(write.compares.begin(), write.compares.end(), same) == write.compares.end())
            write.compares.push_back(std::move(same));
    }
}

std::string version_after(Versions versions, const Judgement& judgement,
                          const StoredRoles& stored) {
    for (const RoleInstance& role : judgement.wanted.instances) {
        const auto before = stored.find(role.id);
        const bool stays = before != stored.end() && *find_instance(judgement.now, role.id) == role;
        const uint64_t version = before == stored.end() ? 0 : before->second.version;
        versions[role.id.text()] = stays ? version : version + 1;
    }
    return text_of(versions);
}

}  // namespace

Error error_of(const cluster::Finding& finding, std::string_view field) {
    ErrorCode code = ErrorCode::Conflict;
    if (finding.code == "unknown-server") code = ErrorCode::NotFound;
    if (finding.code == "foreign-interface" || finding.code == "rtp-range")
        code = ErrorCode::OutOfRange;
    return make_error(code, field, finding.text);
}

ports::EntityReply show_plan(const Catalog& catalog) {
    const Layout layout = layout_of(catalog);
    const std::string version = text_of(versions_of(catalog));
    JsonWriter out;
    out.begin_object().field("version").value(version);
    out.field("roles").raw(roles_json(layout));
    write_findings(layout, cluster::check(layout), out);
    write_losses(layout, out);
    return reply_of(out, version);
}

Result<ports::EntityReply> judge_plan(const WriteScope& scope,
                                      const ports::EntityRequest& request) {
    const Judgement judgement = TRY(judge(scope, request.body, layout_of(scope.catalog)));
    return reply_of(judgement, text_of(versions_of(scope.catalog)));
}

store::KeyRange plan_range() {
    constexpr Bits128 kLast{UINT64_MAX, UINT64_MAX};  // never minted
    return store::KeyRange::between(keys::role_instance({}), keys::role_instance({kLast}));
}

Result<EntityChange> prepare_plan(const WriteScope& scope, const ports::EntityRequest& request,
                                  std::span<const store::KeyValue> items) {
    Layout now = layout_of(scope.catalog);
    now.instances.clear();
    StoredRoles stored;
    const Versions around = versions_around(scope.catalog);
    Versions versions = around;
    for (const store::KeyValue& item : items) {
        auto role = model::decode_stored<RoleInstance>(item.value);
        if (!role) continue;  // as the catalog does: it runs nowhere, and stays as it is
        versions[role->value.id.text()] = role->head.version;
        stored[role->value.id] = {&item, role->head.version};
        now.instances.push_back(std::move(role->value));
    }
    std::ranges::sort(now.instances, {}, &RoleInstance::number);
    if (!request.if_match.empty() && request.if_match != text_of(versions))
        return make_error(ErrorCode::Conflict, "if_match",
                          "the layout has version " + text_of(versions) + " by now");
    const Judgement judgement = TRY(judge(scope, request.body, std::move(now)));
    TRY(refuse_errors(judgement));
    EntityChange change;
    change.write = TRY(write_of(scope, judgement, stored));
    compare_the_rest(stored, change.write);
    change.reply = reply_of(judgement, version_after(around, judgement, stored));
    return change;
}

}  // namespace tandem::roles::store_role
