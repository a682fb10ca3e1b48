// The store of a simulated site, as the node that owns it serves it: the key-value contract over
// memory that outlives a crash, and the history of CDRs beside it. It can be slow, answer with an
// unknown outcome, or not answer at all.
//
// What was committed stays for ever. What was asked for and not yet committed is lost with its
// node, and so are watches and leases' clocks.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ports/letter.h"
#include "ports/store_askers.h"
#include "sim/world.h"
#include "store/kv_machine.h"
#include "store/memory_store.h"

namespace tandem::sim {

struct StoreTemper {
    Duration commit_least = 200us;
    Duration commit_most = 3ms;
    double timeout_applied = 0;  // the reply says Timeout, the transaction was applied
    double timeout_dropped = 0;  // the reply says Timeout, it was not
    double reply_lost = 0;       // applied, and nothing is said
    double unavailable = 0;      // refused, and said so
    bool is_healthy() const {
        return commit_most < 50ms && timeout_applied + timeout_dropped + reply_lost == 0 &&
               unavailable == 0;
    }
};

class SiteStore {
 public:
    using Reply = std::function<void(ports::Letter)>;

    explicit SiteStore(World& world);

    // The node that serves it starts and dies. Replies go to whoever started it last.
    void start(Reply reply);
    void crash();
    void take(ports::Letter letter);  // to kKeyValue or kHistory
    // Written before any node starts.
    void write_first(store::Txn txn);

    StoreTemper temper;

    // --- For the checks.
    std::vector<store::KeyValue> items(std::string_view prefix);
    std::optional<std::string> value(std::string_view key);
    // CDRs by id; a second one of the same id is dropped and counted.
    const std::map<std::string, std::string>& history() const { return history_; }

 private:
    enum class Outcome { Done, TimeoutApplied, TimeoutDropped, ReplyLost, Unavailable };

    Instant clock() const { return world_.time(); }
    void schedule_commit();
    void commit();
    Outcome outcome_of(const store::Request& request);
    void run_one(store::Request& request);
    void tell_watchers(store::Outbox& out);
    void keep_record(const ports::HistoryAppend::Record& record);
    void take_history(const ports::Letter& letter);
    void send(ports::Letter letter);

    World& world_;
    store::MemoryTable table_;
    std::optional<store::KvMachine> machine_;  // none: its node is down
    int64_t revision_ = 1;
    uint64_t incarnation_ = 0;
    Reply reply_;
    std::vector<store::Request> queue_;
    ports::StoreAskers askers_;
    bool commit_scheduled_ = false;
    std::map<std::string, std::string> history_;
};

}  // namespace tandem::sim
