// What somebody may do in a domain: rights by resource and verb, as grants have them. In text a
// right is "<resource>:<verb>"; '*' stands for every resource, or for both verbs:
// "accounts:write", "cdr:read", "calls:*", "*:read".
//
// Right to write is right to read as well.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/generated/grant.h"

namespace tandem::model {

enum class Resource : uint8_t {
    Domains,     // domains below: that they exist, their names, whether they are blocked
    Settings,    // of the domain itself
    Licences,    // of domains below; reading: one's own, too
    Users,       // people of the domain
    Grants,      // who may do what
    Tokens,      // API tokens
    Accounts,    // what phones register with
    Numbers,     // number ranges and what belongs to them
    Routing,     // rules, schedules, transformations, route tests
    Trunks,      // lines to providers, and groups of them
    Services,    // ring groups, forwarding, feature codes and the like
    Scenarios,   // IVR and service scenarios
    Calls,       // calls under way; writing: to end or change them
    Bindings,    // registered devices; writing: to forget them
    Cdr,         // calls that have ended
    Recordings,  // of calls
    Audit,       // who changed what; writing: to roll back
};
inline constexpr size_t resource_count = 17;

enum class Verb : uint8_t { Read, Write };

std::string_view to_string(Resource resource);
std::optional<Resource> parse_resource(std::string_view name);
std::string_view to_string(Verb verb);

class Rights {
 public:
    constexpr Rights() = default;
    constexpr explicit Rights(uint64_t bits) : bits_(bits) {}
    static Rights all();

    void add(Resource resource, Verb verb);
    void add(Rights other) { bits_ |= other.bits_; }
    bool has(Resource resource, Verb verb) const { return (bits_ & bit(resource, verb)) != 0; }
    bool has_all_of(Rights other) const { return (other.bits_ & ~bits_) == 0; }
    bool empty() const { return bits_ == 0; }
    uint64_t bits() const { return bits_; }
    std::vector<std::string> text() const;  // in the order of resources

    friend bool operator==(Rights, Rights) = default;

 private:
    static constexpr uint64_t bit(Resource resource, Verb verb) {
        return uint64_t{1} << (2 * static_cast<unsigned>(resource) + static_cast<unsigned>(verb));
    }
    uint64_t bits_ = 0;
};

// Errors say what is wrong with which right: OutOfRange.
Result<Rights> parse_right(std::string_view text);
// What the ready-made sets stand for. Custom: nothing.
Rights rights_of(GrantRole role);
// Those of the role, and those that are listed; what can't be read gives nothing.
Rights rights_of(const Grant& grant);

}  // namespace tandem::model
