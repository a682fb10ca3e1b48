#include "runtime/reactor/clock.h"

#include <ctime>

namespace tandem::runtime {

Instant read_monotonic() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return {std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)};
}

Now read_clocks() {
    timespec wall{};
    clock_gettime(CLOCK_REALTIME, &wall);
    const auto unix_ms = static_cast<int64_t>(wall.tv_sec) * 1'000 + wall.tv_nsec / 1'000'000;
    return {read_monotonic(), {unix_ms}};
}

void sleep_for(Duration time) {
    const timespec left{time / 1s, (time % 1s).count()};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &left, nullptr);
}

}  // namespace tandem::runtime
