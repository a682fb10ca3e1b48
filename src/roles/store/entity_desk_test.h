// For tests: the store role's work by hand, without letters.
#pragma once

#include <optional>
#include <string>

#include "base/check.h"
#include "base/rng.h"
#include "roles/store/entity_reader.h"
#include "roles/store/entity_writer.h"
#include "roles/store/first_start.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::roles::store_role {

using ports::EntityReply;
using ports::EntityRequest;
using ports::EntityVerb;
using store::KeyRange;
using store::KeyValue;

// ST by hand: a store, a catalog that follows it, and writes that go straight in.
struct EntityDesk {
    EntityDesk() {
        watch("/i/", 1);
        watch("/l/", 2);
        watch("/d/", 3);
        CHECK(commit(first_start({}, now, rng)));
    }
    store::Outbox ask(store::RequestBody body) {
        store::Outbox out;
        backend.apply({}, {++last_request, std::move(body)}, out);
        for (const auto& batch : out.watches) feed.on_watch(batch);
        return out;
    }
    void watch(const char* prefix, store::WatchId id) {
        ask(store::WatchCreate{id, KeyRange::prefix(prefix), {}});
    }
    bool commit(const store::Member& member) {
        const auto out = ask(store::Txn{member.compares, member.ops, {}});
        CHECK(out.replies[0].body);
        return std::get<store::TxnReply>(*out.replies[0].body).succeeded;
    }
    std::optional<KeyValue> stored(const std::string& key) {
        const auto out = ask(store::RangeRequest{KeyRange::one(key)});
        const auto& range = std::get<store::RangeReply>(*out.replies[0].body);
        return range.items.empty() ? std::nullopt : std::optional<KeyValue>(range.items[0]);
    }
    Result<EntityChange> prepare(const EntityRequest& request) {
        const store::Catalog catalog = feed.snapshot();
        std::optional<KeyValue> before;
        if (request.verb != EntityVerb::Create) before = stored(TRY(locate(catalog, request)));
        const WriteScope scope{catalog, now, rng, "st-1", key, licences};
        return prepare_write(scope, request, before ? &*before : nullptr);
    }
    // "ok" or "code field"
    std::string run(EntityRequest request) {
        const auto change = prepare(request);
        if (!change)
            return std::string(to_string(change.error().code)) + " " + change.error().field;
        last = change->reply;
        last_id = change->id;
        return commit(change->write) ? "ok" : "lost";
    }
    std::string create(std::string kind, std::string domain, std::string body) {
        return run(request(EntityVerb::Create, kind, domain, "", body));
    }
    std::string patch(std::string kind, std::string domain, std::string id, std::string body,
                      std::string if_match = "") {
        auto asked = request(EntityVerb::Patch, kind, domain, id, body);
        asked.if_match = if_match;
        return run(asked);
    }
    std::string remove(std::string kind, std::string domain, std::string id) {
        return run(request(EntityVerb::Remove, kind, domain, id, ""));
    }
    static EntityRequest request(EntityVerb verb, std::string kind, std::string domain,
                                 std::string id, std::string body) {
        EntityRequest request;
        request.verb = verb;
        request.kind = kind;
        request.domain = domain;
        request.id = id;
        request.body = body;
        return request;
    }
    std::string read(std::string kind, std::string domain, std::string id) {
        const auto reply =
            read_entity(feed.snapshot(), request(EntityVerb::Read, kind, domain, id, ""));
        return reply ? reply->json : std::string(to_string(reply.error().code));
    }
    std::string server_id() {
        std::string id;
        feed.snapshot().visit_servers([&](const model::Server& server) {
            id = server.id.text();
            return true;
        });
        return id;
    }

    UtcTime now{1'700'000'000'000};
    SeededRng rng{5};
    SealKey key{};
    LicenceBook licences;
    store::MemoryStore backend;
    store::CatalogFeed feed;
    store::RequestId last_request = 0;
    EntityReply last;
    std::string last_id;
};

}  // namespace tandem::roles::store_role
