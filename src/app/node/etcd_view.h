// What the members of the store's etcd say of themselves, asked every two seconds. On the store's
// thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "app/config/store_place.h"
#include "base/json_text.h"
#include "runtime/etcd/admin.h"
#include "runtime/reactor/reactor.h"

namespace tandem::app {

class EtcdView {
 public:
    EtcdView(runtime::Reactor& reactor, const StorePlace& place);

    // The fields "members" (null: they have not answered) and "fault_tolerant": whether any one of
    // them may be lost.
    void write(JsonWriter& json) const;

 private:
    struct Round {
        std::vector<runtime::EtcdMemberEntry> members;
        std::vector<runtime::EtcdMemberStatus> statuses;  // of those that answer
        size_t open = 0;                                  // questions
    };
    void look();
    void take(const std::shared_ptr<Round>& round);
    const runtime::EtcdMemberStatus* status_of(uint64_t id) const;

    std::unique_ptr<runtime::EtcdAdmin> admin_;
    std::optional<Round> known_;
    bool looking_ = false;
    runtime::Timer timer_;
};

}  // namespace tandem::app
