#include "runtime/etcd/member.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>

#include "runtime/etcd/limits.h"
#include "runtime/process/process.h"
#include "runtime/reactor/clock.h"

namespace tandem::runtime {
namespace {

namespace fs = std::filesystem;

// The log of one member; the one before is kept beside it.
constexpr uintmax_t log_bytes_max = 16u << 20;

Result<EtcdVersion> installed_version(const std::string& program) {
    std::error_code failed;
    if (!fs::exists(program, failed))
        return make_error(ErrorCode::Unsupported, "etcd",
                          program + " is not installed (Debian's package etcd-server has it)");
    const std::string command = "'" + program + "' --version 2>&1";
    const std::unique_ptr<FILE, int (*)(FILE*)> output(popen(command.c_str(), "re"), &pclose);
    std::array<char, 512> text{};
    if (!output) return make_error(ErrorCode::Unavailable, "etcd", "cannot start " + program);
    const size_t length = fread(text.data(), 1, text.size(), output.get());
    return parse_etcd_version(std::string_view(text.data(), length));
}

bool has_log(const std::string& data_directory) {
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(data_directory + "/member/wal", failed))
        if (entry.path().extension() == ".wal") return true;
    return false;
}

uintmax_t size_of(const std::string& path) {
    std::error_code failed;
    const uintmax_t size = fs::file_size(path, failed);
    return failed ? 0 : size;
}

// The end of the file, but nothing before `from`.
std::string tail_of(const std::string& path, uintmax_t from) {
    std::ifstream file(path, std::ios::binary);
    const uintmax_t size = size_of(path);
    const uintmax_t begin = size > etcd_log_tail_bytes ? size - etcd_log_tail_bytes : 0;
    file.seekg(static_cast<std::streamoff>(std::max(begin, from)));
    return std::string(std::istreambuf_iterator<char>(file), {});
}

ProcessSpec process_spec(const EtcdMemberSpec& spec, const std::string& run_directory) {
    ProcessSpec process;
    process.name = "etcd-" + spec.name;
    process.program = spec.program;
    process.arguments = etcd_arguments(spec);
    process.output_file = run_directory + "/" + process.name + ".log";
    return process;
}

}  // namespace

struct EtcdMember::State : std::enable_shared_from_this<EtcdMember::State> {
    State(Reactor& on, std::string directory, EtcdMemberSpec what)
        : reactor(on),
          run_directory(std::move(directory)),
          spec(std::move(what)),
          log(process_spec(spec, run_directory).output_file),
          timer(on) {}

    Result<void> start();
    Result<void> check_data() const;
    void look();
    void on_status(const Result<EtcdMemberStatus>& answer);
    void on_end();
    void give_up(EtcdMemberState as, std::string why);
    void become(EtcdMemberState next, std::string why);
    // Tells that this member has served: data that are missing then have been lost.
    std::string mark_path() const { return spec.data_directory + ".founded"; }

    Reactor& reactor;
    std::string run_directory;
    EtcdMemberSpec spec;
    std::string log;
    Timer timer;
    std::unique_ptr<Supervised> process;
    std::unique_ptr<EtcdAdmin> admin;
    EtcdMemberState state = EtcdMemberState::Stopped;
    std::string problem;
    EtcdMemberStatus status;
    uintmax_t log_from = 0;  // where the log of the present start begins
    bool looking = false;
    Instant heard;
    std::move_only_function<void()> changed;
};

void EtcdMember::State::become(EtcdMemberState next, std::string why) {
    if (state == next && problem == why) return;
    state = next;
    problem = std::move(why);
    if (changed) changed();
}

// A log or a database alone is not what a member leaves behind. etcd would found a new cluster over
// it, without what was in the old one.
Result<void> EtcdMember::State::check_data() const {
    std::error_code failed;
    const bool log_there = has_log(spec.data_directory);
    const bool database_there = fs::exists(spec.data_directory + "/member/snap/db", failed);
    const bool served = fs::exists(mark_path(), failed);
    if (log_there || (!database_there && !served)) return {};
    return make_error(ErrorCode::Conflict, "data_directory",
                      "the data of etcd member " + spec.name + " in " + spec.data_directory +
                          " are damaged (its log is missing): remove the member from the cluster "
                          "and add it anew");
}

Result<void> EtcdMember::State::start() {
    TRY(check_etcd_version(TRY(installed_version(spec.program))));
    if (const auto checked = check_data(); !checked) {
        become(EtcdMemberState::Damaged, checked.error().message);
        return checked;
    }
    std::error_code failed;
    if (size_of(log) > log_bytes_max) fs::rename(log, log + ".1", failed);
    log_from = size_of(log);
    admin = TRY(EtcdAdmin::open(reactor, {spec.client_address}, spec.client_tls));
    process =
        std::make_unique<Supervised>(reactor, run_directory, process_spec(spec, run_directory));
    process->on_end([this](ProcessEnd) { on_end(); });
    TRY(process->start());
    become(EtcdMemberState::Starting, {});
    timer.arm_every(etcd_look, [this] { look(); });
    return {};
}

void EtcdMember::State::look() {
    if (std::exchange(looking, true)) return;
    admin->status(0, [this](const Result<EtcdMemberStatus>& answer) {
        looking = false;
        on_status(answer);
    });
}

void EtcdMember::State::on_status(const Result<EtcdMemberStatus>& answer) {
    if (state == EtcdMemberState::Stopped || state == EtcdMemberState::Damaged ||
        state == EtcdMemberState::Removed)
        return;
    // Somebody else's process answers at the address that ours could not get.
    if (answer && process->pid() != 0) {
        heard = read_monotonic();
        status = *answer;
        if (state == EtcdMemberState::Starting) std::ofstream(mark_path()) << spec.name << '\n';
        return become(status.leader == 0 ? EtcdMemberState::Leaderless : EtcdMemberState::Serving,
                      {});
    }
    const bool served = state == EtcdMemberState::Serving || state == EtcdMemberState::Leaderless;
    if (served && read_monotonic() - heard > etcd_silent_after)
        become(EtcdMemberState::Silent, "etcd member " + spec.name + " does not answer");
}

void EtcdMember::State::on_end() {
    const EtcdEnd end = judge_etcd_log(tail_of(log, log_from));
    log_from = size_of(log);
    const std::string who = "etcd member " + spec.name;
    switch (end.kind) {
        case EtcdEnd::Kind::Damaged:
            return give_up(EtcdMemberState::Damaged,
                           "the data of " + who + " in " + spec.data_directory +
                               " are damaged: remove the member from the cluster and add it anew "
                               "(" +
                               end.reason + ")");
        case EtcdEnd::Kind::Removed:
            return give_up(EtcdMemberState::Removed, who + " has been removed from its cluster");
        case EtcdEnd::Kind::Refused:
            return become(EtcdMemberState::Starting, who + " cannot start: " + end.reason);
        case EtcdEnd::Kind::Ended:
            if (state == EtcdMemberState::Stopped) return;
            return become(EtcdMemberState::Starting, who + " has ended and is started again");
    }
}

void EtcdMember::State::give_up(EtcdMemberState as, std::string why) {
    timer.cancel();
    process->stop([] {});
    become(as, std::move(why));
}

EtcdMember::EtcdMember(Reactor& reactor, std::string run_directory, EtcdMemberSpec spec)
    : state_(std::make_shared<State>(reactor, std::move(run_directory), std::move(spec))) {}

EtcdMember::~EtcdMember() = default;

Result<void> EtcdMember::start() {
    return state_->start();
}

void EtcdMember::stop(std::move_only_function<void()> stopped) {
    state_->timer.cancel();
    state_->become(EtcdMemberState::Stopped, {});
    if (!state_->process) return state_->reactor.post(std::move(stopped));
    state_->process->stop(std::move(stopped));
}

EtcdMemberState EtcdMember::state() const {
    return state_->state;
}
const std::string& EtcdMember::problem() const {
    return state_->problem;
}
const EtcdMemberStatus& EtcdMember::status() const {
    return state_->status;
}
int EtcdMember::pid() const {
    return state_->process ? state_->process->pid() : 0;
}
void EtcdMember::on_change(std::move_only_function<void()> changed) {
    state_->changed = std::move(changed);
}

Result<std::string> EtcdMember::lay_data_aside() {
    if (pid() != 0)
        return make_error(ErrorCode::Conflict, "data_directory", "the member is running");
    std::error_code failed;
    const std::string& from = state_->spec.data_directory;
    fs::remove(state_->mark_path(), failed);
    if (!fs::exists(from, failed))
        return make_error(ErrorCode::NotFound, "data_directory", from + " does not exist");
    std::string to;
    int number = 1;
    do {
        to = from + ".damaged-" + std::to_string(number++);
    } while (fs::exists(to, failed));
    fs::rename(from, to, failed);
    if (failed)
        return make_error(ErrorCode::Unavailable, "data_directory", "cannot rename " + from);
    return to;
}

void EtcdMember::defragment_if_wasteful(EtcdAdmin::Then<bool> then) {
    if (!state_->admin || !is_wasteful(state_->status)) {
        return state_->reactor.post([then = std::move(then)]() mutable { then(false); });
    }
    state_->admin->defragment(0, [then = std::move(then)](const Result<void>& done) mutable {
        if (!done) return then(done.error());
        then(true);
    });
}

bool is_wasteful(const EtcdMemberStatus& status) {
    const int64_t wasted = status.bytes - status.bytes_in_use;
    return wasted >= etcd_wasted_bytes_min &&
           wasted * 100 >= status.bytes * etcd_wasted_percent_min;
}

}  // namespace tandem::runtime
