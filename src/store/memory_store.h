// The whole contract in memory, with faults to order: for tests and simulation.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/instant.h"
#include "store/kv.h"
#include "store/kv_machine.h"

namespace tandem::store {

class MemoryTable final : public KvTable {
 public:
    std::optional<KeyValue> get(std::string_view key) override;
    void put(const KeyValue& item) override;
    void erase(std::string_view key) override;
    std::vector<KeyValue> page(const KeyRange& range, size_t limit, Want want) override;
    uint64_t count(const KeyRange& range) override;
    void put_lease(LeaseId, Duration) override {}
    void erase_lease(LeaseId) override {}

 private:
    std::map<std::string, KeyValue, std::less<>> items_;
};

class MemoryStore {
 public:
    enum class Fault {
        None,
        AppliedReplyLost,  // no reply at all: the asker's deadline passes
        DroppedReplyLost,
        AppliedTimeout,  // the reply says Timeout
        DroppedTimeout,
    };
    // Asked before each request.
    using FaultHook = std::move_only_function<Fault(const Request&)>;

    explicit MemoryStore(uint32_t generation = 1) : machine_(table_, Revision{generation, 1}) {}
    void set_fault_hook(FaultHook hook) { fault_hook_ = std::move(hook); }

    void apply(Instant now, const Request& request, Outbox& out);
    void expire(Instant now, Outbox& out);
    std::optional<Instant> next_deadline() const { return machine_.next_deadline(); }
    Revision revision() const { return machine_.revision(); }

 private:
    MemoryTable table_;
    KvMachine machine_;
    FaultHook fault_hook_;
};

}  // namespace tandem::store
