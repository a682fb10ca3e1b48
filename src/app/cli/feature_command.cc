// The usual feature codes (ETSI ES 201 235 and what European exchanges have made of it), for a
// domain that wants them.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/entity_kinds.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;

struct Usual {
    const char* action;  // its name, too
    const char* prefix;
};
constexpr Usual kUsual[] = {
    {"do-not-disturb-on", "*26"},
    {"do-not-disturb-off", "#26"},
    {"forward-always-on", "*21*"},
    {"forward-always-off", "#21"},
    {"forward-busy-on", "*67*"},
    {"forward-busy-off", "#67"},
    {"forward-no-answer-on", "*61*"},
    {"forward-no-answer-off", "#61"},
    {"forward-unregistered-on", "*62*"},
    {"forward-unregistered-off", "#62"},
    {"intercom", "*60"},
    {"page", "*63"},
    {"calls-waiting-on", "*43"},
    {"calls-waiting-off", "#43"},
    {"secretary-away-on", "*51"},
    {"secretary-away-off", "#51"},
    {"agent-login", "*45"},
    {"agent-logout", "#45"},
    {"agent-pause", "*46"},
    {"agent-resume", "#46"},
};

// Those that the domain has, under the name or the prefix, stay as they are.
void make_usual(Global& global, const std::string& domain) {
    const std::string path = kind_of("feature_code")->path(domain);
    for (const Usual& each : kUsual) {
        const json::object body{
            {"name", each.action}, {"prefix", each.prefix}, {"action", each.action}};
        const auto answer = global.client().call("POST", path, json::serialize(body));
        const bool is_there = !answer && answer.error().code == ErrorCode::Conflict;
        if (!answer && !is_there) return global.fail(answer.error());
        if (!global.json)
            std::printf("%-6s %s %s\n", each.prefix, each.action, is_there ? "(taken)" : "");
    }
}

}  // namespace

void add_feature_commands(CLI::App& app, Global& global) {
    auto* group = app.get_subcommand("feature-code");
    auto* defaults = group->add_subcommand("defaults", "make the usual ones");
    static std::string domain;
    defaults->add_option("DOMAIN", domain, "name of the domain")->required();
    defaults->callback([&global] { make_usual(global, domain); });
}

}  // namespace tandem::cli
