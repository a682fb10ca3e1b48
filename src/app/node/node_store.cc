#include "app/node/node_store.h"

#include <algorithm>

#include "app/config/durable_file.h"
#include "app/node/etcd_backend.h"
#include "app/node/first_start.h"
#include "app/node/sqlite_backend.h"
#include "runtime/reactor/clock.h"
#include "runtime/sqlite/sqlite_store.h"
#include "store/keys.h"

namespace tandem::app {
namespace {

// Longer than any request to a store.
constexpr auto kFormerStays = std::chrono::seconds(5);

std::string value_of(runtime::SqliteStore& store, std::string_view key) {
    store::RangeRequest request;
    request.range = store::KeyRange::one(std::string(key));
    store::Outbox out;
    store.apply(runtime::read_monotonic(), {1, std::move(request)}, out);
    const auto& body = out.replies.at(0).body;
    const auto* range = body.has_value() ? std::get_if<store::RangeReply>(&*body) : nullptr;
    return range == nullptr || range->items.empty() ? std::string() : range->items.front().value;
}

std::string place_file(const std::string& data) {
    return data + "/store.toml";
}

}  // namespace

NodeStore::NodeStore(const Bootstrap& bootstrap, uint16_t node, StoreService::Reply reply)
    : bootstrap_(bootstrap),
      node_(node),
      history_shard_("history"),
      history_(bootstrap.data + "/history.db", reply),
      shard_("store"),
      service_(std::move(reply),
               {[this](Now now, ports::Letter letter) { on_letter(now, std::move(letter)); },
                [this](const store::Reply& reply_of_move) {
                    if (mover_) mover_->on_source_reply(reply_of_move);
                },
                [this](const store::WatchBatch& batch) {
                    if (mover_) mover_->on_source_watch(batch);
                }}),
      moves_by_itself_(shard_.reactor()) {}

NodeStore::~NodeStore() = default;

std::string NodeStore::sqlite_path(const StorePlace& place) const {
    const std::string number = place.generation == 1 ? "" : "-" + std::to_string(place.generation);
    return bootstrap_.data + "/store" + number + ".db";
}

void NodeStore::take_place(const StorePlace& place) {
    place_ = place;
    kind_.store(place.kind);
}

void NodeStore::view_members() {
    view_.reset();
    if (place_.kind != StorePlace::Kind::Etcd) return;
    view_ = std::make_unique<EtcdView>(shard_.reactor(), place_);
}

Result<void> NodeStore::open(Rng& rng) {
    stamp_ = file_stamp(place_file(bootstrap_.data));
    take_place(TRY(load_store_place(bootstrap_.data)));
    generation_ = place_.generation;
    if (place_.kind == StorePlace::Kind::Sqlite && node_ == kStoreNode) TRY(open_sqlite(rng));
    if (place_.kind == StorePlace::Kind::Sqlite) return {};
    service_.use(TRY(open_backend(place_, service_.tell())));
    if (node_ == kStoreNode) service_.set_first_write(first_write_of(bootstrap_, rng));
    return {};
}

Result<void> NodeStore::open_sqlite(Rng& rng) {
    auto store = TRY(runtime::SqliteStore::open(sqlite_path(place_), runtime::read_monotonic(),
                                                place_.generation));
    TRY(history_.open());
    TRY(settle_closure(*store));
    if (place_.kind != StorePlace::Kind::Sqlite) return {};
    TRY(make_first_start(bootstrap_, *store, rng));
    service_.use(std::make_unique<SqliteBackend>(std::move(store), service_.tell()));
    return {};
}

// What a move that was cut off has left: a sealed store has been moved, whatever the file says; one
// that is frozen has not.
Result<void> NodeStore::settle_closure(runtime::SqliteStore& store) {
    const auto closure = store::parse_closure(value_of(store, store::keys::store_closed));
    if (!closure) return {};
    if (closure->kind == store::Closure::Kind::Sealed) {
        take_place(TRY(parse_store_place(closure->place, "the seal of " + sqlite_path(place_))));
        return save_store_place(bootstrap_.data, place_);
    }
    store::Outbox out;
    store.apply(runtime::read_monotonic(),
                {1, store::Txn{{}, {store::Delete{std::string(store::keys::store_closed)}}, {}}},
                out);
    const auto& body = out.replies.at(0).body;
    return body.has_value() ? Result<void>() : body.error();
}

Result<std::unique_ptr<StoreBackend>> NodeStore::open_backend(const StorePlace& place,
                                                              StoreBackend::Tell tell) {
    if (place.kind == StorePlace::Kind::Etcd) {
        return TRY(EtcdBackend::open(shard_.reactor(), place, std::move(tell),
                                     // The teller is on its way: what replaces it comes afterwards.
                                     [this](const std::string& closure) {
                                         shard_.reactor().post(
                                             [this, closure] { on_closed(closure); });
                                     }));
    }
    auto store = TRY(runtime::SqliteStore::open(sqlite_path(place), runtime::read_monotonic(),
                                                place.generation));
    return std::make_unique<SqliteBackend>(std::move(store), std::move(tell));
}

void NodeStore::start() {
    history_shard_.start(history_);
    shard_.start(service_);
    shard_.reactor().post([this] { view_members(); });
}

void NodeStore::stop() {
    for (runtime::Shard* each : {&shard_, &history_shard_}) {
        each->stop();
        each->join();
    }
}

uint16_t NodeStore::node_of_keys() const {
    return kind_.load() == StorePlace::Kind::Etcd ? node_ : kStoreNode;
}

uint16_t NodeStore::node_of_state(const ports::Directory& directory) const {
    const bool has_first = std::ranges::any_of(directory.entries(), [](const auto& entry) {
        return entry.node == kStoreNode && entry.reachable;
    });
    return has_first ? kStoreNode : node_of_keys();
}

// --- Of nodes that ask another one's store.

void NodeStore::note_remote(const ports::Letter& letter) {
    const auto* request = get_if<store::Request>(&letter.payload);
    if (request == nullptr) return;
    if (const auto* create = std::get_if<store::WatchCreate>(&request->body))
        remote_watches_.emplace(letter.from, create->watch);
    if (const auto* cancel = std::get_if<store::WatchCancel>(&request->body))
        remote_watches_.erase({letter.from, cancel->watch});
}

// Node 1 has written the file and goes on to answer those who have not read it yet.
std::vector<ports::Letter> NodeStore::follow_place() {
    if (node_ == kStoreNode) return {};
    std::string stamp = file_stamp(place_file(bootstrap_.data));
    if (stamp == stamp_) return {};
    stamp_ = std::move(stamp);
    const auto place = load_store_place(bootstrap_.data);
    if (!place.has_value()) {
        ports::LogLine line{ports::LogLine::Level::Error, place.error().message, {}, {}};
        return {{ports::kKeyValue, ports::kJournal, 0, std::move(line)}};
    }
    shard_.reactor().post([this, place = *place] { switch_to(place, nullptr); });
    kind_.store(place->kind);
    std::vector<ports::Letter> letters;
    if (std::exchange(generation_, place->generation) == place->generation) return letters;
    for (const auto& [instance, watch] : std::exchange(remote_watches_, {})) {
        store::WatchBatch batch{
            watch, store::WatchBatch::Kind::Compacted, {place->generation, 1}, {}};
        letters.push_back({ports::kKeyValue, instance, 0, std::move(batch)});
    }
    return letters;
}

void NodeStore::take_state(const ports::StoreState& state) {
    auto place = parse_store_place(state.place, "the store of node 1");
    const auto known = load_store_place(bootstrap_.data);
    if (!place.has_value() || !known.has_value()) return;
    // The files of the site's certificates have the same names everywhere.
    if (!place->tls_ca.empty()) name_tls_files(*place);
    if (place->generation > known->generation) (void)save_store_place(bootstrap_.data, *place);
}

// --- Moving. On the store's thread.

void NodeStore::say(ports::LogLine::Level level, std::string text) {
    ports::LogLine line{level, std::move(text), {}, {}};
    service_.reply({ports::kKeyValue, ports::kJournal, 0, std::move(line)});
}

// `backend` nullptr: it is opened here.
void NodeStore::switch_to(const StorePlace& place, std::unique_ptr<StoreBackend> backend) {
    if (place == place_) return;
    const bool is_same_data = place.generation == place_.generation;
    take_place(place);
    view_members();
    if (is_same_data && service_.backend() != nullptr) {
        const auto followed = service_.backend()->follow(place);
        if (!followed.has_value()) say(ports::LogLine::Level::Error, followed.error().message);
        return;
    }
    const bool is_here = place.kind == StorePlace::Kind::Etcd || node_ == kStoreNode;
    if (is_here && !backend) {
        auto opened = open_backend(place, service_.tell());
        if (!opened.has_value()) {
            say(ports::LogLine::Level::Error,
                "the store cannot be used: " + opened.error().message);
            return;
        }
        backend = std::move(*opened);
    }
    auto former =
        service_.replace(runtime::read_clocks(), std::move(backend), {place.generation, 1});
    former_ = std::move(former);  // answers that are under way are still given
    former_timer_ = std::make_unique<runtime::Timer>(shard_.reactor());
    former_timer_->arm(kFormerStays, [this] { former_.reset(); });
    say(ports::LogLine::Level::Info,
        std::string("the store is ") + (place.kind == StorePlace::Kind::Etcd ? "etcd" : "SQLite") +
            " now, generation " + std::to_string(place.generation));
    keep_members();
}

}  // namespace tandem::app
