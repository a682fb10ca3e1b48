#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "base/result.h"

namespace tandem {

void check_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "CHECK failed: %s at %s:%d\n", condition, file, line);
    std::abort();
}

std::string_view to_string(ErrorCode code) {
    switch (code) {
        case ErrorCode::Malformed:
            return "malformed";
        case ErrorCode::TooLarge:
            return "too_large";
        case ErrorCode::OutOfRange:
            return "out_of_range";
        case ErrorCode::Missing:
            return "missing";
        case ErrorCode::UnknownField:
            return "unknown_field";
        case ErrorCode::NotFound:
            return "not_found";
        case ErrorCode::Conflict:
            return "conflict";
        case ErrorCode::Forbidden:
            return "forbidden";
        case ErrorCode::Unauthorized:
            return "unauthorized";
        case ErrorCode::Unavailable:
            return "unavailable";
        case ErrorCode::Timeout:
            return "timeout";
        case ErrorCode::Unsupported:
            return "unsupported";
        case ErrorCode::Internal:
            return "internal";
    }
    return "internal";
}

}  // namespace tandem
