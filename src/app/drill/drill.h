// A drill: makes phones, lets them register and call, harms the system as ordered, and tells what
// was lost and for how long. Everything that it made is removed again, also after Ctrl-C.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/drill/api_probes.h"
#include "app/drill/fleet.h"
#include "app/drill/report.h"
#include "app/drill/site_view.h"

namespace tandem::drill {

// SIGINT and SIGTERM, from the making of this on: taken where somebody naps.
class Interrupt {
 public:
    Interrupt();
    // Sleeps. False: no longer, as a signal has come, now or before.
    bool nap(Duration time);
    bool has_come() const { return has_come_; }
    void forget() { has_come_ = false; }

 private:
    std::atomic<bool> has_come_{false};
};

class Drill {
 public:
    explicit Drill(DrillPlan plan);

    // An error: it could not be done at all.
    Result<Report> run();

 private:
    struct Target {
        std::vector<int> nodes;  // each is told
        std::set<std::string> roles;
        bool is_whole_server = false;
    };
    struct Round {  // times of the fleet
        Instant began;
        Instant harm;
    };

    Result<void> prepare();
    void plan_accounts();
    Result<void> for_all_accounts(
        const std::function<Result<void>(const SiteView&, const Account&)>& act);
    Result<void> start_fleet();
    Result<void> hold_calls();
    Result<void> round();
    Result<Target> target() const;
    Result<std::string> leading_server(const std::vector<RunningInstance>& running) const;
    Result<void> do_harm(const Target& target);
    void note_times(Instant harm);
    Result<void> wait_until_back();
    std::vector<CallSeen> calls(const std::function<bool(const CallSeen&)>& wanted);
    void judge_new_calls();
    Result<void> check_registrations();
    Result<void> check_owners();
    void finish(bool complete);
    void check_records();
    void remove_all();
    bool wait_for(Duration patience, const std::function<bool()>& done);
    void say(const std::string& text) const;

    DrillPlan plan_;
    SiteView site_;
    Interrupt interrupt_;
    std::string domain_;
    std::vector<Account> accounts_;
    size_t pairs_ = 0;
    std::vector<RunningInstance> instances_;  // that served at the beginning
    bool domain_made_ = false;
    std::unique_ptr<Fleet> fleet_;
    std::unique_ptr<ApiProbes> probes_;
    Instant harm_mono_;
    std::vector<Round> rounds_;
    Report report_;
};

}  // namespace tandem::drill
