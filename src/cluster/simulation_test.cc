// A simulated site from many seeds (simulated_site_test.h). A failure prints its seed:
// TANDEM_SIM_FIRST=<seed> TANDEM_SIM_SEEDS=1 runs it again.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cluster/simulated_site_test.h"

namespace tandem::cluster::simulated {
namespace {

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void print_times(const char* what, std::vector<double> times) {
    if (times.empty()) return;
    std::sort(times.begin(), times.end());
    const auto at = [&](double share) {
        return times[static_cast<size_t>(share * static_cast<double>(times.size() - 1))];
    };
    std::printf("%-34s n %6zu  p50 %7.1f  p95 %7.1f  p99 %7.1f  max %7.1f ms\n", what, times.size(),
                at(0.5), at(0.95), at(0.99), times.back());
}

void print(const Tally& t) {
    std::printf("elected %lu, handed %lu, deposed unaware %lu, fenced leaders %lu\n", t.elected,
                t.handed, t.deposed_unaware, t.fenced_leaders);
    std::printf(
        "adopted %lu (asked %lu, again %lu), swept %lu, returned %lu, elsewhere %lu, "
        "none %lu, owner lives %lu\n",
        t.adopted, t.adopted_asked, t.adopters_died, t.victims_swept, t.returned, t.elsewhere,
        t.no_such_call, t.owner_lives);
    std::printf(
        "dead: agreed %lu, store %lu, told %lu, restarted %lu; suspected only %lu; "
        "told own death %lu\n",
        t.died_agreed, t.died_store, t.died_told, t.died_restarted, t.suspected_only,
        t.told_own_death);
    std::printf(
        "sends %lu, must ask %lu, renewals %lu, woken %lu (fenced %lu), sends when fenced %lu "
        "(known to others %lu)\n",
        t.sends, t.must_ask, t.renewals, t.asked_after_wake, t.fenced_after_wake,
        t.sends_when_fenced, t.sends_when_fenced_dropped);
    std::printf("acknowledged %lu, unknown outcomes %lu, applied late %lu\n", t.writes_acknowledged,
                t.unknown_outcomes, t.late_applied);
    print_times("switch after a kill, else healthy", t.clean_switch_ms);
    print_times("switch after a kill, in a storm", t.stormy_switch_ms);
    print_times("switch by command, in a storm", t.command_switch_ms);
    print_times("leader after all faults ended", t.heal_ms);
}

// Eight seconds of trouble on a small site, then peace.
TEST(SiteSimulation, SurvivesAnything) {
    Tally tally;
    const uint64_t first = number_from_environment("TANDEM_SIM_FIRST", 41);
    const uint64_t seeds = number_from_environment("TANDEM_SIM_SEEDS", 40);
    for (uint64_t seed = first; seed < first + seeds; ++seed) {
        Site site(seed, {true, 3, 7}, tally);
        site.run_until(Instant{1s});
        site.storm(8s);
        if (!site.failed()) site.judge();
        ASSERT_FALSE(site.failed()) << site.failure;
    }
    print(tally);
    if (seeds < 40) return;
    EXPECT_GT(tally.deposed_unaware, 0u);
    EXPECT_GT(tally.fenced_leaders, 0u);
    EXPECT_GT(tally.handed, 0u);
    EXPECT_GT(tally.adopted_asked, 0u);
    EXPECT_GT(tally.adopters_died, 0u);
    EXPECT_GT(tally.returned, 0u);
    EXPECT_GT(tally.elsewhere, 0u);
    EXPECT_GT(tally.died_agreed, 0u);
    EXPECT_GT(tally.died_store, 0u);
    EXPECT_GT(tally.died_told, 0u);
    EXPECT_GT(tally.suspected_only, 0u);
    EXPECT_GT(tally.told_own_death, 0u);
    EXPECT_GT(tally.must_ask, 0u);
    EXPECT_GT(tally.renewals, 0u);
    EXPECT_GT(tally.fenced_after_wake, 0u);
    EXPECT_GT(tally.late_applied, 0u);
    EXPECT_GT(tally.unknown_outcomes, 0u);
    EXPECT_GT(tally.stormy_switch_ms.size(), 0u);
}

// Seeds that have failed. 1623: a victim died a second time while its calls were waiting to be
// taken; they were listed twice, and the store refuses to move a call twice in one transaction.
TEST(SiteSimulation, SeedsThatFailedOnce) {
    Tally tally;
    for (const uint64_t seed : {1623}) {
        Site site(seed, {true, 3, 7}, tally);
        site.run_until(Instant{1s});
        site.storm(8s);
        if (!site.failed()) site.judge();
        ASSERT_FALSE(site.failed()) << site.failure;
    }
}

// Nothing is wrong but that the leader dies or sleeps: how long until another leads.
TEST(SiteSimulation, SwitchesInTimeWhenNothingElseIsWrong) {
    Tally tally;
    const uint64_t seeds = number_from_environment("TANDEM_SIM_SEEDS", 30);
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
        Site site(seed, {false, 3, 7}, tally);
        site.run_until(Instant{2s} + site.pick_ms(0, 200));
        const auto leader = site.leading_node();
        ASSERT_TRUE(leader) << "seed " << seed;
        site.note_kill(*leader);
        if (site.chance(50))
            site.stop(*leader);
        else
            site.pause(*leader, 3s);
        site.run_until(site.at + 4s);
        ASSERT_FALSE(site.failed()) << site.failure;
        ASSERT_EQ(tally.clean_switch_ms.size(), seed) << "nobody took over in seed " << seed;
    }
    print(tally);
    // 250 ms after the last heartbeat, a transit of it and one of the second opinion (1 ms each),
    // and one transaction (3.3 ms there, 3.3 ms back). A heartbeat was due every 50 ms.
    for (const double took : tally.clean_switch_ms) {
        EXPECT_GE(took, 195.0);
        EXPECT_LE(took, 260.0);
    }
    EXPECT_EQ(tally.sends_when_fenced, 0u);
}

// Two servers and a store that lives elsewhere (a third vote).
TEST(SiteSimulation, TwoServersSurviveTheSame) {
    Tally tally;
    const uint64_t first = number_from_environment("TANDEM_SIM_FIRST", 1);
    const uint64_t seeds = number_from_environment("TANDEM_SIM_SEEDS", 20) / 4;
    for (uint64_t seed = first; seed < first + seeds; ++seed) {
        Site site(seed, {true, 2, 2}, tally);
        site.run_until(Instant{1s});
        site.storm(8s);
        if (!site.failed()) site.judge();
        ASSERT_FALSE(site.failed()) << site.failure;
    }
    print(tally);
    EXPECT_GT(tally.died_store, 0u);
    EXPECT_EQ(tally.died_agreed, 0u);
}

}  // namespace
}  // namespace tandem::cluster::simulated
