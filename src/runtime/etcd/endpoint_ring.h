// Which member to ask: the same one as long as it serves, then the next that is connected and has
// not failed of late. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/instant.h"

namespace tandem::runtime {

class EndpointRing {
 public:
    EndpointRing(size_t count, Duration set_aside) : failed_until_(count), set_aside_(set_aside) {}

    // `is_ready(endpoint)` tells whether it is connected. When all that are have failed, it is the
    // one whose failure is longest ago, so that all get their turns. nullopt: none is connected.
    template <typename IsReady>
    std::optional<size_t> pick(Instant now, IsReady&& is_ready) {
        std::optional<size_t> best;
        for (size_t step = 0; step < failed_until_.size(); ++step) {
            const size_t endpoint = (current_ + step) % failed_until_.size();
            if (!is_ready(endpoint)) continue;
            if (failed_until_[endpoint] <= now) {
                best = endpoint;
                break;
            }
            if (!best || failed_until_[endpoint] < failed_until_[*best]) best = endpoint;
        }
        if (best) current_ = *best;
        return best;
    }
    void on_failure(Instant now, size_t endpoint) { failed_until_[endpoint] = now + set_aside_; }
    void on_success(size_t endpoint) { failed_until_[endpoint] = {}; }

 private:
    std::vector<Instant> failed_until_;
    size_t current_ = 0;
    Duration set_aside_;
};

}  // namespace tandem::runtime
