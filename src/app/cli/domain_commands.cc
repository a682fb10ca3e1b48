#include <CLI/CLI.hpp>

#include "app/cli/commands.h"
#include "app/cli/show.h"
#include "base/json_text.h"

namespace tandem::cli {
namespace {

const std::string kDomains = "/api/v1/domains";

std::string accounts_of(const std::string& domain) {
    return kDomains + "/" + encode(domain) + "/accounts";
}

struct AccountOptions {
    std::string domain;
    std::string login;
    std::string number;
    std::string display_name;
    std::string password;
    std::string enabled;
};

std::string account_body(const AccountOptions& options, bool with_login) {
    JsonWriter json;
    json.begin_object();
    if (with_login) json.field("login").value(options.login);
    if (!options.number.empty()) json.field("number").value(options.number);
    if (!options.display_name.empty()) json.field("display_name").value(options.display_name);
    if (!options.password.empty()) json.field("password").value(options.password);
    if (!options.enabled.empty()) json.field("enabled").value(options.enabled == "yes");
    return json.end_object().take();
}

void add_account_fields(CLI::App* command, AccountOptions& options) {
    command->add_option("--number", options.number, "number that reaches it in its domain");
    command->add_option("--name", options.display_name, "name shown to the called party");
    command->add_option("--password", options.password, "password of the phone");
}

// Options outlive their command line: CLI11 keeps pointers to them.
AccountOptions& options_of(CLI::App* command) {
    static std::vector<std::unique_ptr<AccountOptions>> all;
    all.push_back(std::make_unique<AccountOptions>());
    command->add_option("domain", all.back()->domain, "name of the domain")->required();
    command->add_option("login", all.back()->login, "login of the account")->required();
    return *all.back();
}

}  // namespace

void add_domain_commands(CLI::App& app, Global& global) {
    auto* domain = app.add_subcommand("domain", "domains: list, add, show, remove");
    domain->require_subcommand(1);
    domain->add_subcommand("list", "all domains")->callback([&] {
        show_list(global, kDomains, {{"NAME", "name"}, {"REALM", "realm"}, {"ID", "id"}},
                  "no domains yet; 'tandem domain add NAME' makes one");
    });
    static std::string name;
    static std::string parent;
    auto* add = domain->add_subcommand("add", "make a domain");
    add->add_option("name", name, "DNS name, as in sip:1001@NAME")->required();
    add->add_option("--parent", parent, "domain above it (id)");
    add->callback([&] {
        JsonWriter json;
        json.begin_object().field("name").value(name);
        if (!parent.empty()) json.field("parent").value(parent);
        change(global, "POST", kDomains, json.end_object().take(), "");
    });
    auto* show = domain->add_subcommand("show", "one domain with its settings");
    show->add_option("name", name)->required();
    show->callback([&] { show_one(global, kDomains + "/" + encode(name)); });
    auto* remove = domain->add_subcommand("remove", "remove a domain and all that belongs to it");
    remove->add_option("name", name)->required();
    remove->callback(
        [&] { change(global, "DELETE", kDomains + "/" + encode(name), "", "removed " + name); });
}

void add_account_commands(CLI::App& app, Global& global) {
    auto* account = app.add_subcommand("account", "SIP accounts: list, add, show, set, remove");
    account->require_subcommand(1);
    static std::string domain;
    auto* list = account->add_subcommand("list", "all accounts of a domain");
    list->add_option("domain", domain, "name of the domain")->required();
    list->callback([&] {
        show_list(global, accounts_of(domain),
                  {{"LOGIN", "login"},
                   {"NUMBER", "number"},
                   {"NAME", "display_name"},
                   {"ENABLED", "enabled"},
                   {"ID", "id"}},
                  "no accounts yet; 'tandem account add DOMAIN LOGIN' makes one");
    });
    auto* add = account->add_subcommand("add", "make an account");
    AccountOptions& fresh = options_of(add);
    add_account_fields(add, fresh);
    add->callback(
        [&] { change(global, "POST", accounts_of(fresh.domain), account_body(fresh, true), ""); });
    auto* set = account->add_subcommand("set", "change fields of an account");
    AccountOptions& changed = options_of(set);
    add_account_fields(set, changed);
    set->add_option("--enabled", changed.enabled)->check(CLI::IsMember({"yes", "no"}));
    set->callback([&] {
        change(global, "PATCH", accounts_of(changed.domain) + "/" + encode(changed.login),
               account_body(changed, false), "");
    });
    auto* show = account->add_subcommand("show", "one account");
    AccountOptions& shown = options_of(show);
    show->callback(
        [&] { show_one(global, accounts_of(shown.domain) + "/" + encode(shown.login)); });
    auto* remove = account->add_subcommand("remove", "remove an account");
    AccountOptions& removed = options_of(remove);
    remove->callback([&] {
        change(global, "DELETE", accounts_of(removed.domain) + "/" + encode(removed.login), "",
               "removed " + removed.login);
    });
}

}  // namespace tandem::cli
