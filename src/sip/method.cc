#include "sip/method.h"

#include <array>

namespace tandem::sip {
namespace {

constexpr std::array<std::string_view, 15> names = {
    "INVITE", "ACK",     "BYE",  "CANCEL", "OPTIONS", "REGISTER", "PRACK", "SUBSCRIBE",
    "NOTIFY", "PUBLISH", "INFO", "REFER",  "MESSAGE", "UPDATE",   "",
};
static_assert(names.size() == static_cast<size_t>(Method::Other) + 1);

}  // namespace

Method method_from(std::string_view token) {
    for (size_t i = 0; i < static_cast<size_t>(Method::Other); ++i) {
        if (names[i] == token) return static_cast<Method>(i);
    }
    return Method::Other;
}

std::string_view to_string(Method method) {
    return names[static_cast<size_t>(method)];
}

}  // namespace tandem::sip
