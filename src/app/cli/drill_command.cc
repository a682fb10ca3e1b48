#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/drill/drill.h"
#include "app/drill/limits.h"

namespace tandem::cli {
namespace {

struct Typed {
    drill::DrillPlan plan;
    std::vector<std::string> gates;
};

Result<void> read_gates(Typed& typed) {
    for (const std::string& text : typed.gates) {
        const auto ip = IpAddress::parse(text);
        const auto gate = ip ? SocketAddress{*ip, 5060} : SocketAddress::parse(text);
        if (!gate || gate->ip.family != AddressFamily::V4) {
            return make_error(ErrorCode::Malformed, "sip",
                              text + " is no IPv4 address with or without port");
        }
        typed.plan.gates.push_back(*gate);
    }
    return {};
}

void run_drill(Global& global, Typed& typed) {
    const auto read = read_gates(typed);
    if (!read.has_value()) return global.fail(read.error());
    const bool has_target = typed.plan.node != 0 || !typed.plan.role.empty() ||
                            !typed.plan.server.empty() || typed.plan.leaders;
    if (has_target == typed.plan.is_watch()) {
        throw CLI::ValidationError(has_target ? "watch harms nothing: --node, --role and --server "
                                                "are for the other kinds"
                                              : "one of --node, --role, --server and --leaders is "
                                                "needed");
    }
    typed.plan.url = global.url;
    typed.plan.token = find_token(global.token);
    const auto report = drill::Drill(typed.plan).run();
    if (!report.has_value()) return global.fail(report.error());
    std::printf("%s\n", global.json ? drill::report_json(typed.plan, *report).c_str()
                                    : drill::report_text(typed.plan, *report).c_str());
    const bool kept = drill::broken_promises(typed.plan, *report).empty();
    if (!kept || report->interrupted) global.exit_code = kExitRefused;
}

}  // namespace

void add_drill_command(CLI::App& app, Global& global) {
    static Typed typed;
    drill::DrillPlan& plan = typed.plan;
    auto* command = app.add_subcommand(
        "drill",
        "harm a node or a server on purpose while phones of its own register and call, and tell\n"
        "what was lost and for how long. The server's bootstrap file must have drills_allowed = "
        "true");
    command
        ->add_option("kind", plan.kind,
                     "kill, pause, partition; watch: you do the harm yourself when told")
        ->required()
        ->check(CLI::IsMember({"kill", "pause", "partition", "watch"}));
    auto* where = command->add_option_group("where", "what is harmed");
    where->add_option("--node", plan.node, "this node")->check(CLI::Range(1, 200));
    where->add_option("--role", plan.role, "the node that has this role (SG, SR, B2B, ...)");
    where->add_option("--server", plan.server, "all that runs on this server");
    where->add_flag("--leaders", plan.leaders,
                    "all that runs on the server that has most of the active copies, found anew in "
                    "each round");
    where->require_option(0, 1);
    command
        ->add_option("--seconds", plan.seconds,
                     "how long, of a pause or a partition or to watch (5)")
        ->check(CLI::Range(1, drill::seconds_max));
    command->add_option("--calls", plan.calls, "calls that are held, with sound (20)")
        ->check(CLI::Range(0, drill::calls_max));
    command->add_option("--rate", plan.rate, "new calls a second (5)")
        ->check(CLI::Range(0.0, static_cast<double>(drill::rate_max)));
    command->add_option("--registrations", plan.registrations, "phones, at least (100)")
        ->check(CLI::Range(2, drill::registrations_max));
    command->add_option("--rounds", plan.rounds, "how often (1)")
        ->check(CLI::Range(1, drill::rounds_max));
    command
        ->add_option(
            "--sip", typed.gates,
            "UDP addresses of the SIP gates, separated by commas; default: asked of the API")
        ->delimiter(',');
    command->add_flag("--judge-time", plan.judges_time,
                      "also fail when a switch took 1 s, or 0.5 s at the median, or sound was away "
                      "for more than 1 s");
    command->callback([&global] { run_drill(global, typed); });
}

}  // namespace tandem::cli
