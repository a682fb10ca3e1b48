#include "ports/store_askers.h"

#include <algorithm>
#include <utility>

namespace tandem::ports {

void StoreAskers::take(Letter letter, std::vector<store::Request>& out) {
    store::Request request = std::move(get<store::Request>(letter.payload));
    Asker asker{letter.from, letter.request, request.id, 0};
    if (auto* watch = std::get_if<store::WatchCreate>(&request.body)) {
        if (const auto former = take_watch(letter.from, watch->watch); former != 0) {
            out.push_back({0, store::WatchCancel{former}});
        }
        asker.made = next_watch_++;
        watches_[asker.made] = {letter.from, 0, watch->watch, 0};
        watch->watch = asker.made;
    } else if (auto* cancel = std::get_if<store::WatchCancel>(&request.body)) {
        cancel->watch = take_watch(letter.from, cancel->watch);  // 0 is nobody's
    }
    request.id = next_request_++;
    requests_.emplace(request.id, asker);
    out.push_back(std::move(request));
}

// Our number of the asker's watch, which is forgotten here; 0: there is none.
store::WatchId StoreAskers::take_watch(Instance asker, store::WatchId theirs) {
    const auto found = std::ranges::find_if(watches_, [&](const auto& watch) {
        return watch.second.instance == asker && watch.second.id == theirs;
    });
    if (found == watches_.end()) return 0;
    const store::WatchId ours = found->first;
    watches_.erase(found);
    return ours;
}

std::optional<Letter> StoreAskers::answer(store::Reply reply) {
    const auto waiting = requests_.extract(reply.id);
    if (waiting.empty()) return std::nullopt;
    const Asker& asker = waiting.mapped();
    if (!reply.body.has_value()) watches_.erase(asker.made);
    reply.id = asker.id;
    return Letter{kKeyValue, asker.instance, asker.letter, std::move(reply)};
}

std::optional<Letter> StoreAskers::tell(store::WatchBatch batch) {
    const auto watcher = watches_.find(batch.watch);
    if (watcher == watches_.end()) return std::nullopt;
    const Asker asker = watcher->second;
    if (batch.kind == store::WatchBatch::Kind::Compacted) watches_.erase(watcher);
    batch.watch = asker.id;
    return Letter{kKeyValue, asker.instance, 0, std::move(batch)};
}

std::vector<Letter> StoreAskers::end_watches(store::Revision revision) {
    std::vector<Letter> letters;
    for (const auto& [id, asker] : std::exchange(watches_, {})) {
        store::WatchBatch batch{asker.id, store::WatchBatch::Kind::Compacted, revision, {}};
        letters.push_back({kKeyValue, asker.instance, 0, std::move(batch)});
    }
    return letters;
}

void StoreAskers::clear() {
    requests_.clear();
    watches_.clear();
}

}  // namespace tandem::ports
