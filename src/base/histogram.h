// How often something took how long: counts per bucket, as Prometheus wants them. A value type
// without locks; its owner's shard counts and shows.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem {

class Histogram {
 public:
    void observe(std::chrono::milliseconds time);
    // NAME_bucket{le="0.1"}, ..., NAME_bucket{le="+Inf"}, NAME_sum, NAME_count; in seconds.
    void append_to(std::vector<std::pair<std::string, double>>& figures,
                   std::string_view name) const;

 private:
    // From a local answer to what a caller still waits for, about 2.5 times each.
    static constexpr std::array<int64_t, 9> kBoundsMs = {10,   25,   100,    250,   1'000,
                                                         2500, 5000, 10'000, 60'000};
    std::array<uint64_t, kBoundsMs.size() + 1> counts_{};
    double sum_s_ = 0;
};

}  // namespace tandem
