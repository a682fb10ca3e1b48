// Tokens for servers that are to join.
#include <CLI/CLI.hpp>
#include <cstdio>

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
    const json::value servers = json::parse(answer.body);
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
    const json::value token = json::parse(answer->body);
    std::printf("%s\n", cell(token, "token").c_str());
    std::fprintf(stderr, "on the new machine: tandemd --join TOKEN%s  (once, until %s)\n",
                 wanted.name.empty() ? "" : (" --name " + wanted.name).c_str(),
                 cell(token, "expires").c_str());
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
}

}  // namespace tandem::cli
