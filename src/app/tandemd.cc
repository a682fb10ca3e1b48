// tandemd: the server program. Without --node it is the parent that keeps the nodes of this server
// running; with it, one node.
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "app/config/bootstrap.h"
#include "app/node/node.h"
#include "app/parent/parent.h"
#include "app/version.h"
#include "runtime/reactor/clock.h"

namespace tandem::app {
namespace {

struct Options {
    std::string config;
    std::string data;
    int node = 0;
    bool check = false;
};

int fail(const std::string& message) {
    std::fprintf(stderr, "tandemd: %s\n", message.c_str());
    return 1;
}

Result<Bootstrap> read_bootstrap(const Options& options) {
    Bootstrap bootstrap =
        options.config.empty() ? default_bootstrap() : TRY(load_bootstrap(options.config));
    if (!options.data.empty()) bootstrap.data = options.data;
    if (bootstrap.name.size() > 63) bootstrap.name.resize(63);  // of the machine
    return bootstrap;
}

Result<void> make_directories(Bootstrap& bootstrap) {
    for (const char* name : {"", "/run", "/tls"}) {
        std::error_code error;
        const std::string path = bootstrap.data + name;
        std::filesystem::create_directories(path, error);
        if (error) {
            return make_error(ErrorCode::Internal, "data",
                              path + ": cannot be made: " + error.message());
        }
    }
    chmod((bootstrap.data + "/run").c_str(), 0700);
    bootstrap.data = std::filesystem::absolute(bootstrap.data).lexically_normal().string();
    return {};
}

// What a thread frees it soon needs again: giving it back to the kernel page by page, as malloc
// does by default, cost a system call and page faults for each call that was served.
void keep_freed_memory() {
    mallopt(M_TRIM_THRESHOLD, 32 << 20);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
}

int run_node(const Bootstrap& bootstrap, int number) {
    keep_freed_memory();
    // Before any thread is made: each inherits the blocked signals.
    const int signals = make_signal_fd();
    auto node = Node::make(bootstrap, static_cast<uint16_t>(number), runtime::read_monotonic());
    if (!node.has_value()) {
        fail(node.error().message);
        return kUnusableExit;
    }
    return (*node)->run(signals);
}

int main_of(int argc, char** argv) {
    Options options;
    CLI::App app{"Tandem's server program. Phones and the API are served by the nodes it starts."};
    app.set_version_flag("--version", kVersion);
    app.add_option("--config", options.config, "bootstrap file (TOML); see docs/configuration.md");
    app.add_option("--data", options.data, "data directory (default: $TANDEM_DATA, else ./var)");
    app.add_option("--node", options.node, "run as this node (given by the parent)")
        ->check(CLI::Range(1, 200));
    app.add_flag("--check", options.check, "only check the bootstrap file");
    CLI11_PARSE(app, argc, argv);

    auto bootstrap = read_bootstrap(options);
    if (!bootstrap.has_value()) return fail(bootstrap.error().message);
    if (options.check) {
        std::printf("the bootstrap file is correct\n");
        return 0;
    }
    const auto made = make_directories(*bootstrap);
    if (!made.has_value()) return fail(made.error().message);
    if (options.node != 0) return run_node(*bootstrap, options.node);
    std::vector<std::string> arguments{"--data", bootstrap->data};
    if (!options.config.empty()) {
        arguments.push_back("--config");
        arguments.push_back(std::filesystem::absolute(options.config).string());
    }
    return Parent(*bootstrap, arguments).run();
}

}  // namespace
}  // namespace tandem::app

int main(int argc, char** argv) {
    return tandem::app::main_of(argc, argv);
}
