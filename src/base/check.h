// CHECK ends the program on a bug of our own. It stays on in release builds and must never depend
// on what came from outside: that is what Result is for.
#pragma once

namespace tandem {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace tandem

#define CHECK(condition)                                            \
    do {                                                            \
        if (!(condition)) [[unlikely]]                              \
            ::tandem::check_failed(#condition, __FILE__, __LINE__); \
    } while (false)
