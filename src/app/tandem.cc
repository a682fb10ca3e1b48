// tandem: the command line. It speaks to the API and knows nothing else; drills call as well.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/client.h"
#include "app/cli/commands.h"
#include "app/version.h"

int main(int argc, char** argv) {
    using namespace tandem::cli;
    Global global;
    global.url = default_url();
    CLI::App app{
        "Tandem's command line. It needs the API's address and a token:\n"
        "--url or TANDEM_URL; --token, TANDEM_TOKEN or the file admin.token of TANDEM_DATA.\n"
        "It ends with 0: done, 1: refused, 2: wrong usage, 3: the server cannot be reached."};
    app.set_version_flag("--version", tandem::app::kVersion);
    app.add_option("--url", global.url, "address of the API (default: http://127.0.0.1:8080)");
    app.add_option("--token", global.token, "Bearer token");
    app.add_flag("--json", global.json, "print JSON");
    app.add_flag("--ids", global.ids, "print ids of other entities in place of their names");
    app.fallthrough();
    app.require_subcommand(1);
    add_operation_commands(app, global);
    add_entity_commands(app, global);
    add_server_commands(app, global);
    add_feature_commands(app, global);
    add_queue_commands(app, global);
    add_plan_commands(app, global);
    add_event_commands(app, global);
    add_call_commands(app, global);
    add_cdr_commands(app, global);
    add_route_commands(app, global);
    add_audit_commands(app, global);
    add_past_commands(app, global);
    add_bulk_command(app, global);
    add_backup_command(app, global);
    add_demo_command(app, global);
    add_drill_command(app, global);
    try {
        app.parse(argc, argv);
    } catch (const CLI::RequiredError& error) {
        const auto unknown = app.remaining();
        if (unknown.empty()) return app.exit(error) == 0 ? 0 : kExitUsage;
        std::fprintf(stderr, "tandem: there is no command '%s'; see tandem --help\n",
                     unknown.front().c_str());
        return kExitUsage;
    } catch (const CLI::ParseError& error) {
        // --help and --version come as errors, too, with code 0.
        return app.exit(error) == 0 ? 0 : kExitUsage;
    }
    return global.exit_code;
}
