#include "roles/host/store_watches.h"

namespace tandem::roles::host {

void StoreWatches::note_request(const ports::Letter& letter) {
    const auto* request = get_if<store::Request>(&letter.payload);
    if (request == nullptr || letter.to != ports::kKeyValue) return;
    if (const auto* create = std::get_if<store::WatchCreate>(&request->body))
        watches_.emplace(letter.from.number, create->watch);
    if (const auto* cancel = std::get_if<store::WatchCancel>(&request->body))
        watches_.erase({letter.from.number, cancel->watch});
}

void StoreWatches::note_batch(const ports::Letter& letter) {
    const auto* batch = get_if<store::WatchBatch>(&letter.payload);
    if (batch != nullptr && batch->kind == store::WatchBatch::Kind::Compacted)
        watches_.erase({letter.to.number, batch->watch});
}

std::vector<ports::Letter> StoreWatches::end_all() {
    std::vector<ports::Letter> letters;
    for (const auto& [instance, watch] : std::exchange(watches_, {})) {
        store::WatchBatch over{watch, store::WatchBatch::Kind::Compacted, {}, {}};
        letters.push_back({ports::kKeyValue, ports::Instance{instance}, 0, std::move(over)});
    }
    return letters;
}

}  // namespace tandem::roles::host
