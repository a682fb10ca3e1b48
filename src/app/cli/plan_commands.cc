// The logic layer as a whole: what it is worth, and another one from a file.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "app/cli/commands.h"
#include "app/cli/input.h"
#include "app/cli/show.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;

constexpr const char* kPath = "/api/v1/plan";

struct Wanted {
    std::string file = "-";
    bool yes = false;
};

// ---- JSON as people edit it: a member a line.

void indent(std::string& out, size_t depth) {
    out.append(1, '\n').append(2 * depth, ' ');
}

void append_pretty(std::string& out, const json::value& value, size_t depth) {
    const bool is_object = value.is_object() && !value.as_object().empty();
    const bool is_list = value.is_array() && !value.as_array().empty();
    if (!is_object && !is_list) {
        out += json::serialize(value);
        return;
    }
    out += is_object ? '{' : '[';
    bool first = true;
    const auto next = [&] {
        if (!first) out += ',';
        first = false;
        indent(out, depth + 1);
    };
    if (is_object) {
        for (const auto& [name, member] : value.as_object()) {
            next();
            out += json::serialize(json::value(name)) + ": ";
            append_pretty(out, member, depth + 1);
        }
    } else {
        for (const json::value& item : value.as_array()) {
            next();
            append_pretty(out, item, depth + 1);
        }
    }
    indent(out, depth);
    out += is_object ? '}' : ']';
}

// ---- What a plan comes to.

bool has_errors(const json::value& plan) {
    for (const json::value& each : plan.at("findings").as_array()) {
        if (cell(each, "severity") == "error") return true;
    }
    return false;
}

void print_texts(const char* head, const json::value& items) {
    if (items.as_array().empty()) return;
    std::printf("%s\n", head);
    for (const json::value& each : items.as_array()) {
        std::printf("  %s\n", cell(each, "text").c_str());
    }
}

enum class Fields { Hidden, Shown };  // of the document that somebody has written

void print_findings(const json::value& plan, Fields fields) {
    const json::array& findings = plan.at("findings").as_array();
    std::printf("%s\n", findings.empty() ? "nothing is wrong" : "what is wrong");
    for (const json::value& each : findings) {
        const std::string where = cell(each, "fields");
        const bool with_fields = fields == Fields::Shown && cell(each, "severity") == "error";
        std::printf("  %s: %s%s\n", cell(each, "severity").c_str(), cell(each, "text").c_str(),
                    with_fields && where != "-" ? (" (" + where + ")").c_str() : "");
    }
}

void print_judged(const json::value& plan) {
    if (plan.at("changes").as_array().empty()) std::printf("nothing changes\n");
    print_texts("what changes, in this order", plan.at("changes"));
    print_findings(plan, Fields::Shown);
    print_texts("what a death would cost then", plan.at("losses"));
}

void show_plan(Global& global) {
    const auto answer = global.client().call("GET", kPath);
    if (!answer.has_value()) return global.fail(answer.error());
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    const json::value& plan = answer->json();
    print_findings(plan, Fields::Hidden);
    print_texts("what a death would cost", plan.at("losses"));
}

void export_plan(Global& global, const Wanted& wanted) {
    const auto answer = global.client().call("GET", kPath);
    if (!answer.has_value()) return global.fail(answer.error());
    std::string text;
    append_pretty(text, json::object{{"roles", answer->json().at("roles")}}, 0);
    text += '\n';
    if (wanted.file == "-") {
        std::fwrite(text.data(), 1, text.size(), stdout);
        return;
    }
    std::FILE* file = std::fopen(wanted.file.c_str(), "wb");
    const bool written =
        file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const bool closed = file != nullptr && std::fclose(file) == 0;
    if (!written || !closed)
        return global.fail(make_error(ErrorCode::NotFound, "file",
                                      wanted.file + " cannot be written: " + std::strerror(errno)));
    if (!global.json) std::printf("written to %s\n", wanted.file.c_str());
}

// What the server says of the file. nullopt: it has said no.
std::optional<json::value> judge(Global& global, const std::string& document) {
    const auto answer = global.client().call("POST", kPath, document);
    if (!answer.has_value()) {
        global.fail(answer.error());
        return std::nullopt;
    }
    json::value plan = answer->json();
    if (has_errors(plan)) global.exit_code = kExitRefused;
    return plan;
}

void diff_plan(Global& global, const Wanted& wanted) {
    const auto document = read_input(wanted.file, "file");
    if (!document.has_value()) return global.fail(document.error());
    const auto plan = judge(global, *document);
    if (!plan) return;
    if (global.json) {
        std::printf("%s\n", json::serialize(*plan).c_str());
    } else {
        print_judged(*plan);
    }
}

bool is_confirmed(Global& global, const Wanted& wanted) {
    if (wanted.yes) return true;
    if (global.json || wanted.file == "-" || isatty(STDIN_FILENO) == 0) {
        std::fprintf(stderr, "tandem: nobody can be asked: give --yes\n");
        global.exit_code = kExitUsage;
        return false;
    }
    std::printf("apply it? [y/N] ");
    std::fflush(stdout);
    std::string line;
    std::getline(std::cin, line);
    if (line == "y" || line == "yes") return true;
    std::printf("nothing was changed\n");
    global.exit_code = kExitRefused;
    return false;
}

// What is applied is what was shown: the layout must still have the version of the judgement.
void apply_plan(Global& global, const Wanted& wanted) {
    const auto document = read_input(wanted.file, "file");
    if (!document.has_value()) return global.fail(document.error());
    const auto plan = judge(global, *document);
    if (!plan) return;
    if (!global.json) print_judged(*plan);
    if (has_errors(*plan)) {
        std::fprintf(stderr, "tandem: nothing was changed, as the plan has errors\n");
        if (global.json) std::printf("%s\n", json::serialize(*plan).c_str());
        return;
    }
    const bool changes = !plan->at("changes").as_array().empty();
    if (changes && !is_confirmed(global, wanted)) return;
    const auto answer = global.client().call("PUT", kPath, *document, cell(*plan, "version"));
    if (!answer.has_value()) return global.fail(answer.error());
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
    } else if (changes) {
        std::printf("applied\n");
    }
}

CLI::App* add_with_file(CLI::App& group, const char* name, const char* text, Wanted& wanted,
                        const char* meaning) {
    auto* app = group.add_subcommand(name, text);
    app->add_option("FILE", wanted.file, meaning)->required();
    return app;
}

}  // namespace

void add_plan_commands(CLI::App& app, Global& global) {
    static Wanted wanted;
    auto* plan = app.add_subcommand(
        "plan", "which role instances run where: what is wrong with it, what a death would cost");
    plan->require_subcommand(0, 1);
    plan->callback([&global, plan] {
        if (plan->get_subcommands().empty()) show_plan(global);
    });
    auto* to_file = plan->add_subcommand("export", "all role instances as a file to be edited");
    to_file->add_option("FILE", wanted.file, "JSON; -: standard output, as when left out");
    to_file->callback([&] { export_plan(global, wanted); });
    constexpr const char* kMeaning = "as 'plan export' writes it; -: standard input";
    add_with_file(*plan, "diff", "what a file would change, and what it is worth", wanted, kMeaning)
        ->callback([&] { diff_plan(global, wanted); });
    auto* apply = add_with_file(*plan, "apply",
                                "shows that, then makes the role instances those of the file: all "
                                "changes or none",
                                wanted, kMeaning);
    apply->add_flag("--yes", wanted.yes, "do not ask");
    apply->callback([&] { apply_plan(global, wanted); });
}

}  // namespace tandem::cli
