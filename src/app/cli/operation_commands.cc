#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/completion.h"
#include "app/cli/entity_kinds.h"
#include "app/cli/show.h"
#include "app/cli/table.h"

namespace tandem::cli {
namespace {

std::string figures_text(const boost::json::value& instance) {
    std::string text;
    for (const auto& [name, value] : instance.at("figures").as_object()) {
        if (!text.empty()) text += ' ';
        text += std::string(name) + "=" + boost::json::serialize(value);
    }
    return text;
}

void show_status(Global& global, bool with_figures) {
    const auto answer = global.client().call("GET", "/api/v1/status");
    if (!answer.has_value()) return global.fail(answer.error());
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    Table table(
        {"NODE", "ROLE", "INSTANCE", "STATE", "UPTIME", "VERSION", with_figures ? "FIGURES" : ""});
    const boost::json::value status = boost::json::parse(answer->body);
    for (const auto& node : status.at("nodes").as_array()) {
        for (const auto& instance : node.at("instances").as_array()) {
            table.add({cell(node, "node"), cell(instance, "role"), cell(instance, "instance"),
                       cell(instance, "state"), cell(node, "uptime_s") + " s",
                       cell(node, "version"), with_figures ? figures_text(instance) : ""});
        }
    }
    std::fputs(table.text().c_str(), stdout);
}

}  // namespace

void add_operation_commands(CLI::App& app, Global& global) {
    static std::string level;
    static std::string shell;
    app.add_subcommand("status", "nodes and role instances that run")->callback([&] {
        show_status(global, false);
    });
    app.add_subcommand("figures", "what each role instance counts")->callback([&] {
        show_status(global, true);
    });
    const EntityKind* roles = kind_of("role_instance");
    app.add_subcommand("roles", "same as 'role list'")->callback([&global, roles] {
        show_list(global, roles->path(""), roles->columns, roles->when_empty);
    });
    auto* log =
        app.add_subcommand("log-level", "change what is logged, at once, until the nodes restart");
    log->add_option("level", level)
        ->required()
        ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
    log->callback([&] {
        const std::string body = "{\"level\":\"" + level + "\"}";
        send_change(global, {"POST", "/api/v1/log-level", body, {}}, "");
    });
    auto* completion = app.add_subcommand("completion", "completion script for a shell");
    completion->add_option("shell", shell)->required()->check(CLI::IsMember({"bash"}));
    completion->callback([&] { std::fputs(bash_completion(app).c_str(), stdout); });
}

}  // namespace tandem::cli
