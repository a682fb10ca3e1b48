// What an entity refers to: ids in its fields that name other entities. Generated code lists them,
// so that nobody forgets one when it is checked that they are there, or that nobody needs what
// goes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"

namespace tandem::model {

struct Reference {
    std::string field;      // where it is: "members[2].trunk"
    std::string_view kind;  // of the entity that is meant: "trunk"
    Bits128 id;
};

// Where in an entity a struct is.
struct ReferencePlace {
    std::string prefix;  // "members[2]."

    // `index`: in a list; negative: there is no list.
    std::string field(std::string_view name, int index) const {
        std::string text = prefix;
        text += name;
        if (index >= 0) text.append("[").append(std::to_string(index)).append("]");
        return text;
    }
    ReferencePlace within(std::string_view name, int index) const {
        return {field(name, index) + '.'};
    }
};

struct References {
    std::vector<Reference> all;

    void add(const ReferencePlace& at, std::string_view name, int index, std::string_view kind,
             Bits128 id) {
        if (id != Bits128{}) all.push_back({at.field(name, index), kind, id});
    }
};

// Of an entity; empty for kinds that refer to nothing.
template <typename T>
std::vector<Reference> references_of(const T& value) {
    References out;
    if constexpr (requires { add_references(value, ReferencePlace{}, out); })
        add_references(value, {}, out);
    return std::move(out.all);
}

}  // namespace tandem::model
