// Who changed what, and signing in.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli/commands.h"
#include "app/cli/input.h"
#include "app/cli/show.h"
#include "base/json_text.h"

namespace tandem::cli {
namespace {

struct Asked {
    std::string domain;
    std::string kind;
    std::string entity;
    std::string actor;
    std::string from;
    std::string to;
    std::string login;
    std::string password_file;
    size_t limit = 100;
};

std::string path_of(const Asked& asked) {
    return filtered(within(asked.domain, "audit"), {{"kind", asked.kind},
                                                    {"entity", asked.entity},
                                                    {"actor", asked.actor},
                                                    {"from", asked.from},
                                                    {"to", asked.to}});
}

void sign_in(Global& global, const Asked& asked) {
    auto password = read_input(asked.password_file, "password-from");
    if (!password.has_value()) return global.fail(password.error());
    while (password->ends_with('\n') || password->ends_with('\r')) password->pop_back();
    JsonWriter body;
    body.begin_object().field("domain").value(asked.domain);
    body.field("login").value(asked.login).field("password").value(*password).end_object();
    const auto answer = global.client().call("POST", "/api/v1/session", body.take());
    if (!answer.has_value()) return global.fail(answer.error());
    if (global.json) {
        std::printf("%s\n", answer->body.c_str());
        return;
    }
    std::printf("%s\n", cell(answer->json(), "token").c_str());
}

}  // namespace

void add_audit_commands(CLI::App& app, Global& global) {
    static Asked asked;
    auto* audit = app.add_subcommand("audit", "who changed what, and what was refused");
    audit->add_option("domain", asked.domain, "only of this domain");
    audit->add_option("--kind", asked.kind, "only of this kind of entity, like account");
    audit->add_option("--entity", asked.entity, "only of the entity with this id");
    audit->add_option("--actor", asked.actor, "only by this one, as the log names him");
    audit->add_option("--from", asked.from, "at or after, like 2026-11-25T08:00:00Z");
    audit->add_option("--to", asked.to, "before");
    audit->add_option("--limit", asked.limit, "how many at most")
        ->check(CLI::Range(size_t{1}, kItemsMax))
        ->capture_default_str();
    audit->callback([&] {
        show_list(global, path_of(asked),
                  {{"AT", "at_utc_ms"},
                   {"ACTOR", "actor"},
                   {"FROM", "address"},
                   {"ACTION", "action"},
                   {"KIND", "kind"},
                   {"NAME", "name"},
                   {"WHAT", "what"},
                   {"REASON", "reason"}},
                  "nothing has been changed or refused", asked.limit);
    });
    auto* session = app.add_subcommand("sign-in", "a token for TANDEM_TOKEN, by a user's password");
    session->add_option("domain", asked.domain, "name of the domain")->required();
    session->add_option("login", asked.login, "login of the user")->required();
    session->add_option("--password-from", asked.password_file, "file that has it; -: stdin")
        ->default_val("-");
    session->callback([&] { sign_in(global, asked); });
    app.add_subcommand("whoami", "who the token belongs to, and what it opens")->callback([&] {
        show_one(global, "/api/v1/session");
    });
}

}  // namespace tandem::cli
