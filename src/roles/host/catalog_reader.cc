#include "roles/host/catalog_reader.h"

#include <algorithm>

#include "roles/host/limits.h"
#include "store/keys.h"

namespace tandem::roles::host {

CatalogReader::CatalogReader(Scope scope)
    : layers_{std::string(store::keys::infrastructure), std::string(store::keys::logic)} {
    if (scope == Scope::AllLayers) layers_.emplace_back(store::keys::domains);
}

void CatalogReader::restart(Now now) {
    for (size_t i = 0; i < layers_.size() && watching_; ++i) {
        requests_.push_back({++next_id_, store::WatchCancel{first_watch_ + i}});
    }
    watching_ = false;
    // Fresh watch ids: events of the old ones that are still on their way are not taken.
    first_watch_ += layers_.size() + 1;
    feed_.reset();
    layer_ = 0;
    reading_at_ = {};
    retry_at_ = now.mono + store_reply_max;
    read_page(layers_[0]);
}

void CatalogReader::read_page(std::string begin) {
    rest_ = store::KeyRange::prefix(layers_[layer_]);
    rest_.begin = std::move(begin);
    store::RangeRequest request;
    request.range = rest_;
    request.limit = catalog_page_entries;
    request.at = reading_at_;
    awaited_ = ++next_id_;
    requests_.push_back({awaited_, std::move(request)});
}

bool CatalogReader::on_reply(Now now, const store::Reply& reply) {
    const bool of_watch = watching_ && reply.id > last_page_ && reply.id <= next_id_;
    if (of_watch && !reply.body.has_value()) retry_at_ = now.mono + store_retry_pause;
    if (of_watch) return true;
    if (reply.id != awaited_ || awaited_ == 0) return false;
    awaited_ = 0;
    const auto* page =
        reply.body.has_value() ? std::get_if<store::RangeReply>(&*reply.body) : nullptr;
    if (page == nullptr) {
        retry_at_ = now.mono + store_retry_pause;
        return true;
    }
    retry_at_ = now.mono + store_reply_max;
    on_page(*page);
    return true;
}

void CatalogReader::on_page(const store::RangeReply& page) {
    // All pages of all layers are read as of one revision, and the watches go on from there.
    reading_at_ = page.revision;
    for (const store::KeyValue& item : page.items) feed_.load(item);
    if (page.more) return read_page(page.items.back().key + '\0');
    if (++layer_ < layers_.size()) return read_page(layers_[layer_]);
    feed_.set_revision(page.revision);
    last_page_ = next_id_;
    for (size_t i = 0; i < layers_.size(); ++i) {
        requests_.push_back(
            {++next_id_, store::WatchCreate{first_watch_ + i, store::KeyRange::prefix(layers_[i]),
                                            reading_at_}});
    }
    retry_at_.reset();
    watching_ = true;
    loaded_ = true;
    changed_ = true;
}

void CatalogReader::on_watch(Now now, const store::WatchBatch& batch) {
    if (batch.watch < first_watch_ || batch.watch >= first_watch_ + layers_.size()) return;
    if (batch.kind == store::WatchBatch::Kind::Compacted) return restart(now);
    feed_.on_watch(batch);
    changed_ = true;
}

void CatalogReader::on_timeout(Now now) {
    if (retry_at_ && *retry_at_ <= now.mono) restart(now);
}

}  // namespace tandem::roles::host
