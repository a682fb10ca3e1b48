// Protobuf's wire format (https://protobuf.dev/programming-guides/encoding) for plain structs. Each
// struct is described once, in fields_*.h, as a list of numbered members; a Writer and a Reader
// walk the same list, so the two directions cannot disagree. Nothing is generated, and no message
// objects stand between the bytes and our values.
//
//   tag = (number << 3) | type;  type 0: varint, 1: eight bytes, 2: length and bytes
//
// Unsigned numbers, bools and enums are varints, signed ones zigzag (sint64), doubles fixed64,
// everything else is bytes or a message. Every member is written but absent optionals and empty
// lists, as our defaults are not protobuf's. Numbers are never reused for something else; new
// members get new numbers, and readers skip what they do not know.
#pragma once

#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/net_address.h"
#include "base/octets.h"
#include "base/result.h"
#include "ports/address.h"
#include "sip/message.h"
#include "sip/parser.h"

namespace tandem::wire {

// Elements of all lists of one frame: a list of empty messages costs two bytes an element on the
// wire and hundreds in memory.
inline constexpr size_t elements_max = 262'144;
inline constexpr int depth_max = 12;

// The last enumerator of each enum that crosses a link; a larger number is refused.
template <typename E>
inline constexpr E last_of = [] {
    static_assert(!std::is_same_v<E, E>, "the enum has no entry in fields_*.h");
    return E{};
}();

template <typename T>
struct ListOf : std::false_type {};
template <typename T>
struct ListOf<std::vector<T>> : std::true_type {};
template <>
struct ListOf<Bytes> : std::false_type {};
template <typename T>
struct OptionalOf : std::false_type {};
template <typename T>
struct OptionalOf<std::optional<T>> : std::true_type {};

// What a member is on the wire, if it is no message of its own.
std::string octets_of(const SocketAddress& address);  // 4 or 16 octets, then the port
std::optional<SocketAddress> address_of(std::string_view octets);
std::string octets_of(const IpAddress& address);
std::optional<IpAddress> ip_of(std::string_view octets);

template <typename T>
struct VariantOf : std::false_type {};
template <typename... Ts>
struct VariantOf<std::variant<Ts...>> : std::true_type {};
template <typename T>
struct ResultOf : std::false_type {};
template <typename T>
struct ResultOf<Result<T>> : std::true_type {};
template <typename T>
struct IdOf : std::false_type {};
template <typename T>
struct IdOf<Id<T>> : std::true_type {};

// ---- messages that have no struct of their own ----

template <typename A, typename F, typename S>
void describe(A& a, std::pair<F, S>& v) {
    a(1, v.first);
    a(2, v.second);
}
template <typename A>
void describe(A& a, Error& v) {
    a(1, v.code);
    a(2, v.field);
    a(3, v.message);
    a(4, v.sip_status);
    a(5, v.offset);
}
template <>
inline constexpr ErrorCode last_of<ErrorCode> = ErrorCode::Internal;

}  // namespace tandem::wire
