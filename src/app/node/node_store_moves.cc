// How the store of a site is moved: what an operator asks of node 1, and what becomes of it.
#include <filesystem>

#include "app/config/etcd_members.h"
#include "app/node/node_store.h"
#include "app/node/store_members.h"
#include "base/json_text.h"
#include "base/net_address.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/system_rng.h"
#include "store/keys.h"

namespace tandem::app {
namespace {

constexpr size_t kEndpointsMax = 16;

std::string_view name_of(StorePlace::Kind kind) {
    return kind == StorePlace::Kind::Etcd ? "etcd" : "sqlite";
}

}  // namespace

void NodeStore::on_letter(Now now, ports::Letter letter) {
    ports::StoreState state;
    if (const auto* asked = get_if<ports::StoreMove>(&letter.payload)) {
        const auto begun = begin_move(now, *asked);
        if (!begun.has_value()) state.error = begun.error();
    } else if (!holds_alternative<ports::StoreStateQuery>(letter.payload)) {
        return;
    }
    if (!state.error) {
        state.json = state_json();
        state.place = to_text(place_);
    }
    service_.reply({letter.to, letter.from, letter.request, std::move(state)});
}

void NodeStore::name_tls_files(StorePlace& place) const {
    const std::string tls = bootstrap_.data + "/tls/";
    place.tls_ca = tls + "site_ca.crt";
    place.tls_certificate = tls + "link.crt";
    place.tls_key = tls + "link.key";
}

// Where to: an etcd that is named, or one of our own. TLS by the site's files, where they are.
Result<StorePlace> NodeStore::place_asked(const ports::StoreMove& asked) {
    StorePlace place;
    place.generation = place_.generation + 1;
    if (asked.kind == "sqlite") return place;
    if (asked.kind != "etcd") {
        return make_error(ErrorCode::OutOfRange, "kind", "kind must be one of: sqlite, etcd");
    }
    place.kind = StorePlace::Kind::Etcd;
    place.endpoints = asked.endpoints;
    if (place.endpoints.size() > kEndpointsMax) {
        return make_error(ErrorCode::OutOfRange, "endpoints", "there may be at most 16");
    }
    for (const std::string& endpoint : place.endpoints) {
        if (SocketAddress::parse(endpoint)) continue;
        return make_error(ErrorCode::OutOfRange, "endpoints",
                          "must hold addresses with ports, as 192.0.2.1:7379");
    }
    std::error_code error;
    const std::string tls = bootstrap_.data + "/tls/";
    if (std::filesystem::exists(tls + "site_ca.crt", error) &&
        std::filesystem::exists(tls + "link.key", error)) {
        name_tls_files(place);
    }
    return place;
}

Result<void> NodeStore::begin_move(Now now, const ports::StoreMove& asked) {
    if (node_ != kStoreNode)
        return make_error(ErrorCode::Forbidden, "store", "only node 1 moves the store");
    if (mover_) return make_error(ErrorCode::Conflict, "store", "a move is under way");
    if (asked.kind == name_of(place_.kind))
        return make_error(ErrorCode::Conflict, "kind", "the store is of this kind already");
    StorePlace target = TRY(place_asked(asked));
    if (target.kind == StorePlace::Kind::Etcd && target.endpoints.empty()) {
        const auto own = std::ranges::find(servers_, bootstrap_.name, &EtcdServerEntry::name);
        if (own == servers_.end())
            return make_error(ErrorCode::Unavailable, "store", "the layers are not read yet");
        target.cluster = "tandem-" + std::to_string(now.utc.unix_ms);
        target.founder = bootstrap_.name;
        const EtcdCluster cluster = cluster_of(target, {*own});  // others are added afterwards
        target.endpoints = cluster.endpoints();
        TRY(save_etcd_cluster(bootstrap_.data, cluster));  // the parent starts the member
    } else if (target.kind == StorePlace::Kind::Sqlite) {
        std::error_code ignored;  // of an earlier move that was cut off
        for (const char* ending : {"", "-wal", "-shm"})
            std::filesystem::remove(sqlite_path(target) + ending, ignored);
    }
    last_failure_.clear();
    runtime::SystemRng rng;
    mover_ = std::make_unique<StoreMover>(
        shard_.reactor(), target, rng.token(12),
        StoreMover::Hooks{
            [this](std::vector<store::Request> requests) {
                service_.ask(runtime::read_clocks(), std::move(requests));
            },
            [this] { service_.hold(); }, [this] { service_.release(runtime::read_clocks()); },
            [this] { on_moved(); }, [this](const Error& why) { on_move_failed(why); }});
    mover_->start([&](StoreBackend::Tell tell) { return open_backend(target, std::move(tell)); });
    say(ports::LogLine::Level::Info, "the store begins to move to " + asked.kind);
    return {};
}

// The former store is sealed with the place; when the file can't be written now, the next start
// finds the seal.
void NodeStore::on_moved() {
    auto mover = std::move(mover_);
    const StorePlace target = mover->target();
    auto store = mover->take_store(service_.tell());
    const auto saved = save_store_place(bootstrap_.data, target);
    if (!saved.has_value()) say(ports::LogLine::Level::Error, saved.error().message);
    switch_to(target, std::move(store));
    last_frozen_ms_ = std::chrono::duration<double, std::milli>(mover->move().frozen_for()).count();
    say(ports::LogLine::Level::Info,
        "the store has moved: " + std::to_string(mover->move().copied()) + " keys copied, " +
            std::to_string(mover->move().followed()) + " changes followed, writes frozen for " +
            std::to_string(static_cast<int>(last_frozen_ms_)) + " ms");
}

void NodeStore::on_move_failed(const Error& why) {
    service_.release(runtime::read_clocks());
    last_failure_ = why.message;
    const bool was_new = mover_->target().kind == StorePlace::Kind::Etcd;
    mover_.reset();
    say(ports::LogLine::Level::Error, "the store has not moved: " + why.message);
    if (was_new) (void)remove_etcd_cluster(bootstrap_.data);
}

// A store that was frozen by a mover that died is opened by the node that may move it; one that was
// sealed tells where the data are.
void NodeStore::on_closed(const std::string& text) {
    if (mover_) return;
    const auto closure = store::parse_closure(text);
    if (!closure || place_.kind != StorePlace::Kind::Etcd) return;
    if (closure->kind == store::Closure::Kind::Sealed) {
        const auto place = parse_store_place(closure->place, "the seal of the store");
        if (!place.has_value()) return say(ports::LogLine::Level::Error, place.error().message);
        if (place->generation <= place_.generation) return;
        if (node_ == kStoreNode) {
            const auto saved = save_store_place(bootstrap_.data, *place);
            if (!saved.has_value()) say(ports::LogLine::Level::Error, saved.error().message);
        }
        return switch_to(*place, nullptr);
    }
    if (node_ != kStoreNode) return;
    store::Txn txn;
    txn.compares = {store::Compare::value_is(std::string(store::keys::store_closed), text)};
    txn.then_ops = {store::Delete{std::string(store::keys::store_closed)}};
    service_.ask(runtime::read_clocks(), {{uint64_t{0xfffe} << 48, std::move(txn)}});
}

std::string NodeStore::state_json() const {
    JsonWriter json;
    json.begin_object().field("kind").value(name_of(place_.kind));
    json.field("generation").value(int64_t{place_.generation});
    json.field("endpoints").begin_list();
    for (const std::string& endpoint : place_.endpoints) json.value(endpoint);
    json.end_list();
    if (view_) {
        view_->write(json);
    } else {
        json.field("members").null();
        json.field("fault_tolerant").value(false);
    }
    json.field("move");
    if (!mover_) {
        json.null();
    } else {
        json.begin_object().field("to").value(name_of(mover_->target().kind));
        json.field("phase").value(mover_->phase());
        json.field("keys_copied").value(static_cast<int64_t>(mover_->move().copied()));
        json.field("changes_followed").value(static_cast<int64_t>(mover_->move().followed()));
        json.end_object();
    }
    json.field("last_failure");
    if (last_failure_.empty()) {
        json.null();
    } else {
        json.value(last_failure_);
    }
    json.field("last_freeze_ms");
    if (last_frozen_ms_ < 0) {
        json.null();
    } else {
        json.value(last_frozen_ms_);
    }
    return json.end_object().take();
}

}  // namespace tandem::app
