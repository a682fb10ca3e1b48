// Queues: who waits, what their agents do; agents logged in and out.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/entity_kinds.h"
#include "app/cli/show.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;

struct Asked {
    std::string domain;
    std::string name;  // of a queue
    std::string login;
};

void print_queue(const json::value& queue) {
    std::printf("%s (%s): %s waiting, longest %s s, %s free\n", cell(queue, "name").c_str(),
                cell(queue, "number").c_str(), cell(queue, "waiting").c_str(),
                cell(queue, "longest_wait_s").c_str(), cell(queue, "agents_free").c_str());
    for (const auto& each : queue.at("agents").as_array())
        std::printf("  agent  %-16s %s\n", cell(each, "login").c_str(),
                    cell(each, "state").c_str());
    for (const auto& each : queue.at("callers").as_array()) {
        const std::string ringing = cell(each, "ringing");
        std::printf("  %4s.  %-16s %s s  %s%s\n", cell(each, "position").c_str(),
                    cell(each, "caller").c_str(), cell(each, "wait_s").c_str(),
                    cell(each, "call").c_str(),
                    ringing == "-" ? "" : ("  rings at " + ringing).c_str());
    }
}

void show_queues(Global& global, const Asked& asked) {
    const auto answer = global.client().call("GET", within(asked.domain, "queue-states"));
    if (!answer.has_value()) return global.fail(answer.error());
    json::value states = answer->json();
    json::array& items = states.at("items").as_array();
    if (!asked.name.empty()) {
        const auto is_other = [&](const json::value& each) {
            return cell(each, "name") != asked.name && cell(each, "number") != asked.name;
        };
        items.erase(std::remove_if(items.begin(), items.end(), is_other), items.end());
        if (items.empty())
            return global.fail(make_error(ErrorCode::NotFound, "", "there is no such queue"));
    }
    if (global.json) {
        std::printf("%s\n", json::serialize(states).c_str());
        return;
    }
    if (items.empty()) std::printf("no queues\n");
    for (const auto& each : items) print_queue(each);
}

// --- Agents. What it was, with one queue in or out of its lists.

using Ids = std::vector<std::string>;

Ids ids_of(const json::value& agent, const char* field) {
    Ids ids;
    const auto* list = agent.as_object().if_contains(field);
    if (list == nullptr || !list->is_array()) return ids;
    for (const auto& each : list->as_array()) ids.emplace_back(each.as_string());
    return ids;
}

bool is_true(const json::value& agent, const char* field) {
    const auto* value = agent.as_object().if_contains(field);
    return value != nullptr && value->is_bool() && value->as_bool();
}

json::object lists(const Ids& queues, const Ids& paused_in) {
    return {{"queues", json::value_from(queues)}, {"paused_in", json::value_from(paused_in)}};
}

// Ids of the queues that the account is a member of, but `except`.
Result<Ids> queues_of(Global& global, const std::string& domain, const std::string& account,
                      const std::string& except) {
    const Answer answer =
        TRY(global.client().call("GET", kind_of("queue")->path(domain) + "?limit=1000"));
    Ids found;
    const json::value& page = answer.json();
    for (const auto& each : page.at("items").as_array()) {
        const Ids members = ids_of(each, "members");
        const std::string id = cell(each, "id");
        if (id != except && std::count(members.begin(), members.end(), account) > 0)
            found.push_back(id);
    }
    return found;
}

Result<json::object> change_of(Global& global, const Asked& asked, std::string_view verb) {
    const bool comes = verb == "login" || verb == "resume";
    if (asked.name.empty() && (verb == "login" || verb == "logout")) {
        json::object all = lists({}, {});
        all["logged_in"] = comes;
        all["paused"] = false;
        return all;
    }
    if (asked.name.empty() && comes)
        return json::object{{"paused", false}, {"paused_in", json::array()}};
    if (asked.name.empty()) return json::object{{"paused", true}};

    const Answer queue =
        TRY(global.client().call("GET", kind_of("queue")->path(asked.domain, asked.name)));
    const Answer before =
        TRY(global.client().call("GET", kind_of("queue_agent")->path(asked.domain, asked.login)));
    const std::string id = cell(queue.json(), "id");
    const json::value& agent = before.json();
    const std::string account = cell(agent, "id");
    Ids in = ids_of(agent, "queues");
    Ids paused = ids_of(agent, "paused_in");
    const bool was_in = is_true(agent, "logged_in");
    const bool was_in_all = was_in && in.empty();
    const bool was_paused = is_true(agent, "paused");
    json::object change;
    paused.erase(std::remove(paused.begin(), paused.end(), id), paused.end());
    if (verb == "pause") {
        paused.push_back(id);
    } else if (verb == "resume") {
        if (was_paused) paused = TRY(queues_of(global, asked.domain, account, id));
        change["paused"] = false;
    } else {
        if (!was_in) in.clear();
        if (verb == "logout" && was_in_all) in = TRY(queues_of(global, asked.domain, account, id));
        in.erase(std::remove(in.begin(), in.end(), id), in.end());
        if (verb == "login" && !was_in_all) in.push_back(id);
        change["logged_in"] = was_in_all ? comes || !in.empty() : !in.empty();
    }
    for (auto& [name, value] : lists(in, paused)) change[name] = std::move(value);
    return change;
}

void change_agent(Global& global, const Asked& asked, const char* verb) {
    const auto change = change_of(global, asked, verb);
    if (!change.has_value()) return global.fail(change.error());
    send_change(global,
                {"PATCH",
                 kind_of("queue_agent")->path(asked.domain, asked.login),
                 json::serialize(*change),
                 {}},
                "changed");
}

}  // namespace

void add_queue_commands(CLI::App& app, Global& global) {
    static Asked asked;
    auto* queues = app.add_subcommand("queues", "who waits in the queues of a domain, and agents");
    queues->add_option("DOMAIN", asked.domain, "name of the domain")->required();
    queues->add_option("QUEUE", asked.name, "only this one, by its name or number");
    queues->callback([&global] { show_queues(global, asked); });

    struct Verb {
        const char* name;
        const char* text;
    };
    constexpr Verb verbs[] = {{"login", "get calls of its queues"},
                              {"logout", "get none any more"},
                              {"pause", "get none for the moment"},
                              {"resume", "get them again"}};
    auto* group = app.get_subcommand("agent");
    for (const Verb& each : verbs) {
        auto* verb = group->add_subcommand(each.name, each.text);
        verb->add_option("DOMAIN", asked.domain, "name of the domain")->required();
        verb->add_option("LOGIN", asked.login, "login of the account")->required();
        verb->add_option("--queue", asked.name, "of this queue only, by its name");
        verb->callback([&global, name = each.name] { change_agent(global, asked, name); });
    }
}

}  // namespace tandem::cli
