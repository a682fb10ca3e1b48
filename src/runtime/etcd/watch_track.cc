#include "runtime/etcd/watch_track.h"

#include <iterator>
#include <utility>

#include "store/limits.h"

namespace tandem::runtime {

void WatchTrack::take(etcd::WatchMessage message, std::vector<store::WatchBatch>& out) {
    if (fragments_.empty()) {
        fragments_ = std::move(message.events);
    } else {
        fragments_.insert(fragments_.end(), std::make_move_iterator(message.events.begin()),
                          std::make_move_iterator(message.events.end()));
    }
    if (message.more) return;
    if (!fragments_.empty()) return tell(std::exchange(fragments_, {}), out);
    // Without events it tells how far a quiet watch has come; the answer to its creation does not.
    if (!message.created && message.revision > told_.number) told_.number = message.revision;
}

// Events come in the order of revisions, each revision whole. Those told before are left out.
void WatchTrack::tell(std::vector<store::WatchEvent> events, std::vector<store::WatchBatch>& out) {
    store::WatchBatch batch{id_, store::WatchBatch::Kind::Events, told_, {}};
    for (store::WatchEvent& event : events) {
        const store::Revision revision = event.entry.mod_revision;
        if (revision.number < told_.number) continue;
        const bool is_new = revision.number > batch.revision.number;
        // The first revision of a restarted watch is the one that was told last.
        if (!is_new && batch.events.empty()) continue;
        if (is_new && batch.events.size() >= store::watch_batch_events_max) {
            out.push_back(
                std::exchange(batch, {id_, store::WatchBatch::Kind::Events, batch.revision, {}}));
        }
        batch.revision = revision;
        batch.events.push_back(std::move(event));
    }
    told_ = batch.revision;
    if (!batch.events.empty()) out.push_back(std::move(batch));
}

}  // namespace tandem::runtime
