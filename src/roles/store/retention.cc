#include "roles/store/retention.h"

#include <algorithm>
#include <utility>

#include "model/generated/system.h"
#include "roles/store/limits.h"
#include "store/catalog.h"

namespace tandem::roles::store_role {
namespace {

constexpr int64_t ms_per_day = 86'400'000;

// 0: nothing is that old.
int64_t before(Now now, int64_t days) {
    return days == 0 ? 0 : std::max<int64_t>(0, now.utc.unix_ms - days * ms_per_day);
}

}  // namespace

void Retention::start(Now now) {
    on_catalog(now);
}

// Whoever shortens the time wants to see the disk get free.
void Retention::on_catalog(Now now) {
    const auto& settings = around_.catalog.system();
    if (settings.cdr_kept_days == days_[0] && settings.audit_kept_days == days_[1]) return;
    days_[0] = settings.cdr_kept_days;
    days_[1] = settings.audit_kept_days;
    if (awaited_ == 0) next_ = now.mono;
}

void Retention::on_timeout(Now now, ports::Outbox& out) {
    if (!next_ || *next_ > now.mono) return;
    awaited_ = 0;  // one that was not answered is asked again later
    const auto& settings = around_.catalog.system();
    ports::HistoryErase step;
    step.calls_before_ms = before(now, settings.cdr_kept_days);
    step.audit_before_ms = before(now, settings.audit_kept_days);
    step.limit = retention_step;
    next_.reset();
    if (settings.cdr_kept_days == 0 && settings.audit_kept_days == 0) return;
    next_ = now.mono + retention_pause;
    // Bits 46 and 47 keep it apart from all else that is asked in the same channel.
    awaited_ = uint64_t{around_.self.number} << 48 | uint64_t{3} << 46 | ++requests_;
    out.send(around_.self, ports::kHistory, step, awaited_);
}

void Retention::on_erased(Now now, uint64_t request, const ports::HistoryErased& erased,
                          ports::Outbox& out) {
    if (request == 0 || request != awaited_) return;
    awaited_ = 0;
    if (erased.error) {
        if (!std::exchange(has_failed_, true))
            out.send(around_.self, ports::kJournal,
                     ports::LogLine{ports::LogLine::Level::Warn,
                                    "old records can't be forgotten: " + erased.error->message,
                                    {},
                                    {}});
        return;
    }
    has_failed_ = false;
    erased_ += erased.calls + erased.audit;
    const bool is_more = erased.calls == retention_step || erased.audit == retention_step;
    if (is_more) next_ = now.mono + retention_step_pause;
}

void Retention::on_unreachable(Now, uint64_t request) {
    if (request != 0 && request == awaited_) awaited_ = 0;
}

}  // namespace tandem::roles::store_role
