// Errors as values. A fallible function returns Result<T>; TRY() unwraps it or returns its error.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace tandem {

// What went wrong, in the terms of whoever can mend it.
enum class ErrorCode {
    Malformed,     // bytes that do not follow their grammar
    TooLarge,      // a named limit was exceeded
    OutOfRange,    // a value outside its documented bounds
    Missing,       // a required field is absent
    UnknownField,  // a field that the schema does not have
    NotFound,      // the thing named does not exist
    Conflict,      // uniqueness or revision clash
    Forbidden,     // authenticated, but not allowed
    Unauthorized,  // not authenticated
    Unavailable,   // try again later
    Timeout,       // no answer within the deadline; the effect is unknown
    Unsupported,   // understood, but not offered
    Internal,      // our own fault, reported rather than hidden
};

struct Error {
    ErrorCode code = ErrorCode::Internal;
    // The field, header or setting concerned ("contact.expires"); empty when there is none.
    // Points to static storage or is short: building it must stay off hot paths.
    std::string field;
    std::string message;  // one sentence, what is wrong and what is allowed
    int sip_status = 0;   // the SIP status that answers it; 0 lets the caller choose
    size_t offset = 0;    // byte offset into the input, for parsers
};

std::string_view to_string(ErrorCode code);

// std::expected without a way to ignore it.
template <typename T>
struct [[nodiscard]] Result : std::expected<T, Error> {
    using std::expected<T, Error>::expected;  // NOLINT(modernize-use-equals-default): inherited
    // The error names no value type, so it converts between Results.
    Result(Error error) : std::expected<T, Error>(std::unexpected(std::move(error))) {}  // NOLINT
};

template <>
struct [[nodiscard]] Result<void> : std::expected<void, Error> {
    using std::expected<void, Error>::expected;
    Result() = default;
    Result(Error error)
        : std::expected<void, Error>(std::unexpected(std::move(error))) {}  // NOLINT
};

inline Error make_error(ErrorCode code, std::string_view field, std::string_view message,
                        int sip_status = 0) {
    return Error{code, std::string(field), std::string(message), sip_status, 0};
}

}  // namespace tandem

// Evaluates to the value of a Result, or returns its error from the enclosing function.
#define TRY(expression)                                                      \
    __extension__({                                                          \
        auto try_result_ = (expression);                                     \
        if (!try_result_.has_value()) return std::move(try_result_).error(); \
        ::tandem::detail::take(std::move(try_result_));                      \
    })

namespace tandem::detail {
template <typename T>
T take(Result<T>&& result) {
    return std::move(*result);
}
inline void take(Result<void>&&) {}
}  // namespace tandem::detail
