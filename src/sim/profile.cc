#include "sim/profile.h"

namespace tandem::sim {
namespace {

int some(World& world, double none, int most) {
    if (world.happens(none)) return 0;
    return 1 + static_cast<int>(world.rng().below(static_cast<uint64_t>(most)));
}

StoreTemper draw_bad_store(World& world) {
    StoreTemper bad;
    switch (world.rng().below(4)) {
        case 0:  // slow
            bad.commit_least = 50ms;
            bad.commit_most = world.between(100ms, 1500ms);
            break;
        case 1:  // nobody knows
            bad.timeout_applied = 0.15;
            bad.timeout_dropped = 0.15;
            bad.commit_most = 60ms;
            break;
        case 2:  // deaf
            bad.reply_lost = 0.2;
            bad.timeout_dropped = 0.1;
            break;
        default:  // away
            bad.unavailable = world.chance();
            break;
    }
    return bad;
}

}  // namespace

Profile draw_profile(World& world, Rng& later) {
    Profile profile;
    const double shape = world.chance();
    profile.plan.shape = shape < 0.4    ? SiteShape::OneNode
                         : shape < 0.65 ? SiteShape::Split
                         : shape < 0.83 ? SiteShape::Doubled
                                        : SiteShape::Grouped;
    if (world.happens(0.5)) profile.plan.drift_max = 200e-6;
    if (world.happens(0.6)) {
        profile.network.loss = 0.01 + 0.14 * world.chance();
        profile.network.duplicate = 0.05 * world.chance();
        profile.network.reorder = 0.1 * world.chance();
    }
    if (world.happens(0.3)) profile.network.delay_most = 80ms;
    profile.bad_store = draw_bad_store(world);
    profile.bad_stores = some(world, 0.6, 3);
    profile.crashes = some(world, 0.35, 4);
    profile.pauses = some(world, 0.6, 3);
    profile.phone_cuts = some(world, 0.6, 3);
    if (profile.plan.shape != SiteShape::OneNode) profile.link_cuts = some(world, 0.6, 3);
    if (profile.plan.shape == SiteShape::Grouped) profile.group_moves = some(world, 0.1, 12);
    profile.long_calls = world.happens(0.12);
    profile.quiet_time = world.happens(0.08);
    profile.time = world.between(30s, 70s);
    if (profile.long_calls) profile.time += 70s;
    profile.transfers = later.below(100) < 40;
    profile.queue = later.below(100) < 40;
    if (profile.plan.shape != SiteShape::OneNode) profile.plan.passives = later.below(100) < 50;
    profile.queue_answers = later.below(2) == 0;
    profile.plan.survival_all = later.below(100) < 40;
    return profile;
}

std::string Profile::text() const {
    const char* shapes[] = {"one node", "split", "doubled", "grouped"};
    std::string text = shapes[static_cast<int>(plan.shape)];
    const auto add = [&](const char* name, int value) {
        if (value != 0) text += std::string(", ") + name + " " + std::to_string(value);
    };
    add("loss %", static_cast<int>(network.loss * 100));
    add("crashes", crashes);
    add("pauses", pauses);
    add("link cuts", link_cuts);
    add("phone cuts", phone_cuts);
    add("bad stores", bad_stores);
    add("group moves", group_moves);
    if (plan.passives) text += ", passives";
    if (plan.survival_all) text += ", all survives";
    if (plan.drift_max > 0) text += ", drift";
    if (long_calls) text += ", long calls";
    if (quiet_time) text += ", quiet time";
    if (transfers) text += ", transfers";
    if (queue) text += queue_answers ? ", queue that answers" : ", queue";
    return text;
}

}  // namespace tandem::sim
