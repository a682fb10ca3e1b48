#include "runtime/reactor/reactor.h"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "base/timer_queue.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/limits.h"

namespace tandem::runtime {

namespace asio = boost::asio;

// `queued` is when the reactor will look at it next; a later deadline waits for that look, so that
// a timer that is moved on and on (as idle time-outs are) keeps one entry.
struct TimerEntry {
    Task task;
    Duration period{0};  // 0: once
    std::optional<Instant> deadline;
    std::optional<Instant> queued;
};

struct Reactor::State {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::atomic<bool> stopped{false};
    std::atomic<uint64_t> turns{0};
    Drive drive;
    Waiter* waiter = nullptr;
    Now now = read_clocks();
    std::optional<Instant> drive_deadline;
    bool again = true;  // the first turn drives at once
    std::vector<Task> flushes;
    TimerQueue<std::shared_ptr<TimerEntry>> timers;

    void turn();
    void wait();
    void run_due_timers();
    void run_flushes();
    std::optional<Instant> next_deadline() const;
    void queue(const std::shared_ptr<TimerEntry>& timer);
};

std::optional<Instant> Reactor::State::next_deadline() const {
    const auto timer = timers.next_deadline();
    if (!timer) return drive_deadline;
    return drive_deadline ? std::min(*drive_deadline, *timer) : timer;
}

void Reactor::State::wait() {
    const auto deadline = next_deadline();
    if (std::exchange(again, false)) {
        if (waiter != nullptr) waiter->wait(now.mono);
        return;
    }
    if (waiter != nullptr && waiter->wait(deadline)) return;
    Duration longest = reactor_wait_max;
    if (deadline) longest = std::min(longest, *deadline - read_monotonic());
    if (longest > Duration::zero()) io.run_one_for(longest);
}

void Reactor::State::run_due_timers() {
    while (auto timer = timers.pop_due(now.mono)) {
        TimerEntry& due = **timer;
        due.queued.reset();
        if (!due.deadline) continue;
        if (*due.deadline > now.mono) {
            queue(*timer);
            continue;
        }
        due.deadline.reset();
        if (due.period > Duration::zero()) {
            due.deadline = now.mono + due.period;
            queue(*timer);
        }
        // The task may destroy its timer: it runs outside the entry.
        Task task = std::exchange(due.task, nullptr);
        task();
        if (due.deadline && due.period > Duration::zero() && !due.task) due.task = std::move(task);
    }
}

void Reactor::State::queue(const std::shared_ptr<TimerEntry>& timer) {
    if (timer->queued && *timer->queued <= *timer->deadline) return;
    timer->queued = timer->deadline;
    timers.add(*timer->deadline, timer);
}

void Reactor::State::run_flushes() {
    // A flush may ask for another, which belongs to the next turn.
    for (auto& flush : std::exchange(flushes, {})) flush();
    if (!flushes.empty()) again = true;
}

void Reactor::State::turn() {
    wait();
    now = read_clocks();
    for (size_t count = 0; count < handlers_per_turn_max && io.poll_one() > 0; ++count) {
    }
    run_due_timers();
    if (drive) drive_deadline = drive(now);
    run_flushes();
    turns.fetch_add(1, std::memory_order_relaxed);
}

Reactor::Reactor() : state_(std::make_unique<State>()) {}
Reactor::~Reactor() = default;

void Reactor::run() {
    while (!state_->stopped.load(std::memory_order_acquire)) state_->turn();
}
bool Reactor::run_until(const std::function<bool()>& done, Duration longest) {
    const Instant end = read_monotonic() + longest;
    Timer alarm(*this);  // so that no turn waits beyond the end
    alarm.arm(longest, [] {});
    while (!done()) {
        if (read_monotonic() >= end) return false;
        state_->turn();
    }
    return true;
}
void Reactor::stop() {
    state_->stopped.store(true, std::memory_order_release);
    asio::post(state_->io, [] {});
}
void Reactor::post(Task task) {
    asio::post(state_->io, std::move(task));
}
void Reactor::set_drive(Drive drive) {
    state_->drive = std::move(drive);
    state_->again = true;
}
void Reactor::set_waiter(Waiter* waiter) {
    state_->waiter = waiter;
}
uint64_t Reactor::turns() const {
    return state_->turns.load(std::memory_order_relaxed);
}
Now Reactor::now() const {
    return state_->now;
}
void Reactor::at_end_of_turn(Task task) {
    state_->flushes.push_back(std::move(task));
}
void Reactor::want_turn() {
    state_->again = true;
}
asio::io_context& Reactor::io() {
    return state_->io;
}

Timer::Timer(Reactor& reactor) : state_(std::make_shared<TimerEntry>()), reactor_(&reactor) {}
Timer::~Timer() {
    cancel();
}
void Timer::arm(Duration after, Task task) {
    state_->task = std::move(task);
    state_->period = Duration::zero();
    state_->deadline = read_monotonic() + after;
    reactor_->state_->queue(state_);
}
void Timer::arm_every(Duration period, Task task) {
    arm(period, std::move(task));
    state_->period = period;
}
void Timer::cancel() {
    state_->deadline.reset();
    state_->task = nullptr;
}

struct FdWatch::State {
    State(asio::io_context& io, int fd) : descriptor(io, fd) {}
    asio::posix::stream_descriptor descriptor;
    bool closed = false;
};

FdWatch::FdWatch(Reactor& reactor, int fd)
    : state_(std::make_shared<State>(reactor.state_->io, fd)) {}

FdWatch::~FdWatch() {
    state_->closed = true;
    state_->descriptor.release();
}

void FdWatch::wait(Interest interest, Task task) {
    const auto type = interest == Interest::Read ? asio::posix::descriptor_base::wait_read
                                                 : asio::posix::descriptor_base::wait_write;
    state_->descriptor.async_wait(
        type, [state = state_, task = std::move(task)](boost::system::error_code error) mutable {
            if (!error && !state->closed) task();
        });
}

}  // namespace tandem::runtime
