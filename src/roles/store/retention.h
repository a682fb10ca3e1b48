// How long the past is kept. Each ST forgets, in the history of its own node, what is older than
// the settings say: a bounded step at a time, so that new records never wait long.
//
// Pure; a part of StoreRole.
#pragma once

#include <cstdint>
#include <optional>

#include "ports/letter.h"

namespace tandem::roles::store_role {

class Retention {
 public:
    explicit Retention(const ports::Surroundings& around) : around_(around) {}

    void start(Now now);
    void on_catalog(Now now);  // the settings may be others
    void on_erased(Now now, uint64_t request, const ports::HistoryErased& erased,
                   ports::Outbox& out);
    void on_unreachable(Now now, uint64_t request);
    void on_timeout(Now now, ports::Outbox& out);
    std::optional<Instant> next_deadline() const { return next_; }

    uint64_t erased() const { return erased_; }  // records, of calls and of the audit log

 private:
    const ports::Surroundings& around_;
    std::optional<Instant> next_;  // a step, or the end of the patience with one
    uint64_t requests_ = 0;
    uint64_t awaited_ = 0;  // 0: none
    uint64_t erased_ = 0;
    int64_t days_[2] = {0, 0};  // as they were when the step was last put off
    bool has_failed_ = false;   // and the journal knows
};

}  // namespace tandem::roles::store_role
