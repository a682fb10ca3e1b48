// All watches of one store over one stream to one member. When the stream breaks, or the member
// falls silent, it goes on with the next member from what was told last.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/instant.h"
#include "runtime/etcd/exchange.h"
#include "runtime/etcd/rpc_client.h"
#include "runtime/etcd/watch_track.h"
#include "store/kv.h"

namespace tandem::runtime {

class WatchStream {
 public:
    using Tell = std::move_only_function<void(std::vector<store::WatchBatch>)>;

    WatchStream(Reactor& reactor, RpcClient& client, Exchange& exchange, Tell tell);

    bool contains(store::WatchId id) const { return wire_ids_.contains(id); }
    size_t size() const { return wire_ids_.size(); }
    void create(store::WatchId id, store::KeyRange range, store::Revision told);
    void cancel(store::WatchId id);
    // Ends the stream to go on over another client, with go_on().
    void use(RpcClient& client);
    void go_on();
    // The data has moved: every watch is over.
    void end_all();

 private:
    void open();
    void close();
    void on_message(const std::string& bytes);
    void on_broken();
    void look();

    RpcClient* client_;
    Exchange& exchange_;
    Tell tell_;
    Timer timer_;
    std::unique_ptr<RpcStream> stream_;
    size_t endpoint_ = 0;
    uint32_t generation_ = 0;
    Instant heard_;  // the last message of the member
    // The numbers that members know watches by are never used again, so that what is said of a
    // cancelled one can't be taken for another's.
    int64_t last_wire_id_ = 0;
    std::unordered_map<int64_t, WatchTrack> tracks_;
    std::unordered_map<store::WatchId, int64_t> wire_ids_;
};

}  // namespace tandem::runtime
