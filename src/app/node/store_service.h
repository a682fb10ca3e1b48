// The key-value store of a node (kKeyValue), on a thread of its own. Node 1 of a site whose store
// is SQLite serves all nodes; where it is etcd, every node serves itself. The store behind it may
// be replaced while it serves (store_mover.h).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "app/node/store_backend.h"
#include "ports/letter.h"
#include "ports/store_askers.h"
#include "runtime/reactor/shard.h"

namespace tandem::app {

class StoreService final : public runtime::Driver {
 public:
    // Answers go to `reply`, called on the store's thread.
    using Reply = std::function<void(ports::Letter)>;
    using Backend = std::unique_ptr<StoreBackend>;
    // Letters that are about the store itself, and what the store says to its mover.
    struct Moves {
        std::function<void(Now, ports::Letter)> on_letter;
        std::function<void(store::Reply)> on_reply;
        std::function<void(store::WatchBatch)> on_watch;
    };

    StoreService(Reply reply, Moves moves);
    ~StoreService() override;

    // Before the thread starts: where the requests go, which tells what it has with tell().
    void use(Backend backend) { backend_ = std::move(backend); }
    StoreBackend::Tell tell() {
        return [this](store::Outbox out) { on_told(std::move(out)); };
    }
    StoreBackend* backend() { return backend_.get(); }  // nullptr: none is here
    // Applied before anything else, again and again until the store has answered.
    void set_first_write(store::Txn txn) { first_write_ = std::move(txn); }

    // On the store's thread. What a mover asks of the store that is in force.
    void ask(Now now, std::vector<store::Request> requests);
    void reply(ports::Letter letter) { reply_(std::move(letter)); }
    // Writes wait here until release() or replace().
    void hold() { holding_ = true; }
    void release(Now now);
    // All that comes from now on, and what waits, goes to `backend`; watches are told to read
    // again. Answers the former one, which may still owe answers.
    Backend replace(Now now, Backend backend, store::Revision revision);

    void on_letters(Now now, std::vector<ports::Letter>&& letters) override;
    void on_timeout(Now now) override;
    std::optional<Instant> next_deadline() const override;

 private:
    void on_told(store::Outbox out);
    void begin_first_write(Now now);
    void give(Now now, std::vector<store::Request> requests);
    void refuse(const store::Request& request, std::string_view words);

    Reply reply_;
    Moves moves_;
    ports::StoreAskers askers_;
    Backend backend_;
    bool holding_ = false;
    std::vector<store::Request> held_;
    std::optional<store::Txn> first_write_;
    Instant first_write_at_;  // the next try
};

}  // namespace tandem::app
