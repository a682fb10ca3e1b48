// Status codes of RFC 3261 21 and its extensions.
#pragma once

#include <string_view>

namespace tandem::sip {

// The reason phrase that a registered status has, or that of its class ("Client Error").
std::string_view default_reason(int status);

constexpr bool is_provisional(int status) {
    return status >= 100 && status < 200;
}
constexpr bool is_success(int status) {
    return status >= 200 && status < 300;
}
constexpr bool is_final(int status) {
    return status >= 200;
}

}  // namespace tandem::sip
