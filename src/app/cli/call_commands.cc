#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/ladder_view.h"
#include "app/cli/show.h"
#include "base/json_text.h"

namespace tandem::cli {
namespace {

std::string within(const std::string& domain, const char* resource) {
    return domain.empty() ? std::string("/api/v1/") + resource
                          : "/api/v1/domains/" + encode(domain) + "/" + resource;
}

void show_trace(Global& global, const std::string& call, bool full) {
    const auto answer = global.client().call("GET", "/api/v1/calls/" + encode(call) + "/trace");
    if (!answer.has_value()) return global.fail(answer.error());
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    const boost::json::value json = boost::json::parse(answer->body);
    std::fputs(ladder_text(json.at("items").as_array(), full).c_str(), stdout);
}

void show_route(Global& global, const std::string& domain, const std::string& caller,
                const std::string& dialled) {
    JsonWriter json;
    json.begin_object().field("domain").value(domain);
    json.field("caller").value(caller).field("dialled").value(dialled).end_object();
    const auto answer = global.client().call("POST", "/api/v1/route-test", json.take());
    if (!answer.has_value()) return global.fail(answer.error());
    const boost::json::value route = boost::json::parse(answer->body);
    const auto* steps = route.as_object().if_contains("steps");
    if (global.json || steps == nullptr) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    int number = 0;
    for (const auto& step : steps->as_array()) {
        std::printf("%2d. %-12s %s\n", ++number, cell(step, "action").c_str(),
                    cell(step, "reason").c_str());
    }
    std::printf("result: %s\n", cell(route, "result").c_str());
}

}  // namespace

void add_call_commands(CLI::App& app, Global& global) {
    static std::string domain;
    static std::string id;
    static std::string text;
    static std::string caller;
    static std::string dialled;
    static bool full = false;

    auto* bindings = app.add_subcommand("bindings", "registered devices of a domain");
    bindings->add_option("domain", domain, "name of the domain")->required();
    bindings->callback([&] {
        show_list(global, within(domain, "bindings"),
                  {{"LOGIN", "login"},
                   {"CONTACT", "contact"},
                   {"SOURCE", "source"},
                   {"TRANSPORT", "transport"},
                   {"EXPIRES", "expires"},
                   {"USER-AGENT", "user_agent"}},
                  "nobody is registered");
    });
    auto* calls = app.add_subcommand("calls", "calls under way");
    calls->add_option("domain", domain, "only of this domain");
    calls->callback([&] {
        show_list(global, within(domain, "calls"),
                  {{"ID", "id"},
                   {"DOMAIN", "domain"},
                   {"PHASE", "phase"},
                   {"CALLER", "caller"},
                   {"CALLEE", "callee"},
                   {"STARTED", "started"},
                   {"ANSWERED", "answered"}},
                  "no calls");
    });
    auto* call = app.add_subcommand("call", "one call with its legs and media");
    call->add_option("id", id, "id of the call")->required();
    call->callback([&] { show_one(global, "/api/v1/calls/" + encode(id)); });
    auto* hangup = app.add_subcommand("hangup", "end a call");
    hangup->add_option("id", id, "id of the call")->required();
    hangup->add_option("--reason", text, "told to the phones");
    hangup->callback([&] {
        change(global, "DELETE", "/api/v1/calls/" + encode(id) + "?reason=" + encode(text), "",
               "ended " + id);
    });
    auto* cdr = app.add_subcommand("cdr", "records of ended calls, the newest first");
    cdr->add_option("domain", domain, "only of this domain");
    cdr->add_option("--number", text, "only with this caller or callee");
    cdr->callback([&] {
        show_list(global, within(domain, "cdr") + (text.empty() ? "" : "?number=" + encode(text)),
                  {{"START", "start_utc_ms"},
                   {"CALLER", "caller_number"},
                   {"CALLEE", "callee_number"},
                   {"RESULT", "result"},
                   {"STATUS", "sip_status"},
                   {"TALK", "duration_ms"},
                   {"RELEASED BY", "released_by"}},
                  "no calls have ended yet");
    });
    auto* route = app.add_subcommand("route", "routing");
    route->require_subcommand(1);
    auto* test = route->add_subcommand("test", "explain a call without placing it");
    test->add_option("domain", domain, "name of the domain")->required();
    test->add_option("caller", caller, "login or number that calls")->required();
    test->add_option("dialled", dialled, "what it dials")->required();
    test->callback([&] { show_route(global, domain, caller, dialled); });
    auto* trace = app.add_subcommand("trace", "SIP ladder of a call under way");
    trace->add_option("id", id, "id of the call")->required();
    trace->add_flag("--full", full, "with the whole messages");
    trace->callback([&] { show_trace(global, id, full); });
}

}  // namespace tandem::cli
