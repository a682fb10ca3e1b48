// The store as a node has it: a thread with the service of its letters, over whatever is in force.
// Where the store is SQLite, node 1 has it and the others ask it over links; where it is etcd,
// every node asks the cluster itself. The history of calls is a file of its own, which the
// nodes of a server share; a thread beside has it.
//
// <data>/store.toml says which it is. Node 1 moves the data when it is told to (StoreMove), and
// writes the file; the other nodes of the server follow the file.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/config/bootstrap.h"
#include "app/config/etcd_members.h"
#include "app/config/store_place.h"
#include "app/node/etcd_view.h"
#include "app/node/history_service.h"
#include "app/node/store_mover.h"
#include "app/node/store_service.h"
#include "base/result.h"
#include "base/rng.h"
#include "ports/address.h"
#include "runtime/reactor/shard.h"

namespace tandem::runtime {
class SqliteStore;
}

namespace tandem::store {
class Catalog;
}

namespace tandem::app {

inline constexpr uint16_t kStoreNode = 1;  // owns SQLite and serves the other nodes over links

class NodeStore {
 public:
    // `reply` is called on the threads of the store and of the history: answers, and lines for the
    // journal.
    NodeStore(const Bootstrap& bootstrap, uint16_t node, StoreService::Reply reply);
    ~NodeStore();

    // The error is one line for the operator.
    Result<void> open(Rng& rng);
    void start();
    void stop();

    // --- On shard 0. The node whose store answers letters to kKeyValue.
    uint16_t node_of_keys() const;
    // In a file of this node: nobody else has it.
    bool is_kept_here() const {
        return kind_.load() == StorePlace::Kind::Sqlite && node_of_keys() == node_;
    }
    // Who is asked where the store is: node 1 moves it, and knows how that goes.
    uint16_t node_of_state(const ports::Directory& directory) const;
    // False: the store is overloaded, and the letter is untouched.
    bool send(ports::Letter&& letter) {
        const bool is_past = letter.to == ports::kHistory;
        return (is_past ? history_shard_ : shard_).send(std::move(letter));
    }
    // What leaves for another node's store, so that its watches can be told to begin anew.
    void note_remote(const ports::Letter& letter);
    // Looks at the file, now and then. Answers what is to be told to instances of this node because
    // the store is another one.
    std::vector<ports::Letter> follow_place();
    // Which servers there are: those of an etcd of our own may have members. The home node of a
    // server writes the files.
    void follow_servers(const store::Catalog& catalog, bool is_home);
    // What node 1 says: for the file of this server, which may be another one.
    void take_state(const ports::StoreState& state);

 private:
    void take_place(const StorePlace& place);
    void view_members();
    void on_servers(std::vector<EtcdServerEntry> servers, bool is_home);
    void keep_members();
    void move_by_itself();
    void name_tls_files(StorePlace& place) const;
    Result<void> open_sqlite(Rng& rng);
    Result<void> settle_closure(runtime::SqliteStore& store);
    Result<std::unique_ptr<StoreBackend>> open_backend(const StorePlace& place,
                                                       StoreBackend::Tell tell);
    std::string sqlite_path(const StorePlace& place) const;

    void on_letter(Now now, ports::Letter letter);
    Result<StorePlace> place_asked(const ports::StoreMove& asked);
    Result<void> begin_move(Now now, const ports::StoreMove& asked);
    void on_moved();
    void on_move_failed(const Error& why);
    void on_closed(const std::string& closure);
    void switch_to(const StorePlace& place, std::unique_ptr<StoreBackend> backend);
    void say(ports::LogLine::Level level, std::string text);
    std::string state_json() const;

    const Bootstrap& bootstrap_;
    uint16_t node_;
    std::atomic<StorePlace::Kind> kind_{StorePlace::Kind::Sqlite};

    // Of shard 0.
    std::string stamp_;  // of the file as it was last looked at
    uint32_t generation_ = 1;
    std::optional<store::Revision> followed_;  // of the layers
    std::vector<EtcdServerEntry> told_servers_;
    std::set<std::pair<ports::Instance, store::WatchId>> remote_watches_;

    // Of the history's thread.
    runtime::Shard history_shard_;  // outlives what runs on it
    HistoryService history_;

    // Of the store's thread.
    runtime::Shard shard_;  // outlives what runs on it
    StorePlace place_;
    StoreService service_;
    std::unique_ptr<EtcdView> view_;        // none: the store is SQLite
    std::vector<EtcdServerEntry> servers_;  // empty: the layers have not been read
    bool is_home_ = false;
    runtime::Timer moves_by_itself_;
    std::unique_ptr<StoreMover> mover_;
    std::unique_ptr<StoreBackend> former_;  // it may owe answers
    std::unique_ptr<runtime::Timer> former_timer_;
    std::string last_failure_;  // of a move
    double last_frozen_ms_ = -1;
};

}  // namespace tandem::app
