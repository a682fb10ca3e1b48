// The members of an etcd cluster as the store of the site. Every node has its own client, on its
// store thread, so that no node depends on another one's.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/config/store_place.h"
#include "app/node/store_backend.h"
#include "base/result.h"
#include "runtime/etcd/etcd_store.h"

namespace tandem::app {

class EtcdBackend final : public StoreBackend {
 public:
    // A transaction found the store closed (store/move.h), and was answered with Unavailable: its
    // asker tries again. Told with each.
    using Closed = std::function<void(const std::string& closure)>;

    static Result<std::unique_ptr<EtcdBackend>> open(runtime::Reactor& reactor,
                                                     const StorePlace& place, Tell tell,
                                                     Closed closed);

    Result<void> follow(const StorePlace& place) override;
    void take(Now now, std::vector<store::Request> requests) override;
    void on_timeout(Now) override {}
    std::optional<Instant> next_deadline() const override { return std::nullopt; }

 private:
    explicit EtcdBackend(std::unique_ptr<runtime::EtcdStore> store) : store_(std::move(store)) {}
    std::unique_ptr<runtime::EtcdStore> store_;
};

}  // namespace tandem::app
