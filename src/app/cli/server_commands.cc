// Tokens for servers that are to join, and servers that take leave for a while.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <set>
#include <thread>

#include "app/cli/commands.h"
#include "app/cli/show.h"
#include "base/net_address.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;

constexpr uint16_t kLinkPort = 7'200;

constexpr unsigned kSecond = 1;
constexpr unsigned kMinute = 60 * kSecond;
constexpr unsigned kHour = 60 * kMinute;
constexpr unsigned kDay = 24 * kHour;

struct Wanted {
    std::string name;
    uint64_t valid_s = kHour;
    std::string link_address;
};

// One server is the usual case: it gets the address. With several it has to be named.
Result<void> set_link_address(Global& global, const std::string& address) {
    const Answer answer = TRY(global.client().call("GET", "/api/v1/servers"));
    const json::value& servers = answer.json();
    const json::array& items = servers.at("items").as_array();
    if (items.size() != 1) {
        return make_error(ErrorCode::Conflict, "link-address",
                          "there are several servers: use 'tandem server set NAME --link-address " +
                              address + "'");
    }
    const std::string name = cell(items.front(), "name");
    const std::string body = json::serialize(json::object{{"link_address", address}});
    (void)TRY(global.client().call("PATCH", "/api/v1/servers/" + encode(name), body));
    return {};
}

void make_token(Global& global, const Wanted& wanted) {
    if (!wanted.link_address.empty()) {
        const auto ip = IpAddress::parse(wanted.link_address);
        const auto set = set_link_address(
            global, ip ? SocketAddress{*ip, kLinkPort}.text() : wanted.link_address);
        if (!set.has_value()) return global.fail(set.error());
    }
    json::object body{{"valid_s", wanted.valid_s}};
    if (!wanted.name.empty()) body["server"] = wanted.name;
    const auto answer =
        global.client().call("POST", "/api/v1/servers/tokens", json::serialize(body));
    if (!answer.has_value()) return global.fail(answer.error());
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    const json::value& token = answer->json();
    std::printf("%s\n", cell(token, "token").c_str());
    std::fprintf(stderr, "on the new machine: tandemd --join TOKEN%s  (once, until %s)\n",
                 wanted.name.empty() ? "" : (" --name " + wanted.name).c_str(),
                 cell(token, "expires").c_str());
}

// ---- Taking leave.

constexpr auto kLook = std::chrono::milliseconds(300);

struct Leave {
    std::string name;
    bool force = false;
    bool no_wait = false;
};

struct Layout {
    json::value servers;
    json::value roles;

    const json::value* server(const std::string& name) const {
        for (const json::value& each : servers.at("items").as_array()) {
            if (cell(each, "name") == name) return &each;
        }
        return nullptr;
    }
    bool is_enabled(const std::string& id) const {
        for (const json::value& each : servers.at("items").as_array()) {
            if (cell(each, "id") == id) return each.at("enabled").as_bool();
        }
        return false;
    }
};

Result<Layout> layout_of(Global& global) {
    return Layout{TRY(fetch(global, "/api/v1/servers?limit=1000")),
                  TRY(fetch(global, "/api/v1/roles?limit=1000"))};
}

// What would run nowhere any more.
std::set<std::string> roles_only_at(const Layout& layout, const std::string& server) {
    std::set<std::string> here;
    std::set<std::string> elsewhere;
    for (const json::value& role : layout.roles.at("items").as_array()) {
        if (!role.at("enabled").as_bool()) continue;
        if (cell(role, "server") == server) {
            here.insert(cell(role, "role"));
        } else if (layout.is_enabled(cell(role, "server"))) {
            elsewhere.insert(cell(role, "role"));
        }
    }
    for (const std::string& role : elsewhere) here.erase(role);
    return here;
}

std::string joined(const std::set<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

Result<void> check_leave(const Layout& layout, const Leave& leave) {
    const json::value* server = layout.server(leave.name);
    if (server == nullptr)
        return make_error(ErrorCode::NotFound, "", "there is no server " + leave.name);
    const auto missing = roles_only_at(layout, cell(*server, "id"));
    if (missing.empty() || leave.force) return {};
    return make_error(ErrorCode::Conflict, "",
                      joined(missing) +
                          " would run nowhere: put them on another server first "
                          "('tandem role add'), or give --force");
}

// What still runs there: "B2B (12 calls), MG (3)".
Result<std::string> left_at(Global& global, const Layout& layout, const json::value& server) {
    std::set<int64_t> nodes{server.at("node").as_int64()};
    for (const json::value& role : layout.roles.at("items").as_array()) {
        if (cell(role, "server") == cell(server, "id")) nodes.insert(role.at("node").as_int64());
    }
    const json::value status = TRY(fetch(global, "/api/v1/status"));
    std::string text;
    for (const json::value& node : status.at("nodes").as_array()) {
        if (!nodes.contains(node.at("node").as_int64())) continue;
        for (const json::value& each : node.at("instances").as_array()) {
            text += (text.empty() ? "" : ", ") + cell(each, "role");
            const auto* calls = each.at("figures").as_object().if_contains("calls");
            if (calls != nullptr) text += " (" + json::serialize(*calls) + " calls)";
        }
    }
    return text;
}

void wait_until_left(Global& global, const Layout& layout, const json::value& server) {
    const auto began = std::chrono::steady_clock::now();
    std::string shown;
    while (true) {
        const auto left = left_at(global, layout, server);
        if (!left.has_value()) return global.fail(left.error());
        const double seconds =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
        if (left->empty()) {
            std::printf("nothing runs on %s any more, after %.1f s\n", cell(server, "name").c_str(),
                        seconds);
            return;
        }
        if (*left != shown) std::fprintf(stderr, "%6.1f s  left: %s\n", seconds, left->c_str());
        shown = *left;
        std::this_thread::sleep_for(kLook);
    }
}

Result<void> set_enabled(Global& global, const std::string& name, bool enabled) {
    const std::string body = json::serialize(json::object{{"enabled", enabled}});
    (void)TRY(global.client().call("PATCH", "/api/v1/servers/" + encode(name), body));
    return {};
}

void drain_server(Global& global, const Leave& leave) {
    const auto layout = layout_of(global);
    if (!layout.has_value()) return global.fail(layout.error());
    const auto may = check_leave(*layout, leave);
    if (!may.has_value()) return global.fail(may.error());
    const auto set = set_enabled(global, leave.name, false);
    if (!set.has_value()) return global.fail(set.error());
    if (!leave.no_wait) wait_until_left(global, *layout, *layout->server(leave.name));
}

void resume_server(Global& global, const std::string& name) {
    const auto set = set_enabled(global, name, true);
    if (!set.has_value()) return global.fail(set.error());
}

void add_leave_commands(CLI::App& server, Global& global) {
    static Leave leave;
    auto* drain = server.add_subcommand(
        "drain", "moves all calls and posts of a server to others, and stops its roles");
    drain->add_option("name", leave.name)->required();
    drain->add_flag("--force", leave.force, "also when something would run nowhere any more");
    drain->add_flag("--no-wait", leave.no_wait, "do not wait until it is done");
    drain->callback([&] { drain_server(global, leave); });
    auto* resume = server.add_subcommand("resume", "lets the roles of a drained server run again");
    resume->add_option("name", leave.name)->required();
    resume->callback([&] { resume_server(global, leave.name); });
}

}  // namespace

void add_server_commands(CLI::App& app, Global& global) {
    static Wanted wanted;
    auto* token = app.get_subcommand("server")->add_subcommand(
        "token", "a token with which one more server can join, once");
    token->add_option("--name", wanted.name, "only a server of this name may use it");
    token->add_option("--valid", wanted.valid_s, "for how long: 90s, 10m, 1h (the default), 7d")
        ->transform(CLI::AsNumberWithUnit(std::map<std::string, uint64_t>{
            {"s", kSecond}, {"m", kMinute}, {"h", kHour}, {"d", kDay}}));
    token->add_option(
        "--link-address", wanted.link_address,
        "first give this server the IP address that others reach it at; the port is 7200 "
        "unless ADDRESS:PORT is given");
    token->callback([&] { make_token(global, wanted); });
    add_leave_commands(*app.get_subcommand("server"), global);
}

}  // namespace tandem::cli
