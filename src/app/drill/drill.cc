#include "app/drill/drill.h"

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include "app/drill/limits.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/system_rng.h"

namespace tandem::drill {
namespace {

constexpr Duration kPoll = 50ms;
constexpr int kFirstLogin = 10'000;  // of five digits, as all of them
constexpr size_t kPasswordCharacters = 20;

sigset_t ending_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

// A socket for each phone and each side of a call.
void allow_many_files() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

bool is_temporary(const Error& error) {
    return error.code == ErrorCode::Unavailable || error.code == ErrorCode::Timeout;
}

}  // namespace

// Blocked for all threads, which are made later.
Interrupt::Interrupt() {
    const sigset_t set = ending_signals();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

bool Interrupt::nap(Duration time) {
    if (has_come_) return false;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const timespec length{seconds.count(), (time - seconds).count()};
    const sigset_t set = ending_signals();
    if (sigtimedwait(&set, nullptr, &length) > 0) has_come_ = true;
    return !has_come_;
}

Drill::Drill(DrillPlan plan) : plan_(std::move(plan)), site_(plan_.url, plan_.token) {}

void Drill::say(const std::string& text) const {
    std::fprintf(stderr, "tandem: %s\n", text.c_str());
}

bool Drill::wait_for(Duration patience, const std::function<bool()>& done) {
    const Instant end = runtime::read_monotonic() + patience;
    while (!done()) {
        if (runtime::read_monotonic() > end || !interrupt_.nap(kPoll)) return false;
    }
    return true;
}

Result<Report> Drill::run() {
    Result<void> outcome = prepare();
    for (int i = 0; outcome.has_value() && i < plan_.rounds && !interrupt_.has_come(); ++i) {
        outcome = round();
        if (outcome.has_value() && !interrupt_.has_come()) {
            ++report_.rounds;
            say("round " + std::to_string(i + 1) + " of " + std::to_string(plan_.rounds) +
                " is over");
        }
    }
    report_.interrupted = interrupt_.has_come();
    interrupt_.forget();  // a second one ends the waiting for calls, too
    if (fleet_) finish(outcome.has_value() && !report_.interrupted);
    remove_all();
    if (!outcome.has_value() && !report_.interrupted) return outcome.error();
    return std::move(report_);
}

// ---- before the first round

Result<void> Drill::prepare() {
    allow_many_files();
    instances_ = TRY(site_.instances());
    const Target first = TRY(target());
    if (!plan_.is_watch()) TRY(site_.check_allowed(first.nodes));
    if (plan_.gates.empty()) plan_.gates = TRY(site_.gates());
    plan_accounts();
    say("making " + std::to_string(accounts_.size()) + " accounts in " + domain_);
    TRY(site_.make_domain(domain_));
    domain_made_ = true;
    TRY(for_all_accounts([this](const SiteView& site, const Account& account) {
        return site.make_account(domain_, account);
    }));
    if (interrupt_.has_come()) return {};
    return start_fleet();
}

void Drill::plan_accounts() {
    runtime::SystemRng rng;
    domain_ = "drill-" + rng.token(8) + ".test";
    const double pairs = plan_.rate * std::chrono::duration<double>(pair_reuse).count();
    pairs_ = plan_.rate > 0 ? static_cast<size_t>(std::ceil(pairs)) + 1 : 0;
    const size_t calling = 2 * (static_cast<size_t>(plan_.calls) + pairs_);
    const size_t count = std::max(calling, static_cast<size_t>(plan_.registrations));
    for (size_t i = 0; i < count; ++i) {
        accounts_.push_back({std::to_string(kFirstLogin + i), rng.token(kPasswordCharacters)});
    }
    report_.phones = count;
}

Result<void> Drill::for_all_accounts(
    const std::function<Result<void>(const SiteView&, const Account&)>& act) {
    std::atomic<size_t> next{0};
    std::atomic<size_t> working{api_threads};
    std::mutex mutex;
    Result<void> outcome;
    std::atomic<bool> failed{false};
    {
        std::vector<std::jthread> threads;
        for (size_t i = 0; i < api_threads; ++i) {
            threads.emplace_back([&] {
                const SiteView site(plan_.url, plan_.token);
                for (size_t at = next++; at < accounts_.size() && !failed; at = next++) {
                    if (interrupt_.has_come()) break;
                    const auto done = act(site, accounts_[at]);
                    if (done.has_value()) continue;
                    const std::lock_guard lock(mutex);
                    outcome = done.error();
                    failed = true;
                }
                --working;
            });
        }
        while (working > 0 && interrupt_.nap(kPoll)) continue;
    }
    return outcome;
}

Result<void> Drill::start_fleet() {
    runtime::SystemRng rng;
    FleetPlan plan{plan_.gates, domain_,    accounts_, static_cast<size_t>(plan_.calls),
                   pairs_,      plan_.rate, rng.next()};
    fleet_ = TRY(Fleet::make(std::move(plan)));
    fleet_->ask([](Fleet& fleet) { fleet.register_all(); });
    const size_t wanted = accounts_.size();
    const bool all = wait_for(setup_patience, [&] {
        return fleet_->ask([](Fleet& fleet) { return fleet.registered(); }) == wanted;
    });
    if (interrupt_.has_come()) return {};
    if (!all) {
        const size_t count = fleet_->ask([](Fleet& fleet) { return fleet.registered(); });
        return make_error(ErrorCode::Unavailable, "",
                          "only " + std::to_string(count) + " of " + std::to_string(wanted) +
                              " phones could register through " + plan_.gates.front().text());
    }
    probes_ = std::make_unique<ApiProbes>(site_, domain_, accounts_.front().login);
    fleet_->ask([](Fleet& fleet) { fleet.refresh_bindings(true); });
    return {};
}

// Also the one side of a call that was lost in the round before makes room.
Result<void> Drill::hold_calls() {
    Instant again = runtime::read_monotonic();
    const auto wanted = static_cast<size_t>(plan_.calls);
    const bool all = wait_for(setup_patience, [&] {
        if (runtime::read_monotonic() >= again) {
            fleet_->ask([](Fleet& fleet) { fleet.hold_calls(); });
            again = runtime::read_monotonic() + hold_spacing * plan_.calls + 3s;
        }
        return fleet_->ask([](Fleet& fleet) { return fleet.held(); }) == wanted;
    });
    if (all || interrupt_.has_come()) return {};
    const size_t count = fleet_->ask([](Fleet& fleet) { return fleet.held(); });
    return make_error(ErrorCode::Unavailable, "",
                      "only " + std::to_string(count) + " of " + std::to_string(wanted) +
                          " calls could be held with sound");
}

// ---- a round

Result<Drill::Target> Drill::target() const {
    const std::vector<RunningInstance> running = TRY(site_.instances());
    Target target;
    const std::string server = plan_.leaders ? TRY(leading_server(running)) : plan_.server;
    target.is_whole_server = !server.empty();
    if (target.is_whole_server) target.nodes = TRY(site_.nodes_of_server(server));
    if (plan_.node != 0) target.nodes = {plan_.node};
    if (!plan_.role.empty()) {
        auto found = std::ranges::find_if(running, [&](const RunningInstance& each) {
            return each.role == plan_.role && each.is_active;
        });
        if (found == running.end()) {
            found = std::ranges::find(running, plan_.role, &RunningInstance::role);
        }
        if (found != running.end()) target.nodes = {found->node};
    }
    for (const RunningInstance& each : running) {
        const bool is_there = std::ranges::find(target.nodes, each.node) != target.nodes.end();
        if (is_there || plan_.is_watch()) target.roles.insert(each.role);
    }
    if (target.roles.empty()) {
        return make_error(ErrorCode::NotFound, "", "nothing runs there: " + plan_.text());
    }
    return target;
}

Result<std::string> Drill::leading_server(const std::vector<RunningInstance>& running) const {
    std::string leading;
    int64_t most = -1;
    for (const std::string& name : TRY(site_.servers())) {
        const std::vector<int> nodes = TRY(site_.nodes_of_server(name));
        const auto posts = std::ranges::count_if(running, [&](const RunningInstance& each) {
            return each.is_active && std::ranges::find(nodes, each.node) != nodes.end();
        });
        if (posts <= most) continue;
        most = posts;
        leading = name;
    }
    return leading;
}

Result<void> Drill::round() {
    TRY(hold_calls());
    rounds_.push_back({fleet_->at(runtime::read_monotonic()), {}});
    fleet_->ask([](Fleet& fleet) { fleet.place_calls(true); });
    if (!interrupt_.nap(before_harm)) return {};
    const Target target = TRY(this->target());
    report_.roles.insert(target.roles.begin(), target.roles.end());
    const Duration lasts =
        plan_.kind == "kill" ? Duration{0} : Duration(std::chrono::seconds(plan_.seconds));
    (void)probes_->take_reads();
    (void)probes_->take_writes();
    harm_mono_ = runtime::read_monotonic();
    Instant harm = fleet_->at(harm_mono_);
    fleet_->ask([&](Fleet& fleet) { fleet.mark_harm(harm, lasts); });
    TRY(do_harm(target));
    harm = fleet_->at(harm_mono_);
    fleet_->ask([&](Fleet& fleet) { fleet.correct_harm(harm); });
    if (!interrupt_.nap(lasts + after_harm)) return {};
    TRY(wait_until_back());
    fleet_->ask([](Fleet& fleet) { fleet.place_calls(false); });
    note_times(harm);
    rounds_.back().harm = harm;
    report_.add_calls(judge_calls(harm, calls([](const CallSeen& call) { return call.held; })));
    TRY(check_registrations());
    return check_owners();
}

// The last one of them is the one that we may lose the answer of: it may serve the API.
Result<void> Drill::do_harm(const Target& target) {
    const SiteView::Harm harm{plan_.kind, plan_.kind == "kill" ? 0 : plan_.seconds,
                              target.is_whole_server};
    if (plan_.is_watch()) {
        say("do now what is to be watched");
        return {};
    }
    // A whole server is killed or paused by any of its nodes; its links are cut by each.
    std::vector<int> told = target.nodes;
    if (harm.whole_server && plan_.kind != "partition") told.resize(1);
    for (const int node : told) {
        const Instant asked = runtime::read_monotonic();
        const auto in = site_.harm(node, harm);
        if (!in.has_value() && !is_temporary(in.error())) return in.error();
        harm_mono_ = asked + (in.has_value() ? *in : Duration{0});
    }
    return {};
}

Result<void> Drill::wait_until_back() {
    bool said = false;
    const Instant began = runtime::read_monotonic();
    const auto is_back = [&] {
        if (!said && runtime::read_monotonic() - began > 15s) {
            say("waiting for all that served before to serve again");
            said = true;
        }
        if (!site_.is_healthy()) return false;
        const auto running = site_.instances();
        return running.has_value() && std::ranges::all_of(instances_, [&](const auto& before) {
                   return std::ranges::any_of(*running, [&](const auto& now) {
                       return now.role == before.role && now.number == before.number;
                   });
               });
    };
    if (wait_for(back_patience, is_back) || interrupt_.has_come()) return {};
    return make_error(ErrorCode::Unavailable, "",
                      "what was harmed did not come back; is tandemd started again there?");
}

void Drill::note_times(Instant harm) {
    const auto note = [&](std::vector<Probe> probes, Instant from, std::vector<Duration>& into) {
        std::erase_if(probes, [&](const Probe& probe) { return probe.asked < from; });
        if (probes.empty()) return;
        const auto time = switch_time(from, probes);
        if (time) into.push_back(*time);
        if (!time) ++report_.not_back;
    };
    note(fleet_->ask([](Fleet& fleet) { return fleet.refreshes(); }), harm,
         report_.switch_register);
    note(probes_->take_reads(), harm_mono_, report_.switch_read);
    note(probes_->take_writes(), harm_mono_, report_.switch_write);
    const auto gaps = fleet_->ask([](Fleet& fleet) { return fleet.sound_gaps(); });
    report_.sound_gaps.insert(report_.sound_gaps.end(), gaps.begin(), gaps.end());
}

std::vector<CallSeen> Drill::calls(const std::function<bool(const CallSeen&)>& wanted) {
    std::vector<CallSeen> found = fleet_->ask([](Fleet& fleet) { return fleet.calls(); });
    std::erase_if(found, [&](const CallSeen& call) { return !wanted(call); });
    return found;
}

// Each belongs to the round that placed it, also when it ended in a later one: a caller who hears
// nothing waits for up to 64 * T1.
void Drill::judge_new_calls() {
    for (size_t i = 0; i < rounds_.size(); ++i) {
        const bool is_last = i + 1 == rounds_.size();
        const Instant end = is_last ? Instant{Duration::max()} : rounds_[i + 1].began;
        const Round& round = rounds_[i];
        if (round.harm == Instant{}) continue;  // it was interrupted
        const CallsJudged judged =
            judge_calls(round.harm, calls([&](const CallSeen& call) {
                            return !call.held && call.began >= round.began && call.began < end;
                        }));
        report_.add_calls(judged);
        if (judged.probes.empty()) continue;
        const auto time = switch_time(round.harm, judged.probes);
        if (time) report_.switch_call.push_back(*time);
        if (!time) ++report_.not_back;
    }
}

// Phones first, then the API: what is acknowledged in between is in its answer.
Result<void> Drill::check_registrations() {
    const auto known = fleet_->ask([](Fleet& fleet) { return fleet.contacts(); });
    const auto listed = TRY(site_.contacts(domain_));
    report_.registrations += known.size();
    for (const std::string& contact : known) {
        if (!listed.contains(contact)) ++report_.registrations_lost;
    }
    return {};
}

// The index may lag a little behind the owners.
Result<void> Drill::check_owners() {
    OwnedCalls owned;
    const bool agreed = wait_for(5s, [&] {
        const auto now = site_.owned_calls(domain_);
        if (now.has_value()) owned = *now;
        return now.has_value() && owned.twice() == 0;
    });
    if (!agreed && !interrupt_.has_come()) report_.owned_twice += owned.twice();
    return {};
}

// ---- after the last round

// `complete`: all rounds were done, so what is still open is waited for and judged.
void Drill::finish(bool complete) {
    fleet_->ask([](Fleet& fleet) {
        fleet.place_calls(false);
        fleet.refresh_bindings(false);
    });
    probes_.reset();
    // Those that ring are to be answered: one that is cancelled would count as refused.
    if (complete) (void)interrupt_.nap(ring_most + talk_most + 500ms);
    say("hanging up");
    fleet_->ask([](Fleet& fleet) { fleet.hang_up_all(); });
    wait_for(complete ? calls_patience : calls_patience_interrupted,
             [this] { return fleet_->ask([](Fleet& fleet) { return fleet.is_at_rest(); }); });
    judge_new_calls();
    if (complete) check_records();
    report_.faults = fleet_->ask([](Fleet& fleet) { return fleet.faults(); });
    report_.gate_changes = fleet_->ask([](Fleet& fleet) { return fleet.gate_changes(); });
    report_.lateness = fleet_->ask([](Fleet& fleet) { return fleet.lateness(); });
}

void Drill::check_records() {
    const auto calls = fleet_->ask([](Fleet& fleet) { return fleet.calls(); });
    const Instant began = runtime::read_monotonic();
    bool said = false;
    wait_for(records_patience, [&] {
        const auto records = site_.answered_records(domain_);
        if (!records.has_value()) return false;
        report_.records = judge_records(calls, *records);
        if (report_.records.missing > 0 && !std::exchange(said, true))
            say("waiting for " + std::to_string(report_.records.missing) + " call records");
        const Duration waited = runtime::read_monotonic() - began;
        const bool are_of_lost = report_.records.missing <= report_.answered_lost;
        return report_.records.missing == 0 || (are_of_lost && waited > records_patience_lost);
    });
}

void Drill::remove_all() {
    if (!domain_made_) return;
    fleet_.reset();
    // What was harmed may not be back yet.
    const bool removed = wait_for(back_patience, [this] {
        const auto accounts =
            for_all_accounts([this](const SiteView& site, const Account& account) {
                const auto done = site.remove_account(domain_, account.login);
                const bool is_gone = !done.has_value() && done.error().code == ErrorCode::NotFound;
                return is_gone ? Result<void>() : done;
            });
        if (!accounts.has_value()) return false;
        const auto domain = site_.remove_domain(domain_);
        return domain.has_value() || domain.error().code == ErrorCode::NotFound;
    });
    if (!removed) say("the domain " + domain_ + " is left behind: remove it with its accounts");
}

}  // namespace tandem::drill
