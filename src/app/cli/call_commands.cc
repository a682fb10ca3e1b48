#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include "app/cli/commands.h"
#include "app/cli/ladder_view.h"
#include "app/cli/show.h"

namespace tandem::cli {
namespace {

void show_trace(Global& global, const std::string& call, bool full) {
    const auto answer = global.client().call("GET", "/api/v1/calls/" + encode(call) + "/trace");
    if (!answer.has_value()) return global.fail(answer.error());
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    const boost::json::value& json = answer->json();
    std::fputs(ladder_text(json.at("items").as_array(), full).c_str(), stdout);
}

// "event: NAME", then "data: JSON" and perhaps "id: ID"; other lines mean nothing to us.
class EventReader {
 public:
    explicit EventReader(bool as_json) : as_json_(as_json) {}
    void take(std::string_view bytes) {
        for (const char c : bytes) {
            if (c != '\n') {
                line_ += c;
                continue;
            }
            const std::string line = std::exchange(line_, {});
            if (line.starts_with("event: ")) name_ = line.substr(7);
            if (line.starts_with("data: ")) show(line.substr(6));
            if (line.starts_with("id: ")) last_id_ = line.substr(4);
        }
        std::fflush(stdout);
    }
    void begin_anew() { line_.clear(); }
    const std::string& last_id() const { return last_id_; }

 private:
    void show(const std::string& data) {
        boost::system::error_code error;
        const boost::json::value json = boost::json::parse(data, error);
        if (error || !json.is_object()) return;
        if (as_json_) {
            boost::json::object event = json.as_object();
            event.emplace("event", name_);
            std::printf("%s\n", boost::json::serialize(event).c_str());
        } else if (const auto* calls = json.as_object().if_contains("calls")) {
            for (const auto& each : calls->as_array()) print(cell(each, "started"), each);
        } else if (const auto* call = json.as_object().if_contains("call")) {
            print(cell(json, "at"), *call);
        } else if (name_ == "gap") {
            std::printf("%-24s  %-9s something was missed; how it stands now:\n", "-", "gap");
        }
    }
    void print(const std::string& at, const boost::json::value& call) const {
        const std::string status = cell(call, "end_status");
        std::printf("%-24s  %-9s %-9s %s > %s  %s%s\n", at.c_str(), name_.c_str(),
                    cell(call, "phase").c_str(), cell(call, "caller").c_str(),
                    cell(call, "callee").c_str(), cell(call, "id").c_str(),
                    status == "-" ? "" : ("  " + status).c_str());
    }

    bool as_json_;
    std::string line_;
    std::string name_;
    std::string last_id_;
};

// Ends with the program only. After a break it goes on where it was, or is told how things stand.
void follow_calls(Global& global, const std::string& domain) {
    constexpr auto pause = std::chrono::seconds(1);
    bool has_come = false;
    EventReader reader(global.json);
    while (true) {
        reader.begin_anew();
        const auto take = [&](std::string_view bytes) {
            has_come = true;
            reader.take(bytes);
            return true;
        };
        const auto ended = global.client().stream(within(domain, "events"), take, reader.last_id());
        if (!ended.has_value() && !has_come) return global.fail(ended.error());
        if (!ended.has_value() && ended.error().code != ErrorCode::Unavailable &&
            ended.error().code != ErrorCode::Timeout)
            return global.fail(ended.error());
        std::this_thread::sleep_for(pause);
    }
}

struct Asked {
    std::string domain;
    std::string id;
    std::string reason;
    std::string contact;
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
    auto* trunks = app.add_subcommand("trunks", "how the trunks of a domain are");
    trunks->add_option("domain", asked.domain, "name of the domain")->required();
    trunks->callback([&] {
        show_list(global, within(asked.domain, "trunk-states"),
                  {{"NAME", "name"},
                   {"MODE", "mode"},
                   {"UP", "up"},
                   {"REGISTERED-UNTIL", "registered_until"},
                   {"PROXIES", "proxies"},
                   {"ERROR", "error"}},
                  "no enabled trunks");
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
    calls->add_flag("--follow", asked.full,
                    "go on, and print what happens to the calls of the domain");
    calls->callback([&] {
        if (asked.full && asked.domain.empty())
            return global.fail(
                make_error(ErrorCode::Missing, "", "--follow needs the name of a domain"));
        if (asked.full) return follow_calls(global, asked.domain);
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

}  // namespace

void add_call_commands(CLI::App& app, Global& global) {
    static Asked asked;
    add_bindings(app, global, asked);
    add_calls(app, global, asked);
}

}  // namespace tandem::cli
