// Where the key-value requests of a node end: SQLite in this process, or the members of an etcd
// cluster. Lives on the node's store thread.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "app/config/store_place.h"
#include "base/instant.h"
#include "store/kv.h"

namespace tandem::app {

class StoreBackend {
 public:
    // What it has to say, on the store's thread; during take() or later.
    using Tell = std::function<void(store::Outbox)>;

    virtual ~StoreBackend() = default;
    // Each is answered once.
    virtual void take(Now now, std::vector<store::Request> requests) = 0;
    virtual void on_timeout(Now now) = 0;
    virtual std::optional<Instant> next_deadline() const = 0;
    // The same data, whose store has other members now.
    virtual Result<void> follow(const StorePlace&) { return {}; }
};

}  // namespace tandem::app
