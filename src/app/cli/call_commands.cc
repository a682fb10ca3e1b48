#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/ladder_view.h"
#include "app/cli/show.h"

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

struct Asked {
    std::string domain;
    std::string id;
    std::string number;
    std::string from;
    std::string to;
    std::string reason;
    std::string contact;
    size_t limit = 100;
    bool full = false;
};

void add_bindings(CLI::App& app, Global& global, Asked& asked) {
    auto* bindings = app.add_subcommand("bindings", "registered devices of a domain");
    bindings->add_option("domain", asked.domain, "name of the domain")->required();
    bindings->callback([&] {
        show_list(global, within(asked.domain, "bindings"),
                  {{"LOGIN", "login"},
                   {"CONTACT", "contact"},
                   {"TRANSPORT", "transport"},
                   {"FROM", "remote"},
                   {"EXPIRES_S", "expires_s"},
                   {"USER-AGENT", "user_agent"}},
                  "nobody is registered");
    });
    auto* unbind = app.add_subcommand("unbind", "forget registered devices of an account");
    unbind->add_option("domain", asked.domain, "name of the domain")->required();
    unbind->add_option("login", asked.id, "login of the account")->required();
    unbind->add_option("--contact", asked.contact, "only this contact's URI");
    unbind->callback([&] {
        std::string path = within(asked.domain, "bindings") + "/" + encode(asked.id);
        if (!asked.contact.empty()) path += "?contact=" + encode(asked.contact);
        send_change(global, {"DELETE", path, {}, {}}, "forgot the devices of " + asked.id);
    });
}

void add_calls(CLI::App& app, Global& global, Asked& asked) {
    auto* calls = app.add_subcommand("calls", "calls under way");
    calls->add_option("domain", asked.domain, "only of this domain");
    calls->callback([&] {
        show_list(global, within(asked.domain, "calls"),
                  {{"ID", "id"},
                   {"DOMAIN", "domain_name"},
                   {"PHASE", "phase"},
                   {"CALLER", "caller"},
                   {"CALLEE", "callee"},
                   {"STARTED", "started"},
                   {"ANSWERED", "answered"}},
                  "no calls");
    });
    auto* call = app.add_subcommand("call", "one call with its legs and media");
    call->add_option("id", asked.id, "id of the call")->required();
    call->callback([&] { show_one(global, "/api/v1/calls/" + encode(asked.id)); });
    auto* hangup = app.add_subcommand("hangup", "end a call");
    hangup->add_option("id", asked.id, "id of the call")->required();
    hangup->add_option("--reason", asked.reason, "told to the phones and kept in the record");
    hangup->callback([&] {
        std::string path = "/api/v1/calls/" + encode(asked.id);
        if (!asked.reason.empty()) path += "?reason=" + encode(asked.reason);
        send_change(global, {"DELETE", path, {}, {}}, "ended " + asked.id);
    });
    auto* trace = app.add_subcommand("trace", "SIP ladder of a call under way");
    trace->add_option("id", asked.id, "id of the call")->required();
    trace->add_flag("--full", asked.full, "with the whole messages (domain setting full_traces)");
    trace->callback([&] { show_trace(global, asked.id, asked.full); });
}

void add_history(CLI::App& app, Global& global, Asked& asked) {
    auto* cdr = app.add_subcommand("cdr", "records of ended calls, the newest first");
    cdr->add_option("domain", asked.domain, "only of this domain");
    cdr->add_option("--number", asked.number, "only with this caller or callee");
    cdr->add_option("--call", asked.id, "only of this call (id)");
    cdr->add_option("--from", asked.from, "begun at or after, like 2026-11-25T08:00:00Z");
    cdr->add_option("--to", asked.to, "begun before");
    cdr->add_option("--limit", asked.limit, "how many at most")
        ->check(CLI::Range(size_t{1}, kItemsMax))
        ->capture_default_str();
    cdr->callback([&] {
        std::string path = within(asked.domain, "cdr");
        char mark = '?';
        for (const auto& [name, value] :
             {std::pair<const char*, const std::string&>{"number", asked.number},
              {"call", asked.id},
              {"from", asked.from},
              {"to", asked.to}}) {
            if (value.empty()) continue;
            path += mark + std::string(name) + "=" + encode(value);
            mark = '&';
        }
        show_list(global, path,
                  {{"START", "start_utc_ms"},
                   {"CALLER", "caller.number"},
                   {"DIALLED", "dialled"},
                   {"RESULT", "result"},
                   {"STATUS", "sip_status"},
                   {"TALK", "duration_ms"},
                   {"RELEASED BY", "released_by"},
                   {"CALL", "call"}},
                  "no calls have ended yet", asked.limit);
    });
}

}  // namespace

void add_call_commands(CLI::App& app, Global& global) {
    static Asked asked;
    add_bindings(app, global, asked);
    add_calls(app, global, asked);
    add_history(app, global, asked);
}

}  // namespace tandem::cli
