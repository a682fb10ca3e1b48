// The commands of `tandem`. Each adds itself to the command line and runs when chosen.
#pragma once

#include <functional>
#include <string>

#include "app/cli/client.h"

namespace CLI {
class App;
}

namespace tandem::cli {

// What the program ends with; scripts rely on it.
inline constexpr int kExitRefused = 1;      // the server says no: unknown id, bad value, conflict
inline constexpr int kExitUsage = 2;        // the command line, or a file it names, is wrong
inline constexpr int kExitUnreachable = 3;  // no answer, or one that says to try again

struct Global {
    std::string url;
    std::string token;
    bool json = false;
    bool ids = false;  // shown where other entities are meant, in place of their names
    int exit_code = 0;

    Client client() const { return {url, find_token(token)}; }
    // Prints the error on standard error and makes the program fail, with the code for its kind.
    void fail(const Error& error);
};

void add_audit_commands(CLI::App& app, Global& global);
void add_bulk_command(CLI::App& app, Global& global);
void add_backup_command(CLI::App& app, Global& global);
void add_entity_commands(CLI::App& app, Global& global);
// After add_entity_commands(): it adds to the group 'feature-code'.
void add_feature_commands(CLI::App& app, Global& global);
void add_call_commands(CLI::App& app, Global& global);
void add_cdr_commands(CLI::App& app, Global& global);
void add_demo_command(CLI::App& app, Global& global);
void add_drill_command(CLI::App& app, Global& global);
void add_event_commands(CLI::App& app, Global& global);
// After add_entity_commands(): it adds to the group 'rule'.
void add_route_commands(CLI::App& app, Global& global);
// After add_entity_commands(): it adds to the group 'domain'.
void add_past_commands(CLI::App& app, Global& global);
// After add_entity_commands(): it adds to the group 'agent'.
void add_queue_commands(CLI::App& app, Global& global);
void add_plan_commands(CLI::App& app, Global& global);
void add_operation_commands(CLI::App& app, Global& global);
// After add_entity_commands(): it adds to the group 'server'.
void add_server_commands(CLI::App& app, Global& global);

}  // namespace tandem::cli
