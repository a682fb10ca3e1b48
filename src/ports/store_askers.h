// The askers of one store. Instances number their requests and watches each for itself, while a
// store wants numbers that are unique: here each gets one, and what the store says finds its way
// back. Owned by whoever serves the store; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ports/letter.h"

namespace tandem::ports {

class StoreAskers {
 public:
    // Adds the request of `letter`, in the store's numbers. An asker that began anew, in a new
    // process perhaps, counts its watches from the start: then the end of its former watch of that
    // number comes first.
    void take(Letter letter, std::vector<store::Request>& out);
    // The letter that brings it to its asker; nullopt: nobody waits for it.
    std::optional<Letter> answer(store::Reply reply);
    std::optional<Letter> tell(store::WatchBatch batch);
    // The store is another one from now on: the letters that tell all watchers to read again.
    std::vector<Letter> end_watches(store::Revision revision);

    size_t waiting() const { return requests_.size(); }
    size_t watching() const { return watches_.size(); }
    void clear();  // nobody asked: all askers are gone

 private:
    struct Asker {
        Instance instance;
        uint64_t letter = 0;      // its request number, echoed
        uint64_t id = 0;          // RequestId or WatchId in its own numbering
        store::WatchId made = 0;  // by a WatchCreate, in ours
    };

    store::WatchId take_watch(Instance asker, store::WatchId theirs);

    std::unordered_map<store::RequestId, Asker> requests_;
    std::unordered_map<store::WatchId, Asker> watches_;
    store::RequestId next_request_ = 1;
    store::WatchId next_watch_ = 1;
};

}  // namespace tandem::ports
