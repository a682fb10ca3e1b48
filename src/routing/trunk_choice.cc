#include "routing/trunk_choice.h"

#include <algorithm>
#include <limits>
#include <string>

#include "store/catalog.h"

namespace tandem::routing {
namespace {

using model::TrunkGroup;
using model::TrunkOrder;

struct Rate {
    std::string_view prefix;
    int64_t cost = 0;  // millionths
};

bool is_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "12", "0.015": at most nine digits before the point and six behind it.
std::optional<int64_t> cost_from(std::string_view text) {
    const size_t point = std::min(text.find('.'), text.size());
    const std::string_view whole = text.substr(0, point);
    std::string part(point == text.size() ? std::string_view() : text.substr(point + 1));
    const bool is_cost = !whole.empty() && whole.size() <= 9 && part.size() <= 6 &&
                         is_digits(whole) && is_digits(part) &&
                         (point == text.size() || !part.empty());
    if (!is_cost) return std::nullopt;
    part.resize(6, '0');
    return std::stoll(std::string(whole) + part);
}

// Of the entry, if its prefix fits; the cost is read when it counts.
std::optional<std::string_view> prefix_in(std::string_view entry) {
    const size_t semicolon = entry.find(';');
    if (semicolon == std::string_view::npos) return std::nullopt;
    return entry.substr(0, semicolon);
}

std::optional<Rate> read_rate(std::string_view entry) {
    const auto prefix = prefix_in(entry);
    if (!prefix) return std::nullopt;
    const std::string_view digits = prefix->starts_with('+') ? prefix->substr(1) : *prefix;
    const auto cost = cost_from(entry.substr(prefix->size() + 1));
    if (!cost || !is_digits(digits)) return std::nullopt;
    return Rate{*prefix, *cost};
}

// Numbers from one, for as many picks as there are trunks (splitmix64).
uint64_t roll(uint64_t& dice) {
    uint64_t z = dice += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

model::TrunkShare share_of(const TrunkGroup& group, TrunkId trunk) {
    const auto found = std::ranges::find(group.shares, trunk, &model::TrunkShare::trunk);
    if (found != group.shares.end()) return *found;
    model::TrunkShare share;
    share.trunk = trunk;
    return share;
}

// By priority, and within one by chance in proportion to the weights, as RFC 2782 has it for SRV
// records.
std::vector<TrunkId> by_shares(const TrunkGroup& group, uint64_t dice) {
    std::vector<model::TrunkShare> left;
    left.reserve(group.members.size());
    for (const TrunkId member : group.members) left.push_back(share_of(group, member));
    std::ranges::stable_sort(left, {}, &model::TrunkShare::priority);
    std::vector<TrunkId> order;
    while (!left.empty()) {
        const auto end = std::ranges::find_if(left, [&](const model::TrunkShare& each) {
            return each.priority != left.front().priority;
        });
        uint64_t sum = 0;
        for (auto each = left.begin(); each != end; ++each)
            sum += static_cast<uint64_t>(each->weight);
        uint64_t point = sum == 0 ? 0 : roll(dice) % sum;
        auto chosen = left.begin();
        while (sum != 0 && point >= static_cast<uint64_t>(chosen->weight)) {
            point -= static_cast<uint64_t>(chosen->weight);
            ++chosen;
        }
        order.push_back(chosen->trunk);
        left.erase(chosen);
    }
    return order;
}

// 4, 5, 6: a class; 0: neither a status of a failure nor a class of them.
int status_from(std::string_view text) {
    if (text.size() != 3 || text[0] < '4' || text[0] > '6') return 0;
    if (text.substr(1) == "xx") return text[0] - '0';
    return is_digits(text) ? std::stoi(std::string(text)) : 0;
}

}  // namespace

std::optional<int64_t> rate_of(const model::Trunk& trunk, const RatedNumber& number) {
    std::string_view best;
    bool is_found = false;
    for (const std::string& entry : trunk.rates) {
        const auto prefix = prefix_in(entry);
        if (!prefix || (is_found && prefix->size() <= prefix_in(best)->size())) continue;
        const std::string_view form =
            prefix->starts_with('+') ? number.international : number.called;
        if (!form.starts_with(*prefix)) continue;
        best = entry;
        is_found = true;
    }
    const auto rate = is_found ? read_rate(best) : std::nullopt;
    return rate ? std::optional(rate->cost) : std::nullopt;
}

Result<void> check_rates(const std::vector<std::string>& rates) {
    std::vector<std::string_view> prefixes;
    prefixes.reserve(rates.size());
    for (size_t i = 0; i < rates.size(); ++i) {
        const auto rate = read_rate(rates[i]);
        if (!rate)
            return make_error(ErrorCode::Malformed, "rates[" + std::to_string(i) + "]",
                              "must be prefix;cost, like +4930;1.2");
        prefixes.push_back(rate->prefix);
    }
    std::ranges::sort(prefixes);
    const auto twice = std::ranges::adjacent_find(prefixes);
    if (twice == prefixes.end()) return {};
    return make_error(ErrorCode::OutOfRange, "rates",
                      "has the prefix '" + std::string(*twice) + "' twice");
}

std::vector<TrunkId> in_order(const store::Catalog& catalog, const TrunkGroup& group,
                              const RatedNumber& number, uint64_t dice) {
    std::vector<TrunkId> order = group.members;
    switch (group.order) {
        case TrunkOrder::Listed:
            return order;
        case TrunkOrder::Spread:
            if (order.empty()) return order;
            std::ranges::rotate(order, order.begin() + static_cast<ptrdiff_t>(dice % order.size()));
            return order;
        case TrunkOrder::Weighted:
            return by_shares(group, dice);
        case TrunkOrder::Cheapest:
            break;
    }
    order = by_shares(group, dice);
    std::vector<std::pair<int64_t, TrunkId>> rated;
    rated.reserve(order.size());
    for (const TrunkId id : order) {
        const auto* trunk = catalog.find<model::Trunk>(group.domain, id);
        const auto rate = trunk == nullptr ? std::nullopt : rate_of(*trunk, number);
        rated.emplace_back(rate.value_or(std::numeric_limits<int64_t>::max()), id);
    }
    std::ranges::stable_sort(rated, {}, &std::pair<int64_t, TrunkId>::first);
    for (size_t i = 0; i < order.size(); ++i) order[i] = rated[i].second;
    return order;
}

FailoverStatuses::FailoverStatuses(const std::vector<std::string>& statuses) {
    for (const std::string& each : statuses)
        if (const int status = status_from(each); status != 0) statuses_.push_back(status);
}

bool FailoverStatuses::is_readable(std::string_view status) {
    return status_from(status) != 0;
}

bool FailoverStatuses::lead_on(int status) const {
    if (status == 408 || status == 430) return true;
    if (statuses_.empty()) return status == 500 || (status >= 502 && status <= 504);
    return std::ranges::any_of(statuses_,
                               [&](int each) { return each == status || each == status / 100; });
}

}  // namespace tandem::routing
