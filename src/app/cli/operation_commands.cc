#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <thread>

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
        text += std::string(name) + "=" + plain(value);
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
    const boost::json::value& status = answer->json();
    for (const auto& node : status.at("nodes").as_array()) {
        for (const auto& instance : node.at("instances").as_array()) {
            table.add({cell(node, "node"), cell(instance, "role"), cell(instance, "instance"),
                       cell(instance, "state"), cell(node, "uptime_s") + " s",
                       cell(node, "version"), with_figures ? figures_text(instance) : ""});
        }
    }
    std::fputs(table.text().c_str(), stdout);
}

std::string move_text(const boost::json::value& state) {
    const auto& move = state.at("move");
    if (move.is_null()) return {};
    return "moving to " + cell(move, "to") + ": " + cell(move, "phase") + ", " +
           cell(move, "keys_copied") + " keys copied, " + cell(move, "changes_followed") +
           " changes followed";
}

void show_members(const boost::json::value& state) {
    if (cell(state, "kind") != "etcd") return;
    if (state.at("members").is_null()) {
        for (const auto& endpoint : state.at("endpoints").as_array())
            std::printf("  no answer from %s\n", endpoint.as_string().c_str());
        return;
    }
    Table table({"MEMBER", "VOTES", "STATE", "VERSION", "MIB"});
    for (const auto& member : state.at("members").as_array()) {
        const char* state_text = !member.at("serves").as_bool() ? "away"
                                 : member.at("leads").as_bool() ? "leads"
                                                                : "serves";
        table.add({cell(member, "name"), member.at("votes").as_bool() ? "yes" : "no", state_text,
                   cell(member, "version"),
                   std::to_string(member.at("bytes").as_int64() / (1 << 20))});
    }
    std::printf("%s", table.text().c_str());
    std::printf("%s\n", state.at("fault_tolerant").as_bool()
                            ? "any one member may be lost"
                            : "not fault-tolerant: writes stop when the wrong member is lost");
}

void show_store(Global& global) {
    const auto answer = global.client().call("GET", "/api/v1/site/store");
    if (!answer.has_value()) return global.fail(answer.error());
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    const boost::json::value& state = answer->json();
    std::printf("%s, generation %s\n", cell(state, "kind").c_str(),
                cell(state, "generation").c_str());
    show_members(state);
    const std::string move = move_text(state);
    if (!move.empty()) std::printf("%s\n", move.c_str());
    if (!state.at("last_failure").is_null())
        std::printf("the last move failed: %s\n", cell(state, "last_failure").c_str());
}

// Waits until it is over, since that is what the operator wants to know.
void move_store(Global& global, const std::string& kind, const std::string& endpoints) {
    boost::json::object body{{"kind", kind}};
    if (!endpoints.empty()) body["endpoints"] = endpoints;
    const auto begun =
        global.client().call("POST", "/api/v1/site/store", boost::json::serialize(body));
    if (!begun.has_value()) return global.fail(begun.error());
    while (true) {
        const auto answer = global.client().call("GET", "/api/v1/site/store");
        if (!answer.has_value()) return global.fail(answer.error());
        const boost::json::value& state = answer->json();
        if (!state.at("move").is_null()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
            continue;
        }
        if (cell(state, "kind") == kind) {
            std::printf("the store is %s now; writes waited %.1f ms\n", kind.c_str(),
                        state.at("last_freeze_ms").to_number<double>());
            return;
        }
        return global.fail(make_error(ErrorCode::Conflict, "store",
                                      "the store has not moved: " + cell(state, "last_failure")));
    }
}

void add_store_commands(CLI::App& app, Global& global) {
    static std::string kind;
    static std::string endpoints;
    auto* store = app.add_subcommand("store", "where the data of the site are");
    store->require_subcommand(1);
    store->add_subcommand("status", "which store is in force, and how a move goes")->callback([&] {
        show_store(global);
    });
    auto* move = store->add_subcommand("move", "moves all data while calls go on");
    move->add_option("kind", kind)->required()->check(CLI::IsMember({"sqlite", "etcd"}));
    move->add_option("--endpoints", endpoints,
                     "of an etcd that is there already, ADDRESS:PORT,...; otherwise this server "
                     "runs its own");
    move->callback([&] { move_store(global, kind, endpoints); });
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
    add_store_commands(app, global);
    auto* completion = app.add_subcommand("completion", "completion script for a shell");
    completion->add_option("shell", shell)->required()->check(CLI::IsMember({"bash"}));
    completion->callback([&] { std::fputs(bash_completion(app).c_str(), stdout); });
}

}  // namespace tandem::cli
