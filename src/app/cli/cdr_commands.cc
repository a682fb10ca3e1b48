// Records of ended calls: as a table, and as CSV.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/show.h"

namespace tandem::cli {
namespace {

struct Asked {
    std::string domain;
    std::string number;
    std::string account;
    std::string call;
    std::string direction;
    std::string result;
    std::string status;
    std::string duration_min;
    std::string from;
    std::string to;
    std::string file = "-";
    size_t limit = 100;
};

std::string path_of(const Asked& asked, const char* more) {
    return filtered(within(asked.domain, "cdr") + more, {{"number", asked.number},
                                                         {"account", asked.account},
                                                         {"call", asked.call},
                                                         {"direction", asked.direction},
                                                         {"result", asked.result},
                                                         {"status", asked.status},
                                                         {"duration_min_s", asked.duration_min},
                                                         {"from", asked.from},
                                                         {"to", asked.to}});
}

void add_filters(CLI::App& command, Asked& asked) {
    command.add_option("domain", asked.domain, "only of this domain");
    command.add_option(
        "--number", asked.number,
        "only with this caller, callee or dialled number; 100* for all that begin so");
    command.add_option("--account", asked.account, "only of this account (login, or id)");
    command.add_option("--call", asked.call, "only of this call (id)");
    command.add_option("--direction", asked.direction, "internal, incoming, outgoing or transit");
    command.add_option("--result", asked.result,
                       "answered, busy, no-answer, rejected, cancelled or failed");
    command.add_option("--status", asked.status, "only that ended with this SIP status");
    command.add_option("--duration-min", asked.duration_min, "talked for so many seconds at least");
    command.add_option("--from", asked.from, "begun at or after, like 2026-11-25T08:00:00Z");
    command.add_option("--to", asked.to, "begun before");
}

void list(Global& global, const Asked& asked) {
    show_list(global, path_of(asked, ""),
              {{"START", "start_utc_ms"},
               {"CALLER", "caller.number"},
               {"DIALLED", "dialled"},
               {"RESULT", "result"},
               {"STATUS", "sip_status"},
               {"TALK", "duration_ms"},
               {"RELEASED BY", "released_by"},
               {"CALL", "call"}},
              "no calls have ended yet", asked.limit);
}

void export_csv(Global& global, const Asked& asked) {
    const bool is_stdout = asked.file == "-";
    std::FILE* file = is_stdout ? stdout : std::fopen(asked.file.c_str(), "wbx");
    if (file == nullptr)
        return global.fail(
            make_error(ErrorCode::Conflict, "",
                       asked.file + ": can't be made (an existing file is not written over)"));
    auto done = global.client().stream(path_of(asked, "?format=csv"), [&](std::string_view text) {
        return std::fwrite(text.data(), 1, text.size(), file) == text.size();
    });
    const bool written = (is_stdout ? std::fflush(file) : std::fclose(file)) == 0;
    if (done.has_value() && !written)
        done = make_error(ErrorCode::Conflict, "", asked.file + ": can't be written");
    if (done.has_value()) return;
    if (!is_stdout) std::remove(asked.file.c_str());
    global.fail(done.error());
}

}  // namespace

void add_cdr_commands(CLI::App& app, Global& global) {
    static Asked asked;
    auto* cdr = app.add_subcommand("cdr", "records of ended calls, the newest first");
    cdr->require_subcommand(0, 1);
    auto* listed = cdr->add_subcommand("list", "as a table; so does 'cdr' alone");
    for (CLI::App* each : {cdr, listed}) {
        add_filters(*each, asked);
        each->add_option("--limit", asked.limit, "how many at most")
            ->check(CLI::Range(size_t{1}, kItemsMax))
            ->capture_default_str();
    }
    auto* exported = cdr->add_subcommand("export", "all that fit, as CSV");
    add_filters(*exported, asked);
    exported->add_option("--file", asked.file, "a new file; -: standard output")
        ->capture_default_str();
    cdr->callback([&global, cdr] {
        if (cdr->get_subcommands().empty()) list(global, asked);
    });
    listed->callback([&] { list(global, asked); });
    exported->callback([&] { export_csv(global, asked); });
}

}  // namespace tandem::cli
