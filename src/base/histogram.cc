#include "base/histogram.h"

#include <algorithm>
#include <cstdio>

namespace tandem {

void Histogram::observe(std::chrono::milliseconds time) {
    const auto place = std::lower_bound(kBoundsMs.begin(), kBoundsMs.end(), time.count());
    ++counts_[static_cast<size_t>(place - kBoundsMs.begin())];
    sum_s_ += static_cast<double>(time.count()) / 1000;
}

void Histogram::append_to(std::vector<std::pair<std::string, double>>& figures,
                          std::string_view name) const {
    const std::string bucket = std::string(name) + "_bucket{le=\"";
    uint64_t below = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
        below += counts_[i];
        char bound[24] = "+Inf";
        if (i < kBoundsMs.size()) {
            std::snprintf(bound, sizeof bound, "%g", static_cast<double>(kBoundsMs[i]) / 1000);
        }
        figures.emplace_back(bucket + bound + "\"}", static_cast<double>(below));
    }
    figures.emplace_back(std::string(name) + "_sum", sum_s_);
    figures.emplace_back(std::string(name) + "_count", static_cast<double>(below));
}

}  // namespace tandem
