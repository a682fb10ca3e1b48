// Which command of `tandem` stands for which entity, and where the API has it. One row a kind.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "app/cli/show.h"

namespace tandem::cli {

struct EntityKind {
    const char* command;     // "account"
    const char* entity;      // in the schema
    const char* resource;    // in the API's paths
    const char* text;        // for help
    const char* name;        // what names one in a path; nullptr: there is one only
    const char* name_field;  // the field that `add` fills with the name; nullptr: the system names
    bool in_domain;
    Columns columns;
    const char* when_empty;
    const char* part = nullptr;  // it is a part of what is named: ".../accounts/1001/services"

    // "/api/v1/domains/acme.test/accounts", with "/1001" where `one` names one.
    std::string path(const std::string& domain, const std::string& one = {}) const;
};

std::span<const EntityKind> all_kinds();
// By the entity's name in the schema; nullptr: it has no command.
const EntityKind* kind_of(std::string_view entity);

}  // namespace tandem::cli
