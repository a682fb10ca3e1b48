// The commands of `tandem`. Each adds itself to the command line and runs when chosen.
#pragma once

#include <functional>
#include <string>

#include "app/cli/client.h"

namespace CLI {
class App;
}

namespace tandem::cli {

struct Global {
    std::string url;
    std::string token;
    bool json = false;
    int exit_code = 0;

    Client client() const { return {url, find_token(token)}; }
    // Prints the error on standard error and makes the program fail.
    void fail(const Error& error);
};

void add_domain_commands(CLI::App& app, Global& global);
void add_account_commands(CLI::App& app, Global& global);
void add_call_commands(CLI::App& app, Global& global);
void add_demo_command(CLI::App& app, Global& global);
void add_operation_commands(CLI::App& app, Global& global);

}  // namespace tandem::cli
