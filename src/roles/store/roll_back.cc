#include "roles/store/roll_back.h"

#include <boost/json.hpp>
#include <charconv>
#include <map>
#include <set>

#include "base/json_text.h"
#include "model/codec.h"
#include "roles/store/audit.h"
#include "roles/store/difference.h"
#include "roles/store/entity_ops.h"
#include "roles/store/entity_reader.h"
#include "roles/store/entity_rules.h"
#include "roles/store/limits.h"

namespace tandem::roles::store_role {
namespace {

namespace json = boost::json;
using ports::EntityRequest;
using store::Catalog;

// What the log says of one entity.
struct Past {
    int64_t at = 0;
    std::string record;  // its id; the earliest wins
    std::string kind;
    std::string entity;
    std::string name;
    std::string value;  // as it was, with its sealed secrets; empty: it was not there
};
using PastEntities = std::map<std::string, Past>;  // by kind and id

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* member = object.if_contains(name);
    return member != nullptr && member->is_string() ? std::string(member->get_string())
                                                    : std::string();
}

void note(const json::object& record, PastEntities& all) {
    Past past;
    past.kind = text_of(record, "kind");
    past.entity = text_of(record, "entity");
    if (past.entity.empty() || past.kind == "licence") return;
    past.record = text_of(record, "id");
    past.name = text_of(record, "name");
    const json::value* at = record.if_contains("at_utc_ms");
    if (at != nullptr && at->is_int64()) past.at = at->get_int64();
    for (const std::string_view member : {"kept", "before"}) {
        const json::value* value = record.if_contains(member);
        if (value == nullptr) continue;
        past.value = json::serialize(*value);
        break;
    }
    Past& known = all[past.kind + "/" + past.entity];
    const bool is_earlier = std::pair(past.at, past.record) < std::pair(known.at, known.record);
    if (known.record.empty() || is_earlier) known = std::move(past);
}

// A time, or a change: then what was right after it.
struct Point {
    int64_t ms = 0;
    std::string change;  // its id; empty: a time
};
Point point_of(std::string_view text) {
    Point point;
    const size_t slash = std::min(text.find('/'), text.size());
    std::from_chars(text.data(), text.data() + slash, point.ms);
    if (slash < text.size()) point.change = text.substr(slash + 1);
    return point;
}

// What changes made at one moment is one change, as far as anybody can tell.
Result<PastEntities> past_of(const std::vector<std::string>& records, const Point& since) {
    PastEntities all;
    bool is_known = since.change.empty();
    for (const std::string& each : records) {
        boost::system::error_code error;
        const json::value parsed = json::parse(each, error);
        if (error || !parsed.is_object()) continue;
        const json::object& record = parsed.get_object();
        is_known = is_known || text_of(record, "id") == since.change;
        const json::value* at = record.if_contains("at_utc_ms");
        if (at != nullptr && at->is_int64() && at->get_int64() > since.ms) note(record, all);
    }
    if (!is_known)
        return make_error(ErrorCode::NotFound, "change",
                          "there is no such change in the log of the domain");
    return all;
}

// An entity as the catalog has it.
template <typename T>
struct Present {
    T value;
    uint64_t version = 0;
    store::Revision revision;
};
template <typename T>
std::optional<Present<T>> present(const store::Entity<T>* entity) {
    if (entity == nullptr) return std::nullopt;
    return Present<T>{static_cast<const T&>(*entity), entity->version, entity->revision};
}
template <typename T>
std::optional<Present<T>> present_in(const Catalog& catalog, DomainId domain,
                                     std::string_view text) {
    if constexpr (std::is_same_v<T, model::Account>) {
        const auto id = AccountId::parse(text);
        const auto* record = id ? catalog.find_account(domain, *id) : nullptr;
        if (record == nullptr) return std::nullopt;
        return Present<T>{record->expand(domain), record->version, record->revision};
    } else if constexpr (std::is_same_v<T, model::User>) {
        const auto id = UserId::parse(text);
        return id ? present(catalog.find_user(domain, *id)) : std::nullopt;
    } else if constexpr (std::is_same_v<T, model::Domain>) {
        const bool is_own = domain.text() == text;
        return is_own ? present(catalog.find_domain(domain)) : std::nullopt;
    } else {
        const auto id = store::IdOf<T>::parse(text);
        return id ? present(catalog.find<T>(domain, *id)) : std::nullopt;
    }
}
template <typename T>
constexpr bool is_restored = store::IsDomainKind<T> || std::is_same_v<T, model::Account> ||
                             std::is_same_v<T, model::User> || std::is_same_v<T, model::Domain>;

// The write in the making.
struct Draft {
    const WriteScope& scope;
    const EntityRequest& request;
    DomainId domain;
    store::CatalogFeed afterwards;  // the catalog as it would be
    store::Member write;
    std::set<std::string> index_gone;
    std::map<std::string, std::string> index_new;  // with the id
    std::set<std::string> made;                    // keys of entities
    std::vector<store::Compare> references;
    std::map<store::Quantity, int64_t> taken;
    JsonWriter items;
    size_t count = 0;

    template <typename T>
    void tell(const Past& past, const Transition<T>& change) {
        const auto json_of = [](const T* value) {
            return value == nullptr ? std::string() : model::encode(*value, model::Audience::Api);
        };
        items.begin_object().field("kind").value(past.kind);
        items.field("entity").value(past.entity).field("name").value(past.name);
        items.field("action").value(change.before == nullptr  ? "create"
                                    : change.after == nullptr ? "remove"
                                                              : "change");
        items.field("changes").raw(changes_json(json_of(change.before), json_of(change.after)));
        items.end_object();
        ++count;
    }
    template <typename T>
    void put(const T& value, uint64_t version) {
        put_value(value, {scope.now, scope.writer}, version, {}, write);
        const auto& put = std::get<store::Put>(write.ops.back());
        afterwards.load({put.key, put.value, {}, {}, 0});
        made.insert(put.key);
        store::Member needed;
        add_references(value, needed);
        for (auto& each : needed.compares) references.push_back(std::move(each));
    }
    void remove(const std::string& key) {
        write.ops.emplace_back(store::Delete{key});
        store::WatchBatch gone;
        gone.events.push_back({store::WatchEvent::Kind::Delete, {key, {}, {}, {}, 0}});
        afterwards.on_watch(gone);
    }
    template <typename T>
    void change_names(const Transition<T>& change) {
        if (change.before != nullptr)
            for (std::string& key : Kind<T>::indexes(*change.before)) index_gone.insert(key);
        if (change.after != nullptr)
            for (std::string& key : Kind<T>::indexes(*change.after))
                index_new.emplace(key, id_text(*change.after));
    }
    template <typename T>
    void claim() {
        if constexpr (std::is_same_v<T, model::Account>) ++taken[store::Quantity::Accounts];
        if constexpr (std::is_same_v<T, model::User>) ++taken[store::Quantity::Users];
        if constexpr (std::is_same_v<T, model::Trunk>) ++taken[store::Quantity::Trunks];
    }
    template <typename T>
    Result<void> add(const Past& past);
    template <typename T>
    Result<void> check(const Past& past, const Catalog& catalog);
    void finish_names();
};

template <typename T>
Result<void> Draft::add(const Past& past) {
    const auto now = present_in<T>(scope.catalog, domain, past.entity);
    std::optional<T> then;
    if (!past.value.empty()) then = TRY(model::decode<T>(past.value, model::Source::Store));
    // It goes with its account, which is settled by now, as kinds come in the order of their names.
    if constexpr (std::is_same_v<T, model::AccountService> || std::is_same_v<T, model::QueueAgent>)
        if (then && !present_in<model::Account>(afterwards.snapshot(), domain, past.entity))
            then.reset();
    if constexpr (std::is_same_v<T, model::Domain>)
        if (!now || !then) return {};  // that there is a domain is no part of its configuration
    // Sessions that were ended stay so.
    if constexpr (std::is_same_v<T, model::User>)
        if (now && then) then->sign_ins_from = now->value.sign_ins_from;
    const bool is_same = now && then ? now->value == *then : !now && !then;
    if (is_same) return {};
    if constexpr (std::is_same_v<T, model::User>)
        if (then) ++then->sign_ins_from;
    const Transition<T> change{now ? &now->value : nullptr, then ? &*then : nullptr};
    TRY(check_actor(scope.catalog, request, change));
    tell(past, change);
    const std::string key = Kind<T>::key(then ? *then : now->value);
    write.compares.push_back(now ? store::Compare::mod_revision_is(key, now->revision)
                                 : store::Compare::absent(key));
    change_names(change);
    if (then) {
        put(*then, now ? now->version + 1 : 1);
        if (!now) claim<T>();
    } else {
        remove(key);
        if constexpr (std::is_same_v<T, model::Account>)
            write.ops.emplace_back(store::DeleteRange{
                store::KeyRange::prefix(keys::bindings_of(domain, now->value.id))});
    }
    write.ops.emplace_back(audit_put(change, request.actor, scope.now, scope.rng));
    return {};
}

template <typename T>
Result<void> Draft::check(const Past& past, const Catalog& catalog) {
    const auto after = present_in<T>(catalog, domain, past.entity);
    Result<void> outcome;
    if (after) {
        outcome = check_rules(catalog, after->value, Fresh::No);
    } else if (const auto before = present_in<T>(scope.catalog, domain, past.entity)) {
        outcome = check_unused(catalog, before->value);
    }
    if (outcome) return {};
    Error error = outcome.error();
    error.code = ErrorCode::Conflict;
    error.message = past.kind + " " + (past.name.empty() ? past.entity : past.name) + ": " +
                    (error.field.empty() ? "" : error.field + " ") + error.message;
    error.field = "at";
    return error;
}

// A name may go from one to another within the write: it is put once.
void Draft::finish_names() {
    for (const std::string& key : index_gone) {
        if (!index_new.contains(key)) write.ops.emplace_back(store::Delete{key});
    }
    for (const auto& [key, id] : index_new) {
        if (!index_gone.contains(key)) write.compares.push_back(store::Compare::absent(key));
        write.ops.emplace_back(store::Put{key, id, 0});
    }
    for (const store::Compare& each : references) {
        const bool is_made = made.contains(each.key);
        const bool is_there = std::ranges::find(write.compares, each) != write.compares.end();
        if (!is_made && !is_there) write.compares.push_back(each);
    }
}

Result<Claims> claims_of(const Draft& draft) {
    Claims claims;
    const LicenceScope licences{draft.scope.catalog, draft.scope.licences};
    for (const auto& [quantity, amount] : draft.taken)
        TRY(claim_some(licences, draft.domain, {quantity, amount}, claims));
    return claims;
}

std::string reply_of(const Draft& draft, std::string_view items) {
    JsonWriter out;
    out.begin_object().field("at_utc_ms").value(roll_back_time(draft.request));
    const bool is_dry = draft.request.dry_run || draft.request.verb == ports::EntityVerb::Read;
    out.field("dry_run").value(is_dry).field("items").raw(items);
    return out.end_object().take();
}

}  // namespace

std::string take_records(std::string_view page, std::vector<std::string>& records) {
    boost::system::error_code error;
    const json::value parsed = json::parse(json::string_view(page.data(), page.size()), error);
    if (error || !parsed.is_object()) return {};
    const json::object& object = parsed.get_object();
    const json::value* items = object.if_contains("items");
    if (items == nullptr || !items->is_array()) return {};
    for (const json::value& each : items->get_array()) records.push_back(json::serialize(each));
    return text_of(object, "next");
}

int64_t roll_back_time(const EntityRequest& request) {
    return point_of(request.id).ms;
}

namespace {

struct Comparing {
    const WriteScope& scope;
    const EntityRequest& request;
    DomainId domain;
};

// What of one entity is another at the later point, forwards in time.
template <typename T>
Result<void> compare(const Comparing& with, const Past& then, const Past* later, Draft& draft) {
    std::optional<T> before;
    std::optional<T> after;
    if (!then.value.empty()) before = TRY(model::decode<T>(then.value, model::Source::Store));
    if (later == nullptr) {
        const auto now = present_in<T>(with.scope.catalog, with.domain, then.entity);
        if (now) after = now->value;
    } else if (!later->value.empty()) {
        after = TRY(model::decode<T>(later->value, model::Source::Store));
    }
    if (before == after) return {};
    draft.tell(then, Transition<T>{before ? &*before : nullptr, after ? &*after : nullptr});
    return {};
}

Result<EntityChange> compare_past(const Comparing& with, const PastEntities& from,
                                  const std::vector<std::string>& records) {
    const PastEntities to = TRY(past_of(records, point_of(with.request.after)));
    Draft draft{with.scope, with.request, with.domain, store::CatalogFeed(with.scope.catalog)};
    draft.items.begin_list();
    for (const auto& [key, each] : from) {
        const auto later = to.find(key);
        Result<void> outcome;
        with_kind(each.kind, [&]<typename T>() {
            if constexpr (is_restored<T>)
                outcome =
                    compare<T>(with, each, later == to.end() ? nullptr : &later->second, draft);
        });
        TRY(std::move(outcome));
    }
    EntityChange change;
    change.reply.json = reply_of(draft, draft.items.end_list().take());
    return change;
}

}  // namespace

Result<EntityChange> prepare_roll_back(const WriteScope& scope, const EntityRequest& request,
                                       const std::vector<std::string>& records) {
    const DomainId domain = TRY(resolve_domain(scope.catalog, request.domain));
    const PastEntities past = TRY(past_of(records, point_of(request.id)));
    if (!request.after.empty()) return compare_past({scope, request, domain}, past, records);
    Draft draft{scope, request, domain, store::CatalogFeed(scope.catalog)};
    draft.items.begin_list();
    const auto for_each = [&](auto act) -> Result<void> {
        for (const auto& [key, each] : past) {
            Result<void> outcome;
            with_kind(each.kind, [&]<typename T>() {
                if constexpr (is_restored<T>) outcome = act.template operator()<T>(each);
            });
            TRY(std::move(outcome));
        }
        return {};
    };
    TRY(for_each([&]<typename T>(const Past& each) { return draft.add<T>(each); }));
    EntityChange change;
    change.reply.json = reply_of(draft, draft.items.end_list().take());
    if (draft.count == 0) return change;
    const Catalog afterwards = draft.afterwards.snapshot();
    TRY(for_each([&]<typename T>(const Past& each) { return draft.check<T>(each, afterwards); }));
    draft.finish_names();
    change.claims = TRY(claims_of(draft));
    AuditRecord record{scope.now, domain, request.actor};
    record.action = "roll-back";
    record.kind = configuration_kind;
    record.after = change.reply.json;
    draft.write.ops.emplace_back(audit_put(record, scope.rng));
    if (draft.write.ops.size() > store::txn_ops_max ||
        draft.write.compares.size() > plan_compares_max)
        return make_error(ErrorCode::TooLarge, "at",
                          std::to_string(draft.count) +
                              " entities differ, more than can be rolled back at once: choose a "
                              "later time, then an earlier one");
    change.write = std::move(draft.write);
    return change;
}

}  // namespace tandem::roles::store_role
