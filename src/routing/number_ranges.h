// Number ranges: what they hold, and which domain a number belongs to. A domain hands parts of its
// external ranges down to domains below it, so the ranges of all domains lie in each other or
// apart; a number belongs to the domain with the narrowest one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.h"
#include "model/generated/number_range.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::routing {

// All texts from the first to the last, in the order of their characters: with a number also what
// it is the beginning of.
struct NumberSpan {
    std::string first;
    std::string last;

    static NumberSpan of(const model::NumberRange& range);
    bool holds(std::string_view number) const { return first <= number && number <= last; }
    bool holds(const NumberSpan& other) const { return first <= other.first && other.last <= last; }
    bool meets(const NumberSpan& other) const { return first <= other.last && other.first <= last; }
};
// As people write it: "+4930*", "100-199".
std::string text_of(const model::NumberRange& range);

// Of all external ranges.
class RangeIndex {
 public:
    explicit RangeIndex(const store::Catalog& catalog);
    // In steps of the depth of the tree. nullopt: nobody has the number.
    std::optional<DomainId> owner_of(std::string_view number) const;

 private:
    static constexpr size_t none = static_cast<size_t>(-1);
    struct Entry {
        NumberSpan span;
        DomainId domain;
        size_t around = none;  // the narrowest that holds it
    };
    std::vector<Entry> entries_;  // by their first numbers, wider ones before narrower ones
};

}  // namespace tandem::routing
