// The key-value store and the CDR history of a node, on a thread of their own (kKeyValue,
// kHistory). All requests that arrived while the last commit ran, and shortly after it, go into the
// next one: group commit.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "ports/letter.h"
#include "runtime/reactor/shard.h"

namespace tandem::runtime {
class SqliteStore;
class CdrHistory;
}  // namespace tandem::runtime

namespace tandem::app {

class StoreService final : public runtime::Driver {
 public:
    // Answers go to `reply`, called on the store's thread.
    using Reply = std::function<void(ports::Letter)>;

    StoreService(std::unique_ptr<runtime::SqliteStore> store,
                 std::unique_ptr<runtime::CdrHistory> history, Reply reply);
    ~StoreService() override;

    void on_letters(Now now, std::vector<ports::Letter>&& letters) override;
    void on_timeout(Now now) override;
    std::optional<Instant> next_deadline() const override;

 private:
    struct Asker {
        ports::Instance instance;
        uint64_t request = 0;
        uint64_t id = 0;  // RequestId or WatchId in the asker's own numbering
    };

    void take_request(ports::Letter letter);
    store::WatchId take_watch(ports::Instance asker, store::WatchId theirs);
    bool may_commit(Now now) const;
    void commit(Now now);
    void tell_watchers(store::Outbox& out);
    void take_history(const ports::Letter& letter);

    std::unique_ptr<runtime::SqliteStore> store_;
    std::unique_ptr<runtime::CdrHistory> history_;
    Reply reply_;
    std::vector<store::Request> batch_;
    std::vector<Asker> askers_;  // of batch_, in order
    std::unordered_map<store::WatchId, Asker> watches_;
    uint64_t next_watch_ = 1;
    Instant next_commit_;  // writes gather until then
};

}  // namespace tandem::app
