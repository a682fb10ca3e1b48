// The event loop of one shard: one thread, one epoll, timers, and a drive callback that
// runs once after each batch of events, so that replies to the batch leave together.
//
// A turn: ready I/O handlers, posted tasks, due timers; then drive(); then the flushes that were
// asked for. Everything but post() and stop() belongs to the reactor's own thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/instant.h"

namespace tandem::runtime {

using Task = std::move_only_function<void()>;
class FdWatch;

// Replaces the blocking wait of a reactor for as long as it has something better to wait on, as
// the io_uring of a busy media shard has.
class Waiter {
 public:
    virtual ~Waiter() = default;
    // Waits for events of its own until `deadline` (nullopt: none) at most and handles them.
    // Must return within 5 ms, as the reactor's other events wait meanwhile. False: it has nothing
    // to wait for, and the reactor blocks as usual.
    virtual bool wait(std::optional<Instant> deadline) = 0;
};

class Reactor {
 public:
    // Told the time; answers when it wants to be called at the latest. Called after each batch of
    // events and when that deadline has come.
    using Drive = std::move_only_function<std::optional<Instant>(Now)>;

    Reactor();
    ~Reactor();
    Reactor(const Reactor&) = delete;
    Reactor& operator=(const Reactor&) = delete;

    void run();   // until stop()
    void stop();  // from any thread
    // Turns until `done` or until `longest` has passed; answers the last done(). For start-up and
    // tests.
    bool run_until(const std::function<bool()>& done, Duration longest);
    void post(Task task);  // from any thread; runs in a later turn
    void wake();           // from any thread: a turn comes without waiting
    void set_drive(Drive drive);
    void set_waiter(Waiter* waiter);  // nullptr: none
    // A busy reactor begins its turns at least so far apart: what comes meanwhile is handled, and
    // answered, together. One that was quiet begins at once.
    void set_pace(Duration pace);

    // From any thread: how many turns there have been. One that stands still is stuck.
    uint64_t turns() const;
    size_t timers() const;  // to be looked at; a cancelled one until its time

    Now now() const;                 // as read at the start of this turn
    void at_end_of_turn(Task task);  // once, after drive(): where writes are gathered

    void want_turn();  // drive() again after this turn, without waiting

 private:
    friend class Timer;
    friend class FdWatch;
    struct State;
    std::unique_ptr<State> state_;
};

struct TimerEntry;

// One timer. Destroying it cancels it.
class Timer {
 public:
    explicit Timer(Reactor& reactor);
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void arm(Duration after, Task task);  // replaces what was armed
    void arm_every(Duration period, Task task);
    void cancel();

 private:
    std::shared_ptr<TimerEntry> state_;
    Reactor* reactor_;
};

// Readiness of a descriptor that somebody else owns and closes after this watch is gone.
class FdWatch {
 public:
    enum class Interest { Read, Write };

    FdWatch(Reactor& reactor, int fd);
    ~FdWatch();
    FdWatch(const FdWatch&) = delete;
    FdWatch& operator=(const FdWatch&) = delete;

    // Calls `task` once, in the turn in which the descriptor is ready.
    void wait(Interest interest, Task task);

 private:
    friend class Reactor;
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace tandem::runtime
