#include "app/cli/completion.h"

#include <CLI/CLI.hpp>

namespace tandem::cli {
namespace {

std::string words_of(const CLI::App& command) {
    std::string words;
    for (const CLI::App* sub : command.get_subcommands({})) words += sub->get_name() + " ";
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
    }
    return words;
}

void add_cases(const CLI::App& command, const std::string& path, std::string& out) {
    out += "        '" + path + "') echo '" + words_of(command) + "' ;;\n";
    for (const CLI::App* sub : command.get_subcommands({})) {
        add_cases(*sub, path + " " + sub->get_name(), out);
    }
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
    std::string cases;
    add_cases(app, "tandem", cases);
    return "# source <(tandem completion bash)\n"
           "_tandem_words() {\n"
           "    case \"$1\" in\n" +
           cases +
           "        *) return 1 ;;\n"
           "    esac\n"
           "}\n"
           "_tandem() {\n"
           "    local path=tandem i\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        # Names of domains, accounts and values of options are no commands.\n"
           "        ! _tandem_words \"$path ${COMP_WORDS[i]}\" >/dev/null || "
           "path+=\" ${COMP_WORDS[i]}\"\n"
           "    done\n"
           "    COMPREPLY=($(compgen -W \"$(_tandem_words \"$path\")\" -- "
           "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
           "}\n"
           "complete -F _tandem tandem\n";
}

}  // namespace tandem::cli
