// tandemd: the server program. Without --node it is the parent that keeps the nodes of this server
// running; with it, one node.
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "app/backup/restorer.h"
#include "app/config/bootstrap.h"
#include "app/config/server_file.h"
#include "app/node/node.h"
#include "app/parent/parent.h"
#include "app/site/joiner.h"
#include "app/version.h"
#include "base/net_address.h"
#include "runtime/reactor/clock.h"

namespace tandem::app {
namespace {

struct Options {
    std::string config;
    std::string data;
    std::string name;
    std::string address;
    std::string join;     // token
    std::string restore;  // file
    std::string passphrase_file;
    int node = 0;
    bool witness = false;
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
    if (!options.name.empty()) bootstrap.name = options.name;
    if (!options.address.empty()) bootstrap.address = options.address;
    if (bootstrap.name.size() > 63) bootstrap.name.resize(63);  // of the machine
    return bootstrap;
}

Result<void> make_directories(Bootstrap& bootstrap) {
    bootstrap.data = std::filesystem::absolute(bootstrap.data).lexically_normal().string();
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

int run_parent(const Bootstrap& bootstrap, const Options& options) {
    const auto server = read_server_file(bootstrap.data);
    if (!server.has_value()) return fail(server.error().message);
    std::vector<std::string> arguments{"--data", bootstrap.data};
    for (const auto& [name, value] : {std::pair<std::string, std::string>{"--name", options.name},
                                      {"--address", options.address}}) {
        if (!value.empty()) arguments.insert(arguments.end(), {name, value});
    }
    if (!options.config.empty()) {
        arguments.push_back("--config");
        arguments.push_back(std::filesystem::absolute(options.config).string());
    }
    return Parent(bootstrap, arguments, server->node).run();
}

int restore(const Bootstrap& bootstrap, const Options& options) {
    const auto restored = restore_site(bootstrap, options.restore, options.passphrase_file);
    if (!restored.has_value()) return fail(restored.error().message);
    std::printf("restored as %s: %llu keys, %llu call records\n", restored->server.c_str(),
                static_cast<unsigned long long>(restored->keys),
                static_cast<unsigned long long>(restored->cdrs));
    for (const std::string& other : restored->others) {
        std::printf("%s has to join anew: tandem server token --name %s\n", other.c_str(),
                    other.c_str());
    }
    std::fflush(stdout);
    return 0;
}

// The layers know this server by the name that it had when it came to them.
Result<void> take_name(Bootstrap& bootstrap) {
    const ServerFile server = TRY(read_server_file(bootstrap.data));
    if (!server.name.empty()) bootstrap.name = server.name;
    return {};
}

int main_of(int argc, char** argv) {
    Options options;
    CLI::App app{"Tandem's server program. Phones and the API are served by the nodes it starts."};
    app.set_version_flag("--version", kVersion);
    app.add_option("--config", options.config, "bootstrap file (TOML); see docs/configuration.md");
    app.add_option("--data", options.data, "data directory (default: $TANDEM_DATA, else ./var)");
    app.add_option("--join", options.join,
                   "token of a running system ('tandem server token'): this server joins it");
    app.add_flag("--witness", options.witness,
                 "join as one that only observes the others and votes: it gets no roles")
        ->needs("--join");
    app.add_option("--restore", options.restore,
                   "a backup ('tandem backup'): this server becomes the first one of its site")
        ->excludes("--join");
    app.add_option("--passphrase-file", options.passphrase_file,
                   "file with the passphrase of the backup (default: asks at the terminal)")
        ->needs("--restore");
    app.add_option("--name", options.name, "name of this server (default: that of the machine)");
    app.add_option("--address", options.address, "IP address of this server")
        ->check([](const std::string& text) {
            return IpAddress::parse(text) ? std::string() : "must be an IPv4 or IPv6 address";
        });
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
    if (!options.join.empty()) {
        const auto joined =
            join_system(*bootstrap, options.join, options.witness ? JoinAs::Witness : JoinAs::Host);
        if (!joined.has_value()) return fail(joined.error().message);
        std::printf("joined as %s, node %d, links at %s\n", joined->name.c_str(), int{joined->node},
                    joined->link_address.c_str());
        std::fflush(stdout);
    }
    if (!options.restore.empty() && restore(*bootstrap, options) != 0) return 1;
    if (is_restore_cut_off(bootstrap->data)) {
        return fail("a restore into " + bootstrap->data +
                    " was cut off: give 'tandemd --restore FILE' again");
    }
    const auto made = make_directories(*bootstrap);
    if (!made.has_value()) return fail(made.error().message);
    const auto named = take_name(*bootstrap);
    if (!named.has_value()) return fail(named.error().message);
    if (options.node != 0) return run_node(*bootstrap, options.node);
    return run_parent(*bootstrap, options);
}

}  // namespace
}  // namespace tandem::app

int main(int argc, char** argv) {
    return tandem::app::main_of(argc, argv);
}
