#include "runtime/reactor/reactor.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "runtime/reactor/clock.h"
#include "runtime/reactor/mailbox.h"
#include "runtime/reactor/shard.h"
#include "runtime/reactor/system_rng.h"

namespace tandem::runtime {
namespace {

TEST(Clock, RunsForwardAndKnowsTheYear) {
    const Now first = read_clocks();
    const Now second = read_clocks();
    EXPECT_LE(first.mono, second.mono);
    EXPECT_GT(first.utc.unix_ms, 1'700'000'000'000);
}

TEST(SystemRng, DoesNotRepeatAcrossPages) {
    SystemRng rng;
    std::set<uint64_t> seen;
    for (int i = 0; i < 2000; ++i) EXPECT_TRUE(seen.insert(rng.next()).second);
}

TEST(Reactor, DrivesAfterPostedTasksAndFlushesLast) {
    Reactor reactor;
    std::vector<std::string> order;
    reactor.set_drive([&](Now) -> std::optional<Instant> {
        order.push_back("drive");
        reactor.at_end_of_turn([&] { order.push_back("flush"); });
        if (order.size() > 1) reactor.stop();
        return std::nullopt;
    });
    reactor.post([&] { order.push_back("task"); });
    reactor.run();
    EXPECT_EQ(order, (std::vector<std::string>{"task", "drive", "flush"}));
}

TEST(Reactor, WakesForTheDeadlineOfDrive) {
    Reactor reactor;
    const Instant start = read_monotonic();
    const Instant deadline = start + 20ms;
    reactor.set_drive([&](Now now) -> std::optional<Instant> {
        if (now.mono >= deadline) reactor.stop();
        return deadline;
    });
    reactor.run();
    EXPECT_GE(read_monotonic(), deadline);
    EXPECT_LT(read_monotonic() - start, 900ms);  // not the longest wait
    EXPECT_LT(reactor.turns(), 10u);
}

// An event every 0.1 ms or so gives as many turns to a reactor that has no pace.
TEST(Reactor, GathersWhatComesInQuickSuccession) {
    Reactor reactor;
    reactor.set_pace(5ms);
    const int fd = eventfd(1, EFD_NONBLOCK | EFD_SEMAPHORE);
    FdWatch watch(reactor, fd);  // is always ready
    int seen = 0;
    std::function<void()> wait = [&] {
        watch.wait(FdWatch::Interest::Read, [&] {
            ++seen;
            wait();
        });
    };
    wait();
    EXPECT_FALSE(reactor.run_until([] { return false; }, 52ms));
    EXPECT_GT(seen, 2);
    EXPECT_LE(reactor.turns(), 14u);
    close(fd);
}

TEST(Reactor, KeepsNoPaceAfterAPauseNorForWorkOfItsOwn) {
    Reactor reactor;
    reactor.set_pace(300ms);
    int left = 20;
    std::function<void()> work = [&] {
        if (--left == 0) return reactor.stop();
        if (left % 2 == 0) return reactor.post([&] { work(); });
        reactor.at_end_of_turn([&] { work(); });
    };
    reactor.post([&] { work(); });
    const Instant start = read_monotonic();
    reactor.run();
    EXPECT_EQ(left, 0);
    EXPECT_LT(read_monotonic() - start, 200ms);
}

// As a lost link is kept until a later turn, which need not come.
TEST(Reactor, EndsWithTasksThatOwnTimersAndWatches) {
    const int fd = eventfd(0, EFD_NONBLOCK);
    std::vector<std::weak_ptr<void>> owned;
    {
        Reactor reactor;
        const auto owner = [&] {
            auto timer = std::make_shared<Timer>(reactor);
            auto watch = std::make_shared<FdWatch>(reactor, fd);
            timer->arm(1h, [] {});
            timer->cancel();  // its place stays
            owned.insert(owned.end(), {timer, watch});
            return [timer, watch] {};
        };
        reactor.post(owner());
        reactor.at_end_of_turn(owner());
        reactor.set_drive([own = owner()](Now) { return std::nullopt; });
        EXPECT_EQ(reactor.timers(), 3u);
    }
    for (const auto& each : owned) EXPECT_TRUE(each.expired());
    close(fd);
}

TEST(Timer, FiresOnceInOrderAndNotAfterCancel) {
    Reactor reactor;
    std::vector<int> fired;
    Timer late(reactor), early(reactor), cancelled(reactor), moved(reactor);
    late.arm(15ms, [&] { fired.push_back(3); });
    early.arm(1ms, [&] { fired.push_back(1); });
    cancelled.arm(2ms, [&] { fired.push_back(99); });
    moved.arm(1ms, [&] { fired.push_back(98); });
    moved.arm(8ms, [&] { fired.push_back(2); });
    cancelled.cancel();
    Timer end(reactor);
    end.arm(25ms, [&] { reactor.stop(); });
    reactor.run();
    EXPECT_EQ(fired, (std::vector<int>{1, 2, 3}));
}

TEST(Timer, HasOnePlaceHoweverOftenItIsMoved) {
    Reactor reactor;
    Timer timer(reactor);
    int fired = 0;
    for (int i = 0; i < 50; ++i) {
        timer.arm(1h, [] {});
        timer.arm(0ms, [&] { ++fired; });
        ASSERT_TRUE(reactor.run_until([&] { return fired > i; }, 5s));
        timer.arm(2h, [] {});
        timer.arm(1h, [] {});
        timer.cancel();
    }
    EXPECT_EQ(reactor.timers(), 1u);
}

TEST(Timer, RepeatsUntilDestroyedInItsOwnTask) {
    Reactor reactor;
    int count = 0;
    auto timer = std::make_unique<Timer>(reactor);
    timer->arm_every(1ms, [&] {
        if (++count < 3) return;
        timer.reset();
        reactor.stop();
    });
    reactor.run();
    EXPECT_EQ(count, 3);
}

TEST(FdWatch, TellsReadinessOnceAndNothingAfterItsEnd) {
    Reactor reactor;
    const int fd = eventfd(0, EFD_NONBLOCK);
    ASSERT_GE(fd, 0);
    const int second = dup(fd);
    int seen = 0;
    auto watch = std::make_unique<FdWatch>(reactor, fd);
    auto gone = std::make_unique<FdWatch>(reactor, second);
    gone->wait(FdWatch::Interest::Read, [&] { seen += 100; });
    gone.reset();
    watch->wait(FdWatch::Interest::Read, [&] {
        ++seen;
        reactor.stop();
    });
    ASSERT_EQ(eventfd_write(fd, 1), 0);
    reactor.run();
    EXPECT_EQ(seen, 1);
    watch.reset();
    close(fd);
    close(second);
}

TEST(Mailbox, KeepsOrderRefusesWhenFullAndWakesOnce) {
    int wakes = 0;
    Mailbox<int> box(3, [&] { ++wakes; });
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(box.put(int(i)));
    EXPECT_FALSE(box.put(3));
    EXPECT_EQ(box.refused(), 1u);
    EXPECT_EQ(wakes, 1);
    std::vector<int> out{-1};
    box.drain(out);
    EXPECT_EQ(out, (std::vector<int>{-1, 0, 1, 2}));
    EXPECT_TRUE(box.put(4));
    EXPECT_EQ(wakes, 2);
}

class CountingDriver final : public Driver {
 public:
    explicit CountingDriver(Shard& shard) : shard_(shard) {}
    void on_letters(Now, std::vector<ports::Letter>&& letters) override {
        for (auto& letter : letters) {
            if (letter.request == 0) continue;
            ++seen;
            // An answer of the runtime within the turn, without a request number.
            shard_.deliver({letter.to, letter.from, 0, ports::StatusQuery{}});
            if (seen == expected) shard_.stop();
        }
    }
    void on_timeout(Now) override {}
    std::optional<Instant> next_deadline() const override { return std::nullopt; }

    uint64_t seen = 0;
    uint64_t expected = 0;

 private:
    Shard& shard_;
};

TEST(Shard, GetsEveryLetterOfManyThreads) {
    Shard shard("test");
    CountingDriver driver(shard);
    constexpr uint64_t kThreads = 4;
    constexpr uint64_t kLetters = 500;
    driver.expected = kThreads * kLetters;
    shard.start(driver);
    std::vector<std::thread> senders;
    for (uint64_t i = 0; i < kThreads; ++i) {
        senders.emplace_back([&] {
            for (uint64_t n = 1; n <= kLetters; ++n) {
                EXPECT_TRUE(shard.send({{1}, {2}, n, ports::StatusQuery{}}));
            }
        });
    }
    for (auto& sender : senders) sender.join();
    shard.join();
    EXPECT_EQ(driver.seen, kThreads * kLetters);
    EXPECT_EQ(shard.refused(), 0u);
}

// The alarm is rung only for a thread that sleeps; none may be missed.
TEST(Shard, SleepsThroughNoLetter) {
    Shard shard("test");
    CountingDriver driver(shard);
    driver.expected = 3000;
    std::thread sender([&] {
        for (uint64_t i = 1; i <= driver.expected; ++i) {
            EXPECT_TRUE(shard.send({{1}, {2}, i, ports::StatusQuery{}}));
            if (i % 30 == 0) std::this_thread::yield();  // on a loaded machine some ms each
        }
    });
    const Instant start = read_monotonic();
    shard.run(driver);
    sender.join();
    EXPECT_EQ(driver.seen, driver.expected);
    EXPECT_LT(read_monotonic() - start, 1s);  // a missed one waits for the longest wait
}

}  // namespace
}  // namespace tandem::runtime
