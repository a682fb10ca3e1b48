// Everything at once, by chance: in the end every history that was there has all.
#include "roles/store/cdr_drain_fixture_test.h"

namespace tandem::roles::store_role {
namespace {

class ByChance {
 public:
    explicit ByChance(uint64_t seed) : rng_{seed}, rig_({7, 8, 9}) {
        rig_.on_fault([this](const store::Request& request) {
            const bool is_watch = std::holds_alternative<store::WatchCreate>(request.body) ||
                                  std::holds_alternative<store::WatchCancel>(request.body);
            if (!harmful_ || is_watch || rng_.below(20) != 0) return Fault::None;
            constexpr Fault faults[] = {Fault::AppliedReplyLost, Fault::DroppedReplyLost,
                                        Fault::AppliedTimeout, Fault::DroppedTimeout};
            return faults[rng_.below(4)];
        });
    }

    void run() {
        for (int i = 0; i < 100; ++i) {
            act();
            for (uint64_t k = rng_.below(30); k > 0; --k) rig_.step();
            if (rng_.below(3) == 0) rig_.wait(std::chrono::milliseconds(rng_.below(1500)));
            nothing_is_lost();
        }
        harmful_ = false;
        for (auto& each : rig_.copies) {
            each->history_fails = each->history_is_deaf = false;
            if (!each->role) rig_.start(*each);
        }
        rig_.hear_of_post();
        rig_.wait_long();
        rig_.wait_long();
        for (auto& each : rig_.copies) {
            EXPECT_EQ(each->history.size(), finished_) << each->self.number;
        }
        EXPECT_EQ(rig_.in_outbox(), 0u);
        const store::Revision still = rig_.memory->revision();
        rig_.wait_long();
        EXPECT_EQ(rig_.memory->revision(), still) << "it comes to rest";
    }

 private:
    void act() {
        Copy& any = *rig_.copies[rng_.below(3)];
        switch (rng_.below(12)) {
            case 0:
                return any.role ? rig_.end(any) : rig_.start(any);
            case 1:
                any.history_fails = !any.history_fails;
                return;
            case 2:
                any.history_is_deaf = !any.history_is_deaf;
                return;
            case 3:
                return rig_.elect(any.self.number);
            case 4:
                return rig_.hear_of_post();
            case 5:
                if (rng_.below(4) == 0) rig_.move_store();
                if (rng_.below(4) == 0) end_watches();
                return;
            case 6:
                return end_watches();
            default:
                for (uint64_t k = rng_.below(40); k > 0; --k) {
                    rig_.finish(static_cast<int>(finished_++));
                }
        }
    }
    void end_watches() {
        for (auto& letter : rig_.askers.end_watches({rig_.generation, 1}))
            rig_.letters.push_back(letter);
    }
    // What the outbox has no more, every history has.
    void nothing_is_lost() {
        std::set<std::string> kept;
        for (const auto& item : rig_.items(store::keys::cdr_outbox_prefix)) {
            kept.insert(item.key.substr(store::keys::cdr_outbox_prefix.size()));
        }
        for (; checked_ < finished_; ++checked_) {
            open_.insert(Rig::id_of(static_cast<int>(checked_)));
        }
        std::erase_if(open_, [&](const std::string& id) {
            if (kept.contains(id)) return false;
            for (auto& each : rig_.copies) {
                EXPECT_TRUE(each->history.contains(id)) << id << " at " << each->self.number;
            }
            return true;
        });
    }

    SeededRng rng_;
    Rig rig_;
    bool harmful_ = true;
    size_t finished_ = 0;
    size_t checked_ = 0;
    std::set<std::string> open_;  // in the outbox when it was looked at last
};

TEST(CdrDrain, NoRecordIsLostToAnyHistory) {
    for (uint64_t seed = 1; seed <= 20 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        ByChance(seed).run();
    }
}

}  // namespace
}  // namespace tandem::roles::store_role
