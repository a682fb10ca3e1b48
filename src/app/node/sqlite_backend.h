// SQLite as the store of the site: all requests that arrived while the last commit ran, and shortly
// after it, go into the next one (group commit).
#pragma once

#include <memory>

#include "app/node/store_backend.h"

namespace tandem::runtime {
class SqliteStore;
}

namespace tandem::app {

class SqliteBackend final : public StoreBackend {
 public:
    SqliteBackend(std::unique_ptr<runtime::SqliteStore> store, Tell tell);
    ~SqliteBackend() override;

    void take(Now now, std::vector<store::Request> requests) override;
    void on_timeout(Now now) override;
    std::optional<Instant> next_deadline() const override;

 private:
    bool may_commit(Now now) const;
    void commit(Now now);

    std::unique_ptr<runtime::SqliteStore> store_;
    Tell tell_;
    std::vector<store::Request> batch_;
    Instant next_commit_;  // writes gather until then
};

}  // namespace tandem::app
