// The watches on the store that the instances of a shard have. Whoever keeps the store loses them
// with its process: then each of their owners is told that its watch is over, and reads again.
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "ports/letter.h"

namespace tandem::roles::host {

class StoreWatches {
 public:
    // A letter of an instance, on its way to the store.
    void note_request(const ports::Letter& letter);
    // One of the store, on its way to its instance.
    void note_batch(const ports::Letter& letter);
    // The letters that tell all owners; nobody has a watch any more.
    std::vector<ports::Letter> end_all();

 private:
    std::set<std::pair<uint16_t, store::WatchId>> watches_;  // by number of the instance
};

}  // namespace tandem::roles::host
