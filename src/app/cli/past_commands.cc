// What a domain was, by its audit log: which changes were made, what differs between two of them,
// and the way back.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/show.h"
#include "app/cli/table.h"
#include "base/json_text.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;

struct Asked {
    std::string domain;
    std::string from;
    std::string to;
    std::string kind;
    std::string entity;
    size_t limit = 50;
    bool dry_run = false;
    bool force = false;
};

// In ms: nothing has been changed after it, so it means now.
constexpr const char* kNever = "9999999999999";

// A change of the log by its id, or a time.
bool is_change(const std::string& text) {
    return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string path_of(const Asked& asked, const char* what) {
    return "/api/v1/domains/" + encode(asked.domain) + "/" + what;
}

void print_differences(const Global& global, const Answer& answer) {
    if (global.json) {
        std::printf("%s\n", answer.body.c_str());
        return;
    }
    const json::value& done = answer.json();
    for (const auto& item : done.at("items").as_array()) {
        std::printf("%s %s %s\n", cell(item, "action").c_str(), cell(item, "kind").c_str(),
                    cell(item, "name").c_str());
        if (cell(item, "action") != "change") continue;
        for (const auto& each : item.at("changes").as_array())
            std::printf("    %s: %s -> %s\n", cell(each, "field").c_str(),
                        json::serialize(each.at("before")).c_str(),
                        json::serialize(each.at("after")).c_str());
    }
    if (done.at("items").as_array().empty()) std::printf("nothing differs\n");
}

void roll_back(Global& global, const Asked& asked) {
    JsonWriter body;
    body.begin_object().field(is_change(asked.to) ? "change" : "at").value(asked.to).end_object();
    const std::string dry_run = asked.dry_run ? "true" : "";
    const std::string force = asked.force ? "true" : "";
    const std::string path =
        filtered(path_of(asked, "configuration"), {{"dry_run", dry_run}, {"force", force}});
    const auto answer = global.client().call("POST", path, body.take());
    if (!answer.has_value()) return global.fail(answer.error());
    print_differences(global, *answer);
}

void show_difference(Global& global, const Asked& asked) {
    const std::string to = asked.to.empty() ? kNever : asked.to;
    const std::string path = filtered(path_of(asked, "configuration"),
                                      {{is_change(asked.from) ? "change" : "at", asked.from},
                                       {is_change(to) ? "until_change" : "until", to}});
    const auto answer = global.client().call("GET", path);
    if (!answer.has_value()) return global.fail(answer.error());
    print_differences(global, *answer);
}

// Without what was refused, and who signed in.
bool is_of_configuration(const json::value& record) {
    const json::object& object = record.as_object();
    return object.contains("before") || object.contains("after");
}

// The names of the fields that a change has touched.
std::string touched(const json::value& record) {
    const json::object& object = record.as_object();
    const json::value* before = object.if_contains("before");
    const json::value* after = object.if_contains("after");
    if (before == nullptr || after == nullptr || !before->is_object() || !after->is_object())
        return "-";
    std::string names;
    for (const auto& [name, value] : after->get_object()) {
        const json::value* was = before->get_object().if_contains(name);
        if (was != nullptr && *was == value) continue;
        if (!names.empty()) names += ", ";
        names += name;
    }
    return names.empty() ? "-" : names;
}

void show_history(Global& global, const Asked& asked) {
    json::array found;
    std::string after;
    do {
        const std::string page = "200";
        const auto answer =
            global.client().call("GET", filtered(path_of(asked, "audit"), {{"kind", asked.kind},
                                                                           {"entity", asked.entity},
                                                                           {"from", asked.from},
                                                                           {"to", asked.to},
                                                                           {"limit", page},
                                                                           {"after", after}}));
        if (!answer.has_value()) return global.fail(answer.error());
        const json::value& read = answer->json();
        for (const json::value& each : read.at("items").as_array())
            if (is_of_configuration(each) && found.size() < asked.limit) found.push_back(each);
        const json::value& next = read.at("next");
        after = next.is_string() ? std::string(next.get_string()) : std::string();
    } while (!after.empty() && found.size() < asked.limit);
    if (global.json) {
        std::printf("%s\n", json::serialize(json::object{{"items", std::move(found)}}).c_str());
        return;
    }
    Table table({"CHANGE", "AT", "ACTOR", "ACTION", "KIND", "NAME", "FIELDS"});
    for (const json::value& each : found)
        table.add({cell(each, "id"), cell(each, "at_utc_ms"), cell(each, "actor"),
                   cell(each, "action"), cell(each, "kind"), cell(each, "name"), touched(each)});
    std::printf("%s", table.empty() ? "nothing has been changed\n" : table.text().c_str());
}

void add_roll_back(CLI::App& app, const char* name, Global& global, Asked& asked) {
    auto* back =
        app.add_subcommand(name, "make a domain what it was at a past time, or after a change");
    back->add_option("domain", asked.domain, "name of the domain")->required();
    back->add_option("--to", asked.to, "a change of the history, or a time")->required();
    back->add_flag("--dry-run", asked.dry_run, "only show what would change");
    back->add_flag("--force", asked.force, "though it breaks expected routes of the domain");
    back->callback([&] { roll_back(global, asked); });
}

}  // namespace

void add_past_commands(CLI::App& app, Global& global) {
    static Asked asked;
    add_roll_back(app, "roll-back", global, asked);
    auto* domain = app.get_subcommand("domain");
    add_roll_back(*domain, "rollback", global, asked);
    auto* history = domain->add_subcommand("history", "which changes were made, the newest first");
    history->add_option("domain", asked.domain, "name of the domain")->required();
    history->add_option("--kind", asked.kind, "only of this kind of entity, like account");
    history->add_option("--entity", asked.entity, "only of the entity with this id");
    history->add_option("--from", asked.from, "at or after, like 2026-11-25T08:00:00Z");
    history->add_option("--to", asked.to, "before");
    history->add_option("--limit", asked.limit, "how many at most")
        ->check(CLI::Range(size_t{1}, kItemsMax))
        ->capture_default_str();
    history->callback([&] { show_history(global, asked); });
    auto* difference = domain->add_subcommand("diff", "what has changed from then to now");
    difference->add_option("domain", asked.domain, "name of the domain")->required();
    difference->add_option("--from", asked.from, "a change of the history, or a time")->required();
    difference->add_option("--to", asked.to, "a later one; left out: now");
    difference->callback([&] { show_difference(global, asked); });
}

}  // namespace tandem::cli
