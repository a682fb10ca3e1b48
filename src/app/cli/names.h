// Entities as people call them: by name, where the API has ids.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/cli/commands.h"
#include "app/cli/entity_kinds.h"
#include "app/cli/show.h"
#include "base/result.h"

namespace tandem::cli {

bool is_id(std::string_view text);

// The id of the entity that `text` names (or is). `where`, an option or field, stands in the error,
// which also tells names that are nearly so.
struct Naming {
    const EntityKind* kind;  // of what is named
    std::string domain;      // that it is looked for in
    std::string where;       // "--members"
};
Result<std::string> id_of(Global& global, const Naming& naming, const std::string& text);

// Of `known`, those that `text` was probably meant to be, the nearest first, three at most.
std::vector<std::string> near_to(std::string_view text, const std::vector<std::string>& known);
// "; is it a, b?", or nothing.
std::string guesses(const std::vector<std::string>& near);

// Writes names for ids into entities that are to be shown. What can't be read, because it is gone
// or not for whoever asks, stays an id.
class NamesShown {
 public:
    NamesShown(Global& global, const EntityKind& kind, std::string domain);
    void put_in(boost::json::array& items);
    void put_in(boost::json::value& item);

 private:
    std::string name_of(const EntityKind& kind, const std::string& id);
    void learn_all(const boost::json::array& items);

    Global& global_;
    std::string domain_;
    std::vector<std::pair<std::string, const EntityKind*>> fields_;  // path, what it refers to
    std::map<std::string, std::string> known_;                       // name by id
    // Not for whoever asks, or nobody answers: each further question would be refused, and audited.
    std::set<const EntityKind*> closed_;
};

}  // namespace tandem::cli
