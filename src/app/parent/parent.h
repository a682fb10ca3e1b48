// The parent process of a server: no protocol code, it starts the nodes, starts them again when
// they end, and adopts those that an earlier parent left running. Likewise the etcd member of this
// server, if it has one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/config/bootstrap.h"
#include "app/parent/etcd_supervision.h"
#include "base/result.h"
#include "runtime/process/process.h"
#include "runtime/reactor/reactor.h"

namespace tandem::app {

// How a node ends when its data or its settings cannot be used, so that trying again would not
// help.
inline constexpr int kUnusableExit = 78;  // EX_CONFIG of sysexits.h

class Parent {
 public:
    // `arguments` are those of this program, given on to each node with --node added.
    // `home`: the node that runs for as long as this server does.
    Parent(Bootstrap bootstrap, std::vector<std::string> arguments, int home);

    // Until SIGTERM or SIGINT; the exit code of the program.
    int run();

 private:
    void start_node(int number);
    void follow_nodes_file();
    bool is_first_start() const;
    void on_signal();
    void stop_all();
    void stop_if_done();
    void stop_first_node();

    Bootstrap bootstrap_;
    std::vector<std::string> arguments_;
    int home_;
    runtime::Reactor reactor_;
    std::map<int, std::unique_ptr<runtime::Supervised>> nodes_;
    EtcdSupervision etcd_{reactor_, bootstrap_};
    std::unique_ptr<runtime::Timer> poll_;
    std::unique_ptr<runtime::FdWatch> signal_watch_;
    int signal_fd_ = -1;
    int signals_ = 0;
    Instant started_;
    bool unusable_ = false;
};

// The numbers of the nodes that this server is to run, written by its home node (which knows the
// layers) and read by the parent.
Result<void> write_nodes_file(const std::string& data, const std::vector<int>& nodes);
std::vector<int> read_nodes_file(const std::string& data);

// Blocks SIGTERM and SIGINT for all threads, ignores SIGPIPE, and answers a descriptor that tells
// the first two.
int make_signal_fd();

}  // namespace tandem::app
