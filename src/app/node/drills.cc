#include "app/node/drills.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/process/process.h"

namespace tandem::app {
namespace {

using ports::HarmRequest;

constexpr auto kDelay = std::chrono::milliseconds(20);

// Whoever sends the signals is the last one, and the parent the first: it would start the others
// again.
std::vector<pid_t> victims(const std::string& run_directory, HarmRequest::Scope scope) {
    std::vector<pid_t> pids;
    if (scope == HarmRequest::Scope::Server) pids = runtime::processes_of(run_directory);
    std::erase(pids, getpid());
    pids.push_back(getpid());
    return pids;
}

}  // namespace

Drills::Drills(runtime::Reactor& reactor, std::string run_directory, runtime::NodeLinks& links)
    : run_directory_(std::move(run_directory)), links_(links), timer_(reactor) {}

ports::HarmReply Drills::start(const HarmRequest& harm) {
    timer_.arm(kDelay, [this, harm] { carry_out(harm); });
    return {std::nullopt, static_cast<uint32_t>(kDelay.count())};
}

void Drills::carry_out(const HarmRequest& harm) {
    const std::chrono::seconds time(harm.seconds);
    switch (harm.kind) {
        case HarmRequest::Kind::Kill:
            for (const pid_t pid : victims(run_directory_, harm.scope)) kill(pid, SIGKILL);
            return;
        case HarmRequest::Kind::Pause:
            (void)runtime::pause_processes(victims(run_directory_, harm.scope), time);
            return;
        case HarmRequest::Kind::Partition:
            links_.cut(time, harm.scope == HarmRequest::Scope::Server
                                 ? runtime::NodeLinks::Cut::OtherServers
                                 : runtime::NodeLinks::Cut::All);
            return;
    }
}

std::string text_of(const HarmRequest& harm) {
    std::string text;
    switch (harm.kind) {
        case HarmRequest::Kind::Kill:
            text = "kill of";
            break;
        case HarmRequest::Kind::Pause:
            text = "pause of";
            break;
        case HarmRequest::Kind::Partition:
            text = "partition of";
            break;
    }
    text += harm.scope == HarmRequest::Scope::Server ? " this server" : " this node";
    if (harm.seconds > 0) text += " for " + std::to_string(harm.seconds) + " s";
    return text;
}

}  // namespace tandem::app
