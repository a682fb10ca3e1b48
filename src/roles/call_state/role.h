// The role CS: what no single B2B can know. The index of calls is rebuilt from the reports of their
// owners, so a take-over starts by asking each of them for all it has.
#pragma once

#include <map>
#include <memory>

#include "ports/letter.h"
#include "roles/call_state/call_licences.h"
#include "roles/call_state/followers.h"
#include "roles/call_state/index.h"
#include "roles/call_state/queue_desk.h"
#include "roles/call_state/watchers.h"

namespace tandem::roles::call_state {

std::unique_ptr<ports::Role> make_role(const ports::Surroundings& surroundings);

class CallStateRole final : public ports::Role {
 public:
    explicit CallStateRole(const ports::Surroundings& surroundings)
        : around_(surroundings),
          licences_(around_),
          followers_(around_, index_),
          watchers_(around_, index_),
          queues_(around_, index_) {}

    ports::RoleKind kind() const override { return ports::RoleKind::CallState; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override;
    void on_elected(Now now, const std::vector<store::Compare>& guards,
                    ports::Outbox& out) override;
    void on_directory(Now now, ports::Outbox& out) override;
    void on_catalog(Now now, ports::Outbox& out) override { queues_.on_catalog(now, out); }
    bool is_flushed() const override { return watchers_.is_flushed(); }
    std::optional<Instant> next_deadline() const override;
    void drain(Now, ports::Outbox&) override {}
    bool is_idle() const override { return true; }
    std::vector<std::pair<std::string, double>> figures() const override;

    const Index& index() const { return index_; }

 private:
    struct Owner {
        uint32_t epoch = 0;
        std::optional<Instant> gone_since;
        bool has_leases = true;
        std::optional<Instant> ask_again;  // until its complete report is here
    };
    void sweep(Now now, ports::Outbox& out);
    void forget_calls();
    void ask_owners(Instant now, ports::Outbox& out);
    void drop_vanished(Now now, ports::Outbox& out);
    void on_report(Now now, ports::CallReport& report, ports::Outbox& out);
    void on_report_all(Now now, ports::CallReportAll& report, ports::Outbox& out);
    void forget(Now now, CallId whole, ports::Instance owner, ports::Outbox& out);
    void put(Now now, ports::CallSummary summary, ports::Outbox& out);
    void tell_removed(Now now, const std::vector<ports::CallSummary>& calls, ports::Outbox& out);
    bool is_whole() const;
    void on_watcher_letter(Now now, ports::Letter letter, ports::Outbox& out);

    ports::Surroundings around_;
    Index index_;
    CallLicences licences_;
    Followers followers_;
    Watchers watchers_;
    QueueDesk queues_;
    std::map<uint16_t, Owner> owners_;
    std::optional<Instant> next_sweep_;
    uint64_t directory_generation_ = 0;
    uint64_t groups_seen_ = 0;  // version of the groups that subscriptions were read by
    uint64_t refused_ = 0;
};

}  // namespace tandem::roles::call_state
