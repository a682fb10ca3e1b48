#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "app/cli/commands.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "base/json_text.h"
#include "base/net_address.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/system_rng.h"

namespace tandem::cli {
namespace {

constexpr const char* kDomain = "demo.local";
constexpr const char* kLogins[] = {"1001", "1002", "1003", "1004"};
constexpr size_t kPasswordCharacters = 12;  // 62 bits
constexpr auto kHealthPause = std::chrono::milliseconds(100);

bool wait_until_serving(Global& global, int seconds) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (!global.client().call("GET", "/api/v1/health").has_value()) {
        if (std::chrono::steady_clock::now() > give_up) return false;
        std::this_thread::sleep_for(kHealthPause);
    }
    return true;
}

// The accounts with fresh passwords, as lines "login password", kept for the next start.
Result<std::string> make_demo(Global& global) {
    runtime::SystemRng rng;
    JsonWriter domain;
    domain.begin_object().field("name").value(kDomain).end_object();
    (void)TRY(global.client().call("POST", "/api/v1/domains", domain.take()));
    std::string lines;
    for (const char* login : kLogins) {
        const std::string password = rng.token(kPasswordCharacters);
        JsonWriter account;
        account.begin_object().field("login").value(login).field("number").value(login);
        account.field("password").value(password).end_object();
        (void)TRY(global.client().call(
            "POST", std::string("/api/v1/domains/") + kDomain + "/accounts", account.take()));
        lines += std::string(login) + " " + password + "\n";
    }
    return lines;
}

void write_private(const std::string& path, const std::string& text) {
    const mode_t old = umask(0077);
    std::ofstream(path) << text;
    umask(old);
}

// Where phones reach the gates: "192.0.2.10:5060, 192.0.2.10:5061 (TLS)".
std::string addresses_of(Global& global) {
    const auto interfaces = global.client().call("GET", "/api/v1/interfaces");
    const auto roles = global.client().call("GET", "/api/v1/roles");
    if (!interfaces.has_value() || !roles.has_value()) return "this machine";
    std::vector<std::string> hosts;
    // Named, as C++20 does not let a temporary live for the loop over a part of it.
    const boost::json::value& interface_list = interfaces->json();
    const boost::json::value& role_list = roles->json();
    for (const auto& each : interface_list.at("items").as_array()) {
        if (cell(each, "serves_signalling") != "yes") continue;
        const std::string advertised = cell(each, "advertised_address");
        hosts.push_back(advertised == "-" ? cell(each, "address") : advertised);
        const auto ip = IpAddress::parse(hosts.back());
        if (!ip || !ip->is_unspecified()) continue;
        hosts.pop_back();
        for (const IpAddress& own : runtime::interface_addresses(ip->family)) {
            hosts.push_back(own.text_bracketed());
        }
    }
    std::string text;
    for (const auto& role : role_list.at("items").as_array()) {
        for (const std::string& host : hosts) {
            for (const auto& [field, mark] :
                 {std::pair<const char*, const char*>{"sip_gate.udp_port", ""},
                  {"sip_gate.tls_port", " (TLS)"}}) {
                const std::string port = cell(role, field);
                if (port == "-" || port == "0") continue;
                text.append(text.empty() ? "" : ", ").append(host).append(":").append(port);
                text += mark;
            }
        }
    }
    return text.empty() ? "this machine" : text;
}

void show(Global& global, const std::string& path) {
    Table table({"ACCOUNT", "PASSWORD"});
    std::ifstream file(path);
    for (std::string login, password; file >> login >> password;) {
        table.add({login + "@" + kDomain, password});
    }
    std::printf("\nPhones can register now. Server (outbound proxy): %s\n\n%s\n",
                addresses_of(global).c_str(), table.text().c_str());
}

}  // namespace

void add_demo_command(CLI::App& app, Global& global) {
    static std::string data;
    static int seconds = 30;
    auto* demo = app.add_subcommand("demo", "make demo.local with four accounts, show passwords");
    demo->add_option("--data", data, "data directory, for the passwords")->required();
    demo->add_option("--wait", seconds, "seconds to wait for the server");
    demo->callback([&] {
        const std::string path = data + "/demo.passwords";
        if (!wait_until_serving(global, seconds)) {
            return global.fail(make_error(ErrorCode::Timeout, "", "the server does not answer"));
        }
        if (global.token.empty()) global.token = find_token_in(data);
        if (!std::ifstream(path)) {
            const auto made = make_demo(global);
            if (!made.has_value()) return global.fail(made.error());
            write_private(path, *made);
        }
        show(global, path);
    });
}

}  // namespace tandem::cli
