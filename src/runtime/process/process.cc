#include "runtime/process/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/process/limits.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/unique_fd.h"

extern char** environ;

namespace tandem::runtime {

namespace {

int open_pidfd(pid_t pid) {
    return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
}

void send_signal(int pidfd, int signal) {
    // A process that has just ended needs no signal.
    (void)syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}

// When the process started, in ticks since boot: field 22 of /proc/<pid>/stat. A pid that was given
// to another program has another start. nullopt: no such process.
std::optional<uint64_t> start_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    if (!std::getline(file, text)) return std::nullopt;
    // The name in field 2 may hold anything, also ')': fields are counted from the last one.
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream fields(text.substr(name_end + 1));
    std::string field;
    for (int number = 3; number <= 22; ++number) fields >> field;
    if (!fields) return std::nullopt;
    return std::strtoull(field.c_str(), nullptr, 10);
}

struct PidFile {
    pid_t pid = 0;
    uint64_t start = 0;
};

std::optional<PidFile> read_pid_file(const std::string& path) {
    std::ifstream file(path);
    PidFile content;
    if (!(file >> content.pid >> content.start) || content.pid <= 1) return std::nullopt;
    return content;
}

Result<void> write_pid_file(const std::string& path, const PidFile& content) {
    const std::string temporary = path + ".new";
    {
        std::ofstream file(temporary, std::ios::trunc);
        file << content.pid << ' ' << content.start << '\n';
        if (!file.flush()) {
            return make_error(ErrorCode::Unavailable, "run_directory", "cannot write " + path);
        }
    }
    if (rename(temporary.c_str(), path.c_str()) != 0) {
        return make_error(ErrorCode::Unavailable, "run_directory", "cannot write " + path);
    }
    return {};
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

// Ours, with the names in `added` replaced.
std::vector<std::string> environment_with(const std::vector<std::string>& added) {
    std::vector<std::string> all = added;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view ours(*entry);
        const std::string_view name = ours.substr(0, ours.find('=') + 1);
        const bool replaced = std::any_of(added.begin(), added.end(), [&](const auto& text) {
            return std::string_view(text).starts_with(name);
        });
        if (!replaced) all.emplace_back(ours);
    }
    return all;
}

Result<pid_t> spawn(const ProcessSpec& spec) {
    std::vector<std::string> arguments{spec.program};
    arguments.insert(arguments.end(), spec.arguments.begin(), spec.arguments.end());
    std::vector<std::string> environment = environment_with(spec.environment);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!spec.output_file.empty()) {
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, spec.output_file.c_str(),
                                         O_WRONLY | O_CREAT | O_APPEND, 0640);
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    }
    // A session of its own: Ctrl-C at the parent's terminal is the parent's business. No signal is
    // blocked or ignored in the child.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t pid = 0;
    const int failed = posix_spawn(&pid, spec.program.c_str(), &actions, &attributes,
                                   pointers_to(arguments).data(), pointers_to(environment).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return make_error(
            ErrorCode::Unavailable, "program",
            "cannot start " + spec.program + ": " + std::generic_category().message(failed));
    }
    return pid;
}

}  // namespace

struct Supervised::Body : std::enable_shared_from_this<Supervised::Body> {
    Body(Reactor& on, std::string directory, ProcessSpec what)
        : reactor(on), run_directory(std::move(directory)), spec(std::move(what)), timer(on) {}

    Reactor& reactor;
    const std::string run_directory;
    const ProcessSpec spec;
    Timer timer;
    UniqueFd pidfd;
    std::unique_ptr<FdWatch> watch;
    State state = State::Stopped;
    pid_t pid = 0;
    bool child = false;  // of ours, not adopted
    uint32_t restarts = 0;
    Duration pause = restart_pause_first;
    Instant started;
    bool again = false;  // start at once after the end that was asked for
    std::move_only_function<void()> stopped;
    std::move_only_function<void(ProcessEnd)> ended;

    std::string pid_path() const { return run_directory + "/" + spec.name + ".pid"; }
    bool adopt();
    Result<void> launch();
    Result<void> follow(pid_t process, bool is_child);
    void on_exit();
    ProcessEnd reap();
    void relaunch();
    void ask_to_end();
};

bool Supervised::Body::adopt() {
    const auto file = read_pid_file(pid_path());
    if (!file || start_of(file->pid) != file->start) return false;
    return follow(file->pid, false).has_value();
}

Result<void> Supervised::Body::launch() {
    const pid_t process = TRY(spawn(spec));
    TRY(follow(process, true));
    return write_pid_file(pid_path(), {process, start_of(process).value_or(0)});
}

Result<void> Supervised::Body::follow(pid_t process, bool is_child) {
    UniqueFd fd(open_pidfd(process));
    if (!fd) return make_error(ErrorCode::Unavailable, "process", "the process cannot be followed");
    fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
    pidfd = std::move(fd);
    watch = std::make_unique<FdWatch>(reactor, pidfd.get());
    watch->wait(FdWatch::Interest::Read, [self = shared_from_this()] { self->on_exit(); });
    pid = process;
    child = is_child;
    started = read_monotonic();
    state = State::Running;
    return {};
}

// Only children tell how they ended; of an adopted process we see that it did.
ProcessEnd Supervised::Body::reap() {
    ProcessEnd end;
    siginfo_t info{};
    if (!child || waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED) != 0) return end;
    if (info.si_code == CLD_EXITED) {
        end.exit_code = info.si_status;
    } else {
        end.signal = info.si_status;
    }
    return end;
}

void Supervised::Body::on_exit() {
    const ProcessEnd end = reap();
    watch.reset();
    pidfd.reset();
    timer.cancel();
    pid = 0;
    unlink(pid_path().c_str());
    const bool asked = state == State::Stopping && !std::exchange(again, false);
    const bool at_once = state == State::Stopping && !asked;
    state = asked ? State::Stopped : State::Waiting;
    if (read_monotonic() - started > restart_pause_forgotten) pause = restart_pause_first;
    if (!asked) {
        timer.arm(at_once ? Duration::zero() : pause, [this] { relaunch(); });
        pause = std::min<Duration>(2 * pause, restart_pause_last);
    }
    if (ended) ended(end);
    if (asked && stopped) std::exchange(stopped, nullptr)();
}

void Supervised::Body::relaunch() {
    ++restarts;
    if (launch()) return;
    state = State::Waiting;
    timer.arm(pause, [this] { relaunch(); });
    pause = std::min<Duration>(2 * pause, restart_pause_last);
}

void Supervised::Body::ask_to_end() {
    state = State::Stopping;
    send_signal(pidfd.get(), SIGTERM);
    timer.arm(spec.stop_max, [this] {
        if (pidfd) send_signal(pidfd.get(), SIGKILL);
    });
}

Supervised::Supervised(Reactor& reactor, std::string run_directory, ProcessSpec spec)
    : body_(std::make_shared<Body>(reactor, std::move(run_directory), std::move(spec))) {}

Supervised::~Supervised() {
    body_->timer.cancel();
    body_->watch.reset();
}

Result<void> Supervised::start() {
    if (body_->state != State::Stopped || body_->adopt()) return {};
    return body_->launch();
}

void Supervised::stop(std::move_only_function<void()> stopped) {
    body_->again = false;
    if (!body_->pidfd) {
        body_->timer.cancel();
        body_->state = State::Stopped;
        body_->reactor.post(std::move(stopped));
        return;
    }
    body_->stopped = std::move(stopped);
    if (body_->state != State::Stopping) body_->ask_to_end();
}

void Supervised::restart() {
    if (!body_->pidfd) return;
    body_->again = true;
    if (body_->state != State::Stopping) body_->ask_to_end();
}

Supervised::State Supervised::state() const {
    return body_->state;
}
pid_t Supervised::pid() const {
    return body_->pid;
}
uint32_t Supervised::restarts() const {
    return body_->restarts;
}
void Supervised::on_end(std::move_only_function<void(ProcessEnd)> ended) {
    body_->ended = std::move(ended);
}

namespace {

// 0: nobody holds it.
pid_t holder_of(const std::string& path) {
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd || flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return 0;
    pid_t pid = 0;
    std::ifstream(path) >> pid;
    return pid;
}

// Between fork() and _exit() of a program with threads: nothing that might want a lock.
[[noreturn]] void pause_and_exit(const pid_t* pids, size_t count, timespec time) {
    close_range(0, ~0U, 0);  // sockets are their owners'
    setsid();
    for (size_t i = 0; i < count; ++i) kill(pids[i], SIGSTOP);
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR) continue;
    for (size_t i = 0; i < count; ++i) kill(pids[i], SIGCONT);
    _exit(0);
}

}  // namespace

struct ProcessWatch::Body {
    UniqueFd pidfd;
    std::unique_ptr<FdWatch> watch;
    std::move_only_function<void()> ended;
};

ProcessWatch::ProcessWatch(Reactor& reactor, const std::string& run_directory,
                           const std::string& name, std::move_only_function<void()> ended)
    : body_(std::make_unique<Body>()) {
    const auto file = read_pid_file(run_directory + "/" + name + ".pid");
    if (!file || start_of(file->pid) != file->start) return;
    body_->pidfd = UniqueFd(open_pidfd(file->pid));
    if (!body_->pidfd) return;
    body_->ended = std::move(ended);
    body_->watch = std::make_unique<FdWatch>(reactor, body_->pidfd.get());
    body_->watch->wait(FdWatch::Interest::Read, [body = body_.get()] { body->ended(); });
}
ProcessWatch::~ProcessWatch() = default;

std::vector<pid_t> processes_of(const std::string& run_directory) {
    std::vector<pid_t> pids;
    const pid_t parent = holder_of(run_directory + "/" + kLockFile);
    if (parent > 1) pids.push_back(parent);
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(run_directory, error)) {
        if (entry.path().extension() != ".pid") continue;
        const auto content = read_pid_file(entry.path().string());
        if (content && start_of(content->pid) == content->start) pids.push_back(content->pid);
    }
    return pids;
}

Result<void> pause_processes(const std::vector<pid_t>& pids, Duration time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const timespec length{seconds.count(), (time - seconds).count()};
    // The one in the middle ends at once, so that nobody is left with a child to wait for.
    const pid_t middle = fork();
    if (middle == 0) {
        if (fork() == 0) pause_and_exit(pids.data(), pids.size(), length);
        _exit(0);
    }
    if (middle < 0) {
        return make_error(ErrorCode::Unavailable, "",
                          std::string("cannot make a process: ") + std::strerror(errno));
    }
    waitpid(middle, nullptr, 0);
    return {};
}

Result<LockFile> LockFile::acquire(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
    if (!fd) {
        return make_error(ErrorCode::Unavailable, "path",
                          path + ": cannot be written: " + std::strerror(errno));
    }
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        return make_error(ErrorCode::Conflict, "path", path + " is held by another process");
    }
    // For people who look who it is.
    const std::string pid = std::to_string(getpid()) + "\n";
    if (ftruncate(fd.get(), 0) != 0 || write(fd.get(), pid.data(), pid.size()) < 0) {
        return make_error(ErrorCode::Unavailable, "path", "cannot write " + path);
    }
    return LockFile(fd.release());
}

LockFile::LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
LockFile& LockFile::operator=(LockFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}
LockFile::~LockFile() {
    if (fd_ >= 0) close(fd_);
}

}  // namespace tandem::runtime
