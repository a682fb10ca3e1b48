#include "routing/number_ranges.h"

#include <algorithm>

#include "model/generated/domain.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

// Behind every character of a number.
constexpr char kBehindAll = '\x7f';

}  // namespace

NumberSpan NumberSpan::of(const model::NumberRange& range) {
    if (!range.prefix.empty()) return {range.prefix, range.prefix + kBehindAll};
    return {range.from, range.to + kBehindAll};
}

std::string text_of(const model::NumberRange& range) {
    return range.prefix.empty() ? range.from + "-" + range.to : range.prefix + "*";
}

RangeIndex::RangeIndex(const store::Catalog& catalog) {
    catalog.visit_domains("", [&](const model::Domain& domain) {
        catalog.visit<model::NumberRange>(domain.id, [&](const model::NumberRange& range) {
            if (range.kind == model::NumberKind::External)
                entries_.push_back({NumberSpan::of(range), domain.id, none});
            return true;
        });
        return true;
    });
    // A domain below comes behind the one above when it has the very same range.
    const auto depth = [&](DomainId id) {
        int levels = 0;
        const auto* domain = catalog.find_domain(id);
        while (domain != nullptr && domain->parent && levels < 64) {
            domain = catalog.find_domain(*domain->parent);
            ++levels;
        }
        return levels;
    };
    std::ranges::sort(entries_, [&](const Entry& one, const Entry& other) {
        if (one.span.first != other.span.first) return one.span.first < other.span.first;
        if (one.span.last != other.span.last) return one.span.last > other.span.last;
        const int levels = depth(one.domain);
        const int others = depth(other.domain);
        return levels != others ? levels < others : one.domain < other.domain;
    });
    std::vector<size_t> open;
    for (size_t i = 0; i < entries_.size(); ++i) {
        while (!open.empty() && !entries_[open.back()].span.holds(entries_[i].span))
            open.pop_back();
        if (!open.empty()) entries_[i].around = open.back();
        open.push_back(i);
    }
}

std::optional<DomainId> RangeIndex::owner_of(std::string_view number) const {
    const auto behind = std::ranges::upper_bound(entries_, number, {}, [](const Entry& entry) {
        return std::string_view(entry.span.first);
    });
    if (behind == entries_.begin()) return std::nullopt;
    auto at = static_cast<size_t>(behind - entries_.begin()) - 1;
    while (at != none && !entries_[at].span.holds(number)) at = entries_[at].around;
    if (at == none) return std::nullopt;
    return entries_[at].domain;
}

}  // namespace tandem::routing
