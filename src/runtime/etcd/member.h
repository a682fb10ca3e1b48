// One etcd process of this server: started, watched, started again. It outlives us and is adopted
// by the next EtcdMember of its name. On the reactor's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/etcd/admin.h"
#include "runtime/etcd/member_flags.h"
#include "runtime/reactor/reactor.h"

namespace tandem::runtime {

enum class EtcdMemberState {
    Stopped,
    Starting,    // the process runs, or is about to be started again
    Serving,     // it answers and knows a leader
    Leaderless,  // it answers, but there is no majority
    Silent,      // it served and does not answer now: paused, or its machine is overloaded
    Damaged,     // its data can't be used; it is not started again
    Removed,     // the cluster has removed it; it is not started again
};

class EtcdMember {
 public:
    // The pid file and the log are <run_directory>/etcd-<name>.pid and .log.
    EtcdMember(Reactor& reactor, std::string run_directory, EtcdMemberSpec spec);
    ~EtcdMember();  // the process goes on
    EtcdMember(const EtcdMember&) = delete;
    EtcdMember& operator=(const EtcdMember&) = delete;

    // Unsupported: no etcd, or a version that we do not know. Conflict: the data directory is
    // damaged, or lost though the member has been serving (see lay_data_aside()).
    Result<void> start();
    void stop(std::move_only_function<void()> stopped);

    EtcdMemberState state() const;
    // Of Damaged, Removed, and of Starting when the last start failed: one sentence for the
    // operator. Empty otherwise.
    const std::string& problem() const;
    const EtcdMemberStatus& status() const;  // as last heard
    int pid() const;                         // 0: none
    void on_change(std::move_only_function<void()> changed);

    // Renames the data directory to <data_directory>.damaged-<n>, so that the member can be added
    // to its cluster anew: remove it there, add it, then start() one that joins. Answers the new
    // name; NotFound: there is no data. The process must not run.
    Result<std::string> lay_data_aside();
    // Off the peak: the member serves nothing meanwhile. Answers whether it was worth it.
    void defragment_if_wasteful(EtcdAdmin::Then<bool> then);

 private:
    struct State;
    std::shared_ptr<State> state_;
};

// Whether so much of a member's file is unused that rewriting it pays.
bool is_wasteful(const EtcdMemberStatus& status);

}  // namespace tandem::runtime
