// Where calls go, and what is odd about the rules that say so.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "app/cli/commands.h"
#include "app/cli/forms.h"
#include "app/cli/show.h"
#include "base/json_text.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;

struct Asked {
    std::string domain;
    std::string caller;
    std::string dialled;
    std::string direction;
    std::string at;
};

// What is sent, and to whom; of another domain's trunk, and to who may not read trunks, only that
// it is one.
void print_trunk(const json::value& to) {
    const bool is_known = cell(to, "trunk_name") != "-";
    std::printf("result: calls %s over %s of %s\n", cell(to, "number").c_str(),
                is_known ? ("the trunk " + cell(to, "trunk_name")).c_str() : "a trunk",
                cell(to, "domain").c_str());
    for (const auto& [label, field] : {std::pair{"INVITE", "request_uri"},
                                       {"From", "from"},
                                       {"P-Asserted-Identity", "identity"},
                                       {"proxies", "proxies"}})
        if (cell(to, field) != "-") std::printf("        %s: %s\n", label, cell(to, field).c_str());
}

void print_result(const json::value& route) {
    const std::string status = cell(route, "sip_status");
    const std::string reason = cell(route, "sip_reason");
    if (status != "0")
        std::printf("result: refused with SIP status %s%s\n", status.c_str(),
                    reason == "-" ? "" : (" (" + reason + ")").c_str());
    if (cell(route, "feature") != "-")
        std::printf("result: nobody rings, the feature code %s is used\n",
                    cell(route, "feature").c_str());
    for (const auto& each : route.at("destinations").as_array()) {
        if (each.as_object().contains("trunk")) {
            print_trunk(each);
            continue;
        }
        std::printf("result: rings %s (account %s of %s)\n", cell(each, "number").c_str(),
                    cell(each, "account").c_str(), cell(each, "domain").c_str());
    }
    if (cell(route, "shown.number") != "-")
        std::printf("shown:  %s %s\n", cell(route, "shown.number").c_str(),
                    cell(route, "shown.display_name").c_str());
}

void test_route(Global& global, const Asked& asked) {
    JsonWriter body;
    body.begin_object().field("domain").value(asked.domain);
    body.field("caller").value(asked.caller).field("dialled").value(asked.dialled);
    if (!asked.direction.empty()) body.field("direction").value(asked.direction);
    if (!asked.at.empty()) body.field("at").value(asked.at);
    const auto answer =
        global.client().call("POST", "/api/v1/route-test", body.end_object().take());
    if (!answer.has_value()) return global.fail(answer.error());
    const json::value& route = answer->json();
    const auto* steps = route.as_object().if_contains("steps");
    if (global.json || steps == nullptr) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    int number = 0;
    for (const auto& step : steps->as_array()) {
        std::printf("%2d. %-16s %s\n", ++number, cell(step, "step").c_str(),
                    cell(step, "reason").c_str());
    }
    print_result(route);
}

// Ends with 1 when there is a warning, so that scripts notice.
void check_rules(Global& global, const std::string& domain) {
    const auto answer =
        global.client().call("GET", "/api/v1/domains/" + encode(domain) + "/dial-rules/check");
    if (!answer.has_value()) return global.fail(answer.error());
    const json::value& plan = answer->json();
    const json::array& findings = plan.at("findings").as_array();
    for (const json::value& each : findings)
        if (cell(each, "severity") == "warning") global.exit_code = kExitRefused;
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    const std::string count = cell(plan, "rules");
    std::printf("%s %s: %s\n", count.c_str(), count == "1" ? "rule" : "rules",
                findings.empty() ? "nothing is odd" : "what is odd");
    for (const json::value& each : findings)
        std::printf("  %s: %s\n", cell(each, "severity").c_str(), cell(each, "text").c_str());
}

// Which of the domain's expected routes hold. Ends with 1 when one does not.
void check_expected(Global& global, const std::string& domain) {
    const auto answer = global.client().call(
        "GET", "/api/v1/domains/" + encode(domain) + "/route-expectations/check");
    if (!answer.has_value()) return global.fail(answer.error());
    const json::value& checked = answer->json();
    if (!checked.at("all_hold").as_bool()) global.exit_code = kExitRefused;
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    const json::array& items = checked.at("items").as_array();
    if (items.empty()) std::printf("no expected routes\n");
    for (const json::value& each : items) {
        const bool holds = each.at("holds").as_bool();
        std::printf("%-6s %s: %s", holds ? "holds" : "FAILS", cell(each, "name").c_str(),
                    cell(each, "expected").c_str());
        std::printf(holds ? "\n" : ", but found %s\n", cell(each, "found").c_str());
    }
}

struct Expected {
    std::string domain;
    std::string name;
    std::string caller;
    std::string dialled;
    std::string at;
    std::string called_number;
    std::string shown_number;
    bool from_outside = false;
    std::string targets[5];
    std::string refused;
    CLI::Option* refusal = nullptr;
};
constexpr const char* kOutcomes[] = {"account", "group", "trunk", "domain", "feature"};

void expect_route(Global& global, const Expected& expected) {
    json::object body{{"name", expected.name},
                      {"caller", expected.caller},
                      {"dialled", expected.dialled},
                      {"from_outside", expected.from_outside},
                      {"called_number", expected.called_number},
                      {"shown_number", expected.shown_number}};
    for (size_t i = 0; i < std::size(kOutcomes); ++i) {
        if (expected.targets[i].empty()) continue;
        body["outcome"] = kOutcomes[i];
        body["target"] = expected.targets[i];
    }
    if (expected.refusal->count() > 0) {
        body["outcome"] = "refused";
        if (!expected.refused.empty()) body["sip_status"] = std::atoi(expected.refused.c_str());
    }
    if (!expected.at.empty()) {
        FormField time;
        time.type = "time";
        const auto at = typed_value(time, expected.at);
        if (!at.has_value()) return global.fail(at.error());
        body["at_utc_ms"] = *at;
    }
    const std::string path = "/api/v1/domains/" + encode(expected.domain) + "/route-expectations";
    send_change(global, {"POST", path, json::serialize(body), {}}, "made");
}

void add_expect(CLI::App& route, Global& global) {
    static Expected expected;
    auto* app = route.add_subcommand(
        "expect", "keep where a call goes, to be asked again before the routing changes");
    app->add_option("DOMAIN", expected.domain, "name of the domain")->required();
    app->add_option("NAME", expected.name, "its name")->required();
    app->add_option("CALLER", expected.caller, "login or number that calls")->required();
    app->add_option("DIALLED", expected.dialled, "what it dials")->required();
    auto* what = app->add_option_group("expected", "what it leads to");
    what->require_option(1);
    for (size_t i = 0; i < std::size(kOutcomes); ++i)
        what->add_option(std::string("--") + kOutcomes[i], expected.targets[i],
                         "its login, number or name");
    expected.refusal =
        what->add_option("--refused", expected.refused, "a refusal, with this SIP status if given")
            ->expected(0, 1);
    app->add_option("--called-number", expected.called_number, "as it is in the end");
    app->add_option("--shown-number", expected.shown_number, "of the caller");
    app->add_flag("--from-outside", expected.from_outside, "the caller is any number then");
    app->add_option("--at", expected.at, "when, like 2026-12-24T08:00:00Z; left out: at any time");
    app->callback([&global] { expect_route(global, expected); });
}

}  // namespace

void add_route_commands(CLI::App& app, Global& global) {
    static Asked asked;
    auto* route = app.add_subcommand("route", "routing");
    route->require_subcommand(1);
    auto* test = route->add_subcommand("test", "explain a call without placing it");
    test->add_option("domain", asked.domain, "name of the domain")->required();
    test->add_option("caller", asked.caller, "login or number that calls")->required();
    test->add_option("dialled", asked.dialled, "what it dials")->required();
    test->add_option("--direction", asked.direction,
                     "inner (the default), outer or cross: then the caller is any number");
    test->add_option("--at", asked.at, "when, like 2026-12-24T08:00:00Z; now when left out");
    test->callback([&] { test_route(global, asked); });
    add_expect(*route, global);
    auto* routes = route->add_subcommand("check", "which expected routes of a domain hold");
    routes->add_option("DOMAIN", asked.domain, "name of the domain")->required();
    routes->callback([&] { check_expected(global, asked.domain); });
    auto* check = app.get_subcommand("rule")->add_subcommand(
        "check", "rules that never take a call, that clash, or that lead nowhere");
    check->add_option("DOMAIN", asked.domain, "name of the domain")->required();
    check->callback([&] { check_rules(global, asked.domain); });
}

}  // namespace tandem::cli
