// One watch over a stream that may break: what has been told, so that it goes on elsewhere without
// a gap and without telling anything twice. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/etcd/codec.h"
#include "store/kv.h"

namespace tandem::runtime {

class WatchTrack {
 public:
    // Tells what comes after revision `told` of `generation`. `told` is the newest revision there
    // is, or older.
    WatchTrack(store::WatchId id, store::KeyRange range, store::Revision told)
        : id_(id), range_(std::move(range)), told_(told) {}

    const store::KeyRange& range() const { return range_; }
    // What a new stream is asked for. It begins at the revision that was told last, not after it:
    // the member then says whether the history from there on is whole, as compaction keeps what
    // is alive of its own revision, but not the deletions.
    int64_t start() const { return told_.number; }
    // A stream has begun, and what the former sent of an unfinished response is void.
    void restart() { fragments_.clear(); }

    // Appends the batches of a message for this watch.
    void take(etcd::WatchMessage message, std::vector<store::WatchBatch>& out);
    // The history between what was told and what there is has been forgotten: the last batch.
    store::WatchBatch compacted() const {
        return {id_, store::WatchBatch::Kind::Compacted, told_, {}};
    }

 private:
    void tell(std::vector<store::WatchEvent> events, std::vector<store::WatchBatch>& out);

    store::WatchId id_;
    store::KeyRange range_;
    store::Revision told_;
    std::vector<store::WatchEvent> fragments_;
};

}  // namespace tandem::runtime
