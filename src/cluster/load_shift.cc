#include "cluster/load_shift.h"

#include <algorithm>
#include <iterator>

#include "cluster/limits.h"

namespace tandem::cluster {
namespace {

struct Level {
    double from;  // this share of what it can take
    int percent;  // of its weight
};
constexpr Level kLevels[] = {{0, 100}, {0.5, 60}, {0.7, 30}, {0.85, 10}};
// It falls back when so much less than what made it rise.
constexpr double kHysteresis = 0.15;

int level_of(double share, int now) {
    int level = static_cast<int>(std::size(kLevels)) - 1;
    while (level > 0) {
        const double bound = kLevels[level].from - (level <= now ? kHysteresis : 0);
        if (share >= bound) break;
        --level;
    }
    return level;
}

}  // namespace

void LoadShift::note(InstanceNumber instance, double share) {
    loads_[instance].share = std::clamp(share, 0.0, 1.0);
}

bool LoadShift::follow(Instant now) {
    const auto wants_another = [](const auto& entry) {
        return level_of(entry.second.share, entry.second.level) != entry.second.level;
    };
    if (std::none_of(loads_.begin(), loads_.end(), wants_another)) return false;
    if (shifted_ && now < *shifted_ + load_shift_pause) return false;
    shifted_ = now;
    for (auto& [instance, load] : loads_) load.level = level_of(load.share, load.level);
    return true;
}

int LoadShift::percent(InstanceNumber instance) const {
    const auto found = loads_.find(instance);
    return found == loads_.end() ? 100 : kLevels[found->second.level].percent;
}

}  // namespace tandem::cluster
