// Keeps a catalog equal to the store: reads the layers page by page, then follows their watches,
// and reads again when the store says that it forgot what lies between.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "store/catalog.h"
#include "store/kv.h"

namespace tandem::roles::host {

class CatalogReader {
 public:
    enum class Scope { AllLayers, WithoutDomains };

    explicit CatalogReader(Scope scope);

    // Starts over: reads everything.
    void restart(Now now);
    // Requests to send to the store since the last call.
    std::vector<store::Request> take_requests() { return std::exchange(requests_, {}); }
    // True when the reply was one of ours.
    bool on_reply(Now now, const store::Reply& reply);
    void on_watch(Now now, const store::WatchBatch& batch);
    void on_timeout(Now now);
    std::optional<Instant> next_deadline() const { return retry_at_; }

    bool is_loaded() const { return loaded_; }
    // True once after each change.
    bool take_changed() { return std::exchange(changed_, false); }
    store::Catalog snapshot() const { return feed_.snapshot(); }

 private:
    void read_page(std::string begin);
    void on_page(const store::RangeReply& page);

    std::vector<std::string> layers_;
    size_t layer_ = 0;
    store::KeyRange rest_;        // of the layer being read
    store::Revision reading_at_;  // of its first page
    store::RequestId next_id_ = 0;
    store::RequestId awaited_ = 0;
    store::RequestId last_page_ = 0;  // requests after it ask for the watches
    store::WatchId first_watch_ = 0;
    std::optional<Instant> retry_at_;
    bool watching_ = false;
    bool loaded_ = false;
    bool changed_ = false;
    std::vector<store::Request> requests_;
    store::CatalogFeed feed_;
};

}  // namespace tandem::roles::host
