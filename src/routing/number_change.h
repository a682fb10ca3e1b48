// What rules make of numbers and names. Changes are what the schemas have of them: strip, keep_last
// and prefix of a number, replace and prefix of a name.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace tandem::routing {

template <typename T>
concept ChangesNumbers = requires(const T& change) {
    change.strip;
    change.keep_last;
    change.prefix;
};
template <typename T>
concept ChangesNames = requires(const T& change) {
    change.replace;
    change.prefix;
};

template <ChangesNumbers T>
bool changes(const T& change) {
    return change.strip != 0 || change.keep_last != 0 || !change.prefix.empty();
}
template <ChangesNames T>
bool changes(const T& change) {
    return !change.replace.empty() || !change.prefix.empty();
}

// First characters go, then all but the last ones, then the prefix comes in front. Empty: nothing
// is left of it.
template <ChangesNumbers T>
std::string changed(const T& change, std::string_view number) {
    number.remove_prefix(std::min(number.size(), static_cast<size_t>(change.strip)));
    const auto kept = static_cast<size_t>(change.keep_last);
    if (kept != 0 && number.size() > kept) number.remove_prefix(number.size() - kept);
    return change.prefix + std::string(number);
}
template <ChangesNames T>
std::string changed(const T& change, std::string_view name) {
    return change.prefix + (change.replace.empty() ? std::string(name) : change.replace);
}

}  // namespace tandem::routing
