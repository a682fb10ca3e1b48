// A list of types with their places in it, and the room that the largest of them needs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

namespace tandem::ports {

template <typename... Ts>
struct PayloadList {
    static constexpr size_t count = sizeof...(Ts);
    static constexpr size_t size = std::max({sizeof(Ts)...});
    static constexpr size_t align = std::max({alignof(Ts)...});

    template <typename T>
    static constexpr bool contains = (std::is_same_v<T, Ts> || ...);

    template <typename T>
    static constexpr size_t index_of = [] {
        static_assert(contains<T>, "no payload of a letter");
        const bool is_it[] = {std::is_same_v<T, Ts>...};
        return static_cast<size_t>(std::ranges::find(is_it, true) - is_it);
    }();

    // Calls `visitor.operator()<T>()` for each type, in order.
    template <typename Visitor>
    static constexpr void each(const Visitor& visitor) {
        (visitor.template operator()<Ts>(), ...);
    }
};

}  // namespace tandem::ports
