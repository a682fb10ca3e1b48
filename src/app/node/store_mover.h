// Moves the data of the site from the store that a node serves to another one (store/move.h): waits
// until that one answers, carries the move's requests, and hands the new store over when the former
// is sealed. On the store's thread of node 1.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/config/store_place.h"
#include "app/node/store_backend.h"
#include "runtime/reactor/reactor.h"
#include "store/move.h"

namespace tandem::app {

class StoreMover {
 public:
    struct Hooks {
        std::function<void(std::vector<store::Request>)> ask_source;
        std::function<void()> hold;
        std::function<void()> release;
        // Not called from within the mover's own functions: it may be destroyed by it.
        std::function<void()> moved;
        std::function<void(const Error&)> failed;
    };
    // Makes the store at `target`; the teller is the mover's until it has moved.
    using Open = std::function<Result<std::unique_ptr<StoreBackend>>(StoreBackend::Tell)>;

    StoreMover(runtime::Reactor& reactor, StorePlace target, std::string id, Hooks hooks);
    ~StoreMover();

    void start(const Open& open);
    void on_source_reply(const store::Reply& reply);
    void on_source_watch(const store::WatchBatch& batch);

    const StorePlace& target() const { return target_; }
    // After moved(): the store, whose words go to `tell` from now on.
    std::unique_ptr<StoreBackend> take_store(StoreBackend::Tell tell);
    // For people: what goes on, and figures of it.
    std::string phase() const;
    const store::Move& move() const { return move_; }

 private:
    struct Told;  // where the target's words go

    void probe();
    void on_target(store::Outbox out);
    template <typename Call>
    void carry(Call call);
    void arm();
    void end(std::function<void()> how);

    runtime::Reactor& reactor_;
    StorePlace target_;
    Hooks hooks_;
    store::Move move_;
    std::shared_ptr<StoreBackend::Tell> told_;
    std::unique_ptr<StoreBackend> store_;
    runtime::Timer timer_;        // of the move
    runtime::Timer store_timer_;  // of the target
    bool begun_ = false;
    bool over_ = false;
    int probes_ = 0;
};

}  // namespace tandem::app
