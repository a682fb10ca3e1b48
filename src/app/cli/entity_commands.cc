// list, show, add, set and remove, alike for every kind of entity.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>

#include "app/cli/commands.h"
#include "app/cli/entity_kinds.h"
#include "app/cli/forms.h"
#include "app/cli/input.h"
#include "app/cli/music_file.h"
#include "app/cli/names.h"

namespace tandem::cli {
namespace {

namespace json = boost::json;

// The first column of kinds whose entities have an order.
constexpr std::string_view kOrderHead = "ORDER";

struct Typed {
    FormField field;
    CLI::Option* option = nullptr;
    std::string text;
};

// What one command of one kind was given. CLI11 keeps pointers into it.
struct Command {
    const EntityKind* kind = nullptr;
    std::string domain;
    std::string name;
    std::string file;                // JSON to begin with
    std::string etag;                // the version that may be changed
    std::vector<std::string> unset;  // fields to go back to their defaults
    bool replace = false;
    bool force = false;    // though it breaks expected routes
    bool dry_run = false;  // only say what would be
    std::deque<Typed> fields;

    std::string path() const { return kind->path(domain, kind->name ? name : "") + query(); }
    std::string query() const {
        std::string text;
        if (force) text += "?force=true";
        if (dry_run) text += text.empty() ? "?dry_run=true" : "&dry_run=true";
        return text;
    }
};

Command& new_command(const EntityKind& kind) {
    static std::deque<Command> all;
    all.emplace_back().kind = &kind;
    return all.back();
}

// Of an argument: unlike any option's name.
std::string upper(std::string name) {
    for (char& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return name;
}

void add_domain(CLI::App* app, Command& command) {
    if (!command.kind->in_domain) return;
    app->add_option("DOMAIN", command.domain, "name of the domain")->required();
}

void add_name(CLI::App* app, Command& command) {
    add_domain(app, command);
    if (command.kind->name == nullptr) return;
    const std::string what = command.kind->name;
    app->add_option(upper(what), command.name, what == "id" ? "its id" : "its " + what + " or id")
        ->required();
}

void add_fields(CLI::App* app, Command& command, bool fresh) {
    for (FormField& field : settable_fields(command.kind->entity)) {
        const bool is_name =
            command.kind->name_field != nullptr && field.path == command.kind->name_field;
        if (is_name && fresh) continue;  // it is given as an argument
        if (field.immutable && !fresh) continue;
        Typed& typed = command.fields.emplace_back();
        typed.field = std::move(field);
        std::string names = typed.field.option();
        if (typed.field.path == "display_name") names += ",--name";
        typed.option = app->add_option(names, typed.text, typed.field.meaning());
        typed.option->type_name(typed.field.type == "enum" ? "NAME" : "VALUE");
    }
    app->add_option("--from-json", command.file,
                    "JSON file to take fields from; -: standard input");
}

void add_flags(CLI::App* app, Command& command) {
    app->add_flag("--force", command.force, "though it breaks expected routes of the domain");
    app->add_flag("--dry-run", command.dry_run, "only say what would change");
}

Result<json::object> read_object(const std::string& path) {
    const std::string text = TRY(read_input(path, "from-json"));
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    if (error || !value.is_object()) {
        return make_error(ErrorCode::Malformed, "from-json", path + " holds no JSON object");
    }
    return std::move(value.as_object());
}

// What a domain itself refers to is in it.
const std::string& home_of(const Command& command) {
    return command.kind->in_domain ? command.domain : command.name;
}

// Names are accepted where the API wants the id of another entity.
Result<std::string> id_named(Global& global, const Command& command, const std::string& entity,
                             const std::string& where, const std::string& text) {
    return id_of(global, {kind_of(entity), home_of(command), where}, text);
}

Prepare with_names(Global& global, const Command& command) {
    return [&global, &command](json::value& item) {
        NamesShown(global, *command.kind, home_of(command)).put_in(item);
    };
}

// In each structure of a list.
Result<json::value> with_ids(Global& global, const Command& command, const FormField& field,
                             json::value list) {
    size_t index = 0;
    for (json::value& each : list.as_array()) {
        const std::string where = field.option() + " [" + std::to_string(index++) + "].";
        if (!each.is_object()) continue;  // the server says what is wrong
        for (const auto& [name, entity] : field.item_refs) {
            json::value* named = each.as_object().if_contains(name);
            if (named == nullptr || !named->is_string()) continue;
            const std::string text(named->as_string());
            *named = TRY(id_named(global, command, entity, where + name, text));
        }
    }
    return list;
}

Result<json::value> value_of(Global& global, const Command& command, const Typed& typed) {
    if (command.kind->entity == std::string_view("music") && typed.field.path == "file")
        return json::value(TRY(music_file(typed.text)));
    json::value value = TRY(typed_value(typed.field, typed.text));
    if (!typed.field.item_refs.empty())
        return with_ids(global, command, typed.field, std::move(value));
    if (typed.field.ref.empty()) return value;
    if (value.is_string()) {
        const std::string option = typed.field.option();
        return json::value(TRY(id_named(global, command, typed.field.ref, option, typed.text)));
    }
    if (!value.is_array()) return value;
    for (json::value& each : value.as_array()) {
        const std::string text(each.as_string());
        each = TRY(id_named(global, command, typed.field.ref, typed.field.option(), text));
    }
    return value;
}

// Of a field, or of a structure of them, as it is written for `--unset`.
Result<std::string> unset_path(const EntityKind& kind, const std::string& name) {
    std::string path = name;
    std::replace(path.begin(), path.end(), '-', '_');
    std::vector<std::string> known;
    for (const FormField& field : settable_fields(kind.entity)) {
        if (field.path == path || field.path.starts_with(path + ".")) return path;
        known.push_back(field.path);
    }
    return make_error(ErrorCode::UnknownField, path,
                      "--unset " + name + ": " + kind.command + " has no such field" +
                          guesses(near_to(path, known)));
}

Result<std::string> body_of(Global& global, const Command& command, bool fresh) {
    json::object body;
    if (!command.file.empty()) body = TRY(read_object(command.file));
    if (fresh && command.kind->name_field != nullptr) body[command.kind->name_field] = command.name;
    for (const Typed& typed : command.fields) {
        if (typed.option->count() == 0) continue;
        put_at(body, typed.field.path, TRY(value_of(global, command, typed)));
    }
    for (const std::string& name : command.unset)
        put_at(body, TRY(unset_path(*command.kind, name)), nullptr);
    if (!fresh && !command.replace && body.empty()) {
        return make_error(
            ErrorCode::Missing, "",
            "nothing to set; '--help' lists the fields, --from-json takes a JSON file");
    }
    return json::serialize(body);
}

void write(Global& global, const Command& command, bool fresh) {
    const auto body = body_of(global, command, fresh);
    if (!body.has_value()) return global.fail(body.error());
    if (fresh) {
        const std::string path = command.kind->path(command.domain) + command.query();
        return send_change(global, {"POST", path, *body, {}, with_names(global, command)}, "made");
    }
    const char* method = command.replace ? "PUT" : "PATCH";
    send_change(global, {method, command.path(), *body, command.etag, with_names(global, command)},
                "changed");
}

int64_t order_of(const json::value& item) {
    const json::value* order = item.as_object().if_contains("order");
    return order != nullptr && order->is_int64() ? order->as_int64() : 0;
}

// Where an order is given, the things are shown in the order in which they are asked.
void sort_by_order(json::array& items) {
    std::stable_sort(items.begin(), items.end(), [](const json::value& a, const json::value& b) {
        const int64_t left = order_of(a);
        const int64_t right = order_of(b);
        return left != right ? left < right : cell(a, "name") < cell(b, "name");
    });
}

void show_all(Global& global, const Command& command) {
    const EntityKind& kind = *command.kind;
    auto items = fetch_all(global, kind.path(command.domain), kItemsMax);
    if (!items.has_value()) return global.fail(items.error());
    const bool is_ordered = !kind.columns.empty() && kind.columns.front().first == kOrderHead;
    if (is_ordered) sort_by_order(*items);
    if (!global.json && !global.ids) NamesShown(global, kind, command.domain).put_in(*items);
    print_list(global, *items, kind.columns, kind.when_empty);
}

void add_reading(CLI::App* group, Global& global, const EntityKind& kind) {
    if (kind.name != nullptr && kind.part == nullptr) {
        Command& list = new_command(kind);
        auto* app = group->add_subcommand("list", "all of them");
        add_domain(app, list);
        app->callback([&] { show_all(global, list); });
    }
    Command& show = new_command(kind);
    auto* app = group->add_subcommand("show", "one of them, with all fields");
    add_name(app, show);
    app->callback([&] { show_one(global, show.path(), with_names(global, show)); });
}

void add_writing(CLI::App* group, Global& global, const EntityKind& kind) {
    Command& set = new_command(kind);
    auto* app = group->add_subcommand("set", "change fields; the others stay");
    add_name(app, set);
    add_fields(app, set, false);
    app->add_option("--unset", set.unset, "field that goes back to its default; may be repeated")
        ->allow_extra_args(false);
    app->add_flag("--replace", set.replace, "what is not given goes back to its default");
    app->add_option("--if-match", set.etag, "only if it still has this version");
    add_flags(app, set);
    app->callback([&] { write(global, set, false); });
    if (kind.name == nullptr || kind.part != nullptr) return;

    Command& add = new_command(kind);
    app = group->add_subcommand("add", "make one");
    add_domain(app, add);
    if (kind.name_field != nullptr) {
        app->add_option(upper(kind.name_field), add.name, std::string("its ") + kind.name_field)
            ->required();
    }
    add_fields(app, add, true);
    add_flags(app, add);
    app->callback([&] { write(global, add, true); });

    Command& remove = new_command(kind);
    app = group->add_subcommand("remove", "remove one; refused while something belongs to it");
    add_name(app, remove);
    add_flags(app, remove);
    app->callback([&] {
        send_change(global, {"DELETE", remove.path(), {}, {}}, "removed " + remove.name);
    });
}

}  // namespace

void add_entity_commands(CLI::App& app, Global& global) {
    for (const EntityKind& kind : all_kinds()) {
        auto* group = app.add_subcommand(kind.command, kind.text);
        group->require_subcommand(1);
        add_reading(group, global, kind);
        add_writing(group, global, kind);
    }
}

}  // namespace tandem::cli
