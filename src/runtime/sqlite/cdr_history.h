// The history of calls in one SQLite file. Used from one thread. cdr_tables.h has its shape,
// cdr_search.h the way of a question.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "base/result.h"
#include "model/generated/cdr.h"
#include "runtime/sqlite/limits.h"

namespace tandem::runtime {

struct CdrQuery {
    std::optional<DomainId> domain;     // none: all domains, for the operator of the system
    std::optional<UtcTime> from;        // start of the call, included
    std::optional<UtcTime> to;          // excluded
    std::optional<AccountId> account;   // as caller or callee
    std::optional<std::string> number;  // as caller, callee or dialled; "100*": beginning so
    std::optional<CallId> call;
    std::optional<model::CallDirection> direction;
    std::optional<model::CallResult> result;
    std::optional<int> sip_status;
    std::chrono::milliseconds duration_min{0};
    std::string cursor;  // `next` of the page before; empty: the newest
    size_t limit = 100;  // 1..cdr_page_max
    std::chrono::milliseconds patience = cdr_search_max;
};
// A search that finds little ends after `patience`, so a page may be short, or empty, before the
// last one: it was the last one when `next` is empty.
struct CdrPage {
    std::vector<model::Cdr> items;  // the newest first
    std::string next;               // empty: that was all
};

class CdrHistory {
 public:
    static Result<std::unique_ptr<CdrHistory>> open(const std::string& path);
    ~CdrHistory();
    CdrHistory(const CdrHistory&) = delete;
    CdrHistory& operator=(const CdrHistory&) = delete;

    // Records as model::encode() wrote them for the store; all or none. One whose id is there
    // already is left as it is, so that the outbox may be drained twice. One that can't be read is
    // left out rather than holding up all that come after it. Answers how many were new.
    Result<size_t> insert(std::span<const std::string_view> bodies);
    Result<CdrPage> query(const CdrQuery& query);
    Result<uint64_t> count(DomainId domain);
    // Retention: deletes at most `batch_max` records that began before `before`, the oldest first;
    // how many it were.
    Result<size_t> erase_before(UtcTime before, size_t batch_max);

 private:
    struct State;
    explicit CdrHistory(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
