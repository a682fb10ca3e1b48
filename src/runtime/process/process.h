// Processes of the parent: nodes and what else it supervises. They outlive the parent and are
// adopted by the next one.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/reactor/reactor.h"

namespace tandem::runtime {

struct ProcessSpec {
    std::string name;                            // unique; names the pid file
    std::string program;                         // path
    std::vector<std::string> arguments;          // without argv[0]
    std::vector<std::string> environment;        // added to ours, "NAME=value"
    std::string output_file;                     // stdout and stderr are appended; empty: ours
    std::chrono::milliseconds stop_max{10'000};  // SIGTERM, then SIGKILL
};

struct ProcessEnd {
    int exit_code = -1;  // -1: ended by a signal
    int signal = 0;
};

// Keeps one program running: starts it, or adopts the one that an earlier parent left; starts it
// again after its end with pauses that grow from 10 ms to 10 s while it keeps dying.
class Supervised {
 public:
    enum class State { Stopped, Running, Waiting, Stopping };

    // Pid files (<name>.pid: pid and start time of the process) live in `run_directory`.
    Supervised(Reactor& reactor, std::string run_directory, ProcessSpec spec);
    // The process goes on; a later Supervised of that name adopts it.
    ~Supervised();

    Result<void> start();  // adopts when it can
    void stop(std::move_only_function<void()> stopped);
    void restart();
    State state() const;
    pid_t pid() const;  // 0: none
    uint32_t restarts() const;
    void on_end(std::move_only_function<void(ProcessEnd)> ended);

 private:
    struct Body;
    std::shared_ptr<Body> body_;
};

// Tells once when a process ends that another one supervises: that of `name` in `run_directory`, as
// it runs now. Where there is none it tells nothing.
class ProcessWatch {
 public:
    ProcessWatch(Reactor& reactor, const std::string& run_directory, const std::string& name,
                 std::move_only_function<void()> ended);
    ~ProcessWatch();
    ProcessWatch(const ProcessWatch&) = delete;
    ProcessWatch& operator=(const ProcessWatch&) = delete;

 private:
    struct Body;
    std::unique_ptr<Body> body_;
};

// What runs now of a run directory: the holder of its lock file, then those of its pid files.
std::vector<pid_t> processes_of(const std::string& run_directory);
// Stops all of them, the caller too if it is among them, and lets them go on after `time`. A
// process of its own does both.
Result<void> pause_processes(const std::vector<pid_t>& pids, Duration time);
inline constexpr const char* kLockFile = "tandemd.lock";  // in the run directory

// Held by the one parent of a data directory. Released by the kernel when its holder dies.
class LockFile {
 public:
    static Result<LockFile> acquire(const std::string& path);  // Conflict: another holds it
    LockFile(LockFile&&) noexcept;
    LockFile& operator=(LockFile&&) noexcept;
    ~LockFile();

 private:
    explicit LockFile(int fd) : fd_(fd) {}
    int fd_ = -1;
};

}  // namespace tandem::runtime
