#include "app/parent/parent.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "runtime/reactor/clock.h"

namespace tandem::app {
namespace {

// How often the parent looks which nodes there are to be.
constexpr auto kNodesPoll = std::chrono::milliseconds(100);
constexpr auto kFirstStart = std::chrono::seconds(5);

std::string nodes_path(const std::string& data) {
    return data + "/run/nodes";
}

std::string own_program() {
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    return length > 0 ? std::string(path, static_cast<size_t>(length)) : "tandemd";
}

}  // namespace

Result<void> write_nodes_file(const std::string& data, const std::vector<int>& nodes) {
    const std::string path = nodes_path(data);
    {
        std::ofstream file(path + ".new");
        for (const int node : nodes) file << node << '\n';
        if (!file.flush()) return make_error(ErrorCode::Internal, "", path + ": cannot be written");
    }
    if (rename((path + ".new").c_str(), path.c_str()) != 0) {
        return make_error(ErrorCode::Internal, "", path + ": cannot be replaced");
    }
    return {};
}

std::vector<int> read_nodes_file(const std::string& data) {
    std::ifstream file(nodes_path(data));
    std::vector<int> nodes;
    for (int node = 0; file >> node;) nodes.push_back(node);
    return nodes;
}

int make_signal_fd() {
    // OpenSSL writes to sockets whose peer may be gone; that is an error of the connection.
    (void)signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

Parent::Parent(Bootstrap bootstrap, std::vector<std::string> arguments, int home)
    : bootstrap_(std::move(bootstrap)), arguments_(std::move(arguments)), home_(home) {}

int Parent::run() {
    const auto lock = runtime::LockFile::acquire(bootstrap_.data + "/run/" + runtime::kLockFile);
    if (!lock.has_value()) {
        const bool held = lock.error().code == ErrorCode::Conflict;
        const std::string why =
            held ? "another tandemd runs with the data directory " + bootstrap_.data
                 : lock.error().message;
        std::fprintf(stderr, "tandemd: %s\n", why.c_str());
        return 1;
    }
    started_ = runtime::read_monotonic();
    signal_fd_ = make_signal_fd();
    signal_watch_ = std::make_unique<runtime::FdWatch>(reactor_, signal_fd_);
    signal_watch_->wait(runtime::FdWatch::Interest::Read, [this] { on_signal(); });
    etcd_.follow();
    start_node(home_);
    follow_nodes_file();
    poll_ = std::make_unique<runtime::Timer>(reactor_);
    poll_->arm_every(kNodesPoll, [this] {
        if (signals_ == 0) etcd_.follow();
        follow_nodes_file();
    });
    reactor_.run();
    return unusable_ ? 1 : 0;
}

void Parent::start_node(int number) {
    runtime::ProcessSpec spec;
    spec.name = "node-" + std::to_string(number);
    spec.program = own_program();
    spec.arguments = arguments_;
    spec.arguments.push_back("--node");
    spec.arguments.push_back(std::to_string(number));
    spec.stop_max = std::chrono::seconds(bootstrap_.drain_max_s + 5);
    auto node = std::make_unique<runtime::Supervised>(reactor_, bootstrap_.data + "/run", spec);
    node->on_end([this, number](runtime::ProcessEnd end) {
        if (signals_ > 0 || (end.signal == 0 && end.exit_code == 0)) return;
        if (number == home_ && end.signal == 0 && end.exit_code == kUnusableExit &&
            is_first_start()) {
            unusable_ = true;  // the node has said why: nothing gets better by trying again
            return reactor_.stop();
        }
        std::fprintf(stderr, "tandemd: node %d ended (%s %d), starting it again\n", number,
                     end.signal != 0 ? "signal" : "exit code",
                     end.signal != 0 ? end.signal : end.exit_code);
    });
    const auto started = node->start();
    if (!started.has_value()) {
        std::fprintf(stderr, "tandemd: node %d: %s\n", number, started.error().message.c_str());
    }
    nodes_[number] = std::move(node);
}

// Nothing of an earlier life runs, and this one has just begun: whoever starts us is told, rather
// than left with a parent that tries for ever. Later a full disk, say, may be freed.
bool Parent::is_first_start() const {
    return runtime::read_monotonic() - started_ < kFirstStart && nodes_.size() == 1;
}

void Parent::follow_nodes_file() {
    if (signals_ > 0) return;
    const std::vector<int> wanted = read_nodes_file(bootstrap_.data);
    for (const int number : wanted) {
        if (!nodes_.contains(number)) start_node(number);
    }
    if (wanted.empty()) return;
    for (auto& [number, node] : nodes_) {
        const bool stays =
            number == home_ || std::find(wanted.begin(), wanted.end(), number) != wanted.end();
        const bool runs = node->state() != runtime::Supervised::State::Stopped &&
                          node->state() != runtime::Supervised::State::Stopping;
        if (!stays && runs) node->stop([] {});
        if (stays && node->state() == runtime::Supervised::State::Stopped) (void)node->start();
    }
}

void Parent::on_signal() {
    signalfd_siginfo info;
    while (read(signal_fd_, &info, sizeof info) == sizeof info) {
        ++signals_;
        if (signals_ == 1) stop_all();
        // The second one is for whoever does not want to wait: nodes pass it on to themselves.
        if (signals_ == 2) {
            for (auto& [number, node] : nodes_) {
                if (node->pid() > 0) kill(node->pid(), SIGTERM);
            }
        }
        if (signals_ == 3) _exit(1);
    }
    signal_watch_->wait(runtime::FdWatch::Interest::Read, [this] { on_signal(); });
}

// The other nodes first: where this server has the store, they write to it until the end.
void Parent::stop_all() {
    bool others = false;
    for (auto& [number, node] : nodes_) {
        if (number == home_ || node->state() == runtime::Supervised::State::Stopped) continue;
        others = true;
        node->stop([this] { stop_if_done(); });
    }
    if (!others) stop_first_node();
}

void Parent::stop_if_done() {
    for (auto& [number, node] : nodes_) {
        if (number != home_ && node->state() != runtime::Supervised::State::Stopped) return;
    }
    stop_first_node();
}

// The store goes last: all others write until their end.
void Parent::stop_first_node() {
    nodes_[home_]->stop([this] { etcd_.stop([this] { reactor_.stop(); }); });
}

}  // namespace tandem::app
