#include "runtime/reactor/reactor.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/check.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/limits.h"
#include "runtime/reactor/unique_fd.h"

namespace tandem::runtime {

// By when the reactor looks at them next.
using TimerPlaces = std::multimap<Instant, std::shared_ptr<TimerEntry>>;

// It has one place or none. A deadline later than its place waits for that look, so that a timer
// that is moved on and on (as idle time-outs are) stays where it is.
struct TimerEntry {
    Task task;
    Duration period{0};  // 0: once
    std::optional<Instant> deadline;
    std::optional<TimerPlaces::iterator> place;
};

// A watched descriptor. It stays registered for what was last asked, as whoever handled one event
// nearly always waits for the next; an event that nobody waits for ends the registration.
struct FdWatch::State {
    Reactor::State& reactor;
    int fd = -1;
    uint32_t slot = 0;
    uint32_t armed = 0;  // the events that the kernel was asked for; 0: not registered
    Task on_readable;
    Task on_writable;

    void arm(uint32_t events);
    void disarm(uint32_t events);
};

struct Reactor::State {
    UniqueFd epoll{epoll_create1(EPOLL_CLOEXEC)};
    UniqueFd alarm{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};  // wakes the thread from outside
    std::atomic<bool> stopped{false};
    // Whoever wakes rings the alarm only when the thread may be asleep: each of the two first says
    // what it does and then looks at what the other has said.
    std::atomic<bool> woken{false};
    std::atomic<bool> asleep{false};
    std::atomic<uint64_t> turns{0};
    std::mutex posted_mutex;
    std::vector<Task> posted;
    Drive drive;
    Waiter* waiter = nullptr;
    Now now = read_clocks();
    std::optional<Instant> drive_deadline;
    bool again = true;  // the first turn drives at once
    Duration pace{0};   // turns begin so far apart
    std::vector<Task> flushes;
    TimerPlaces timers;

    // Events name a slot and its generation, so that one of a watch that has gone meets nobody.
    struct Slot {
        FdWatch::State* watch = nullptr;
        uint32_t generation = 0;
    };
    std::vector<Slot> slots;
    std::vector<uint32_t> free_slots;

    State();
    void turn();
    void wait();
    bool has_work();
    void keep_pace() const;
    void look_at_descriptors(std::chrono::milliseconds longest);
    void on_event(const epoll_event& event);
    void run_posted();
    void run_due_timers();
    void run_flushes();
    std::optional<Instant> next_deadline() const;
    void queue(const std::shared_ptr<TimerEntry>& timer);
    void wake() {
        woken.store(true);
        if (asleep.exchange(false)) eventfd_write(alarm.get(), 1);
    }
};

namespace {

constexpr uint64_t kAlarm = ~uint64_t{0};  // what the events of `alarm` carry

}  // namespace

Reactor::State::State() {
    CHECK(epoll && alarm);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = kAlarm}};
    CHECK(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, alarm.get(), &event) == 0);
}

std::optional<Instant> Reactor::State::next_deadline() const {
    if (timers.empty()) return drive_deadline;
    const Instant timer = timers.begin()->first;
    return drive_deadline ? std::min(*drive_deadline, timer) : timer;
}

// Left from the turn before.
bool Reactor::State::has_work() {
    const std::lock_guard lock(posted_mutex);
    return std::exchange(again, false) || !flushes.empty() || !posted.empty();
}

// What comes in quick succession gathers meanwhile, and nobody is woken for it.
void Reactor::State::keep_pace() const {
    const Duration left = now.mono + pace - read_monotonic();
    if (left > Duration::zero()) sleep_for(left);
}

void Reactor::State::wait() {
    const auto deadline = next_deadline();
    std::chrono::milliseconds longest{0};
    if (has_work()) {
        if (waiter != nullptr) waiter->wait(now.mono);
    } else if (waiter == nullptr || !waiter->wait(deadline)) {
        keep_pace();
        longest = reactor_wait_max;
        if (deadline) {
            const Duration left = *deadline - read_monotonic();
            longest = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(left),
                                 std::chrono::milliseconds{0}, longest);
        }
    }
    look_at_descriptors(longest);
}

void Reactor::State::look_at_descriptors(std::chrono::milliseconds longest) {
    std::array<epoll_event, handlers_per_turn_max> events;
    if (longest > std::chrono::milliseconds{0}) {
        asleep.store(true);
        if (woken.load()) longest = std::chrono::milliseconds{0};
    }
    const int count =
        epoll_wait(epoll.get(), events.data(), int(events.size()), int(longest.count()));
    CHECK(count >= 0 || errno == EINTR);
    asleep.store(false);
    woken.store(false);  // what was asked for is seen in this turn
    now = read_clocks();
    for (int i = 0; i < count; ++i) on_event(events[size_t(i)]);
}

void Reactor::State::on_event(const epoll_event& event) {
    if (event.data.u64 == kAlarm) {
        eventfd_t count = 0;
        eventfd_read(alarm.get(), &count);
        return;
    }
    const Slot& slot = slots[static_cast<uint32_t>(event.data.u64)];
    if (slot.watch == nullptr || slot.generation != event.data.u64 >> 32) return;
    FdWatch::State& watch = *slot.watch;
    const bool broken = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    const bool readable = broken || (event.events & EPOLLIN) != 0;
    const bool writable = broken || (event.events & EPOLLOUT) != 0;
    // A task may destroy its watch: it runs last, and outside of it.
    Task read_task = readable ? std::exchange(watch.on_readable, nullptr) : nullptr;
    Task write_task = writable ? std::exchange(watch.on_writable, nullptr) : nullptr;
    uint32_t unwanted = 0;
    if (readable && !read_task) unwanted |= EPOLLIN;
    if (writable && !write_task) unwanted |= EPOLLOUT;
    watch.disarm(unwanted);
    const uint64_t id = event.data.u64;
    if (read_task) read_task();
    if (!write_task) return;
    const Slot& same = slots[static_cast<uint32_t>(id)];
    if (same.watch != nullptr && same.generation == id >> 32) write_task();
}

void Reactor::State::run_posted() {
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(posted_mutex);
        tasks.swap(posted);
    }
    for (Task& task : tasks) task();
}

void Reactor::State::run_due_timers() {
    while (!timers.empty() && timers.begin()->first <= now.mono) {
        const auto timer = std::move(timers.extract(timers.begin()).mapped());
        TimerEntry& due = *timer;
        due.place.reset();
        if (!due.deadline) continue;
        if (*due.deadline > now.mono) {
            queue(timer);
            continue;
        }
        due.deadline.reset();
        if (due.period > Duration::zero()) {
            due.deadline = now.mono + due.period;
            queue(timer);
        }
        // The task may destroy its timer: it runs outside the entry.
        Task task = std::exchange(due.task, nullptr);
        task();
        if (due.deadline && due.period > Duration::zero() && !due.task) due.task = std::move(task);
    }
}

void Reactor::State::queue(const std::shared_ptr<TimerEntry>& timer) {
    if (!timer->place) {
        timer->place = timers.emplace(*timer->deadline, timer);
        return;
    }
    if ((*timer->place)->first <= *timer->deadline) return;
    auto node = timers.extract(*timer->place);
    node.key() = *timer->deadline;
    timer->place = timers.insert(std::move(node));
}

void Reactor::State::run_flushes() {
    // A flush may ask for another, which belongs to the next turn.
    for (auto& flush : std::exchange(flushes, {})) flush();
}

void Reactor::State::turn() {
    wait();
    run_posted();
    run_due_timers();
    again = false;  // what was asked for so far is done now
    if (drive) drive_deadline = drive(now);
    run_flushes();
    turns.fetch_add(1, std::memory_order_relaxed);
}

Reactor::Reactor() : state_(std::make_unique<State>()) {}
// Tasks that never ran may own timers and watches, whose ends need the reactor whole; and they may
// call forth further tasks.
Reactor::~Reactor() {
    state_->drive = nullptr;
    while (!state_->posted.empty() || !state_->flushes.empty()) {
        const auto posted = std::exchange(state_->posted, {});
        const auto flushes = std::exchange(state_->flushes, {});
    }
}

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
    state_->wake();
}
void Reactor::post(Task task) {
    bool was_empty = false;
    {
        const std::lock_guard lock(state_->posted_mutex);
        was_empty = state_->posted.empty();
        state_->posted.push_back(std::move(task));
    }
    if (was_empty) state_->wake();
}
void Reactor::wake() {
    state_->wake();
}
void Reactor::set_drive(Drive drive) {
    state_->drive = std::move(drive);
    state_->again = true;
}
void Reactor::set_pace(Duration pace) {
    state_->pace = pace;
}
void Reactor::set_waiter(Waiter* waiter) {
    state_->waiter = waiter;
}
uint64_t Reactor::turns() const {
    return state_->turns.load(std::memory_order_relaxed);
}
size_t Reactor::timers() const {
    return state_->timers.size();
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

Timer::Timer(Reactor& reactor) : state_(std::make_shared<TimerEntry>()), reactor_(&reactor) {}
Timer::~Timer() {
    cancel();
    if (state_->place) reactor_->state_->timers.erase(*std::exchange(state_->place, std::nullopt));
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

void FdWatch::State::arm(uint32_t events) {
    if ((armed & events) == events) return;
    const int operation = armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    armed |= events;
    const uint64_t id = uint64_t{reactor.slots[slot].generation} << 32 | slot;
    epoll_event event{.events = armed, .data = {.u64 = id}};
    CHECK(epoll_ctl(reactor.epoll.get(), operation, fd, &event) == 0);
}

void FdWatch::State::disarm(uint32_t events) {
    if ((armed & events) == 0) return;
    armed &= ~events;
    const int operation = armed == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    const uint64_t id = uint64_t{reactor.slots[slot].generation} << 32 | slot;
    epoll_event event{.events = armed, .data = {.u64 = id}};
    epoll_ctl(reactor.epoll.get(), operation, fd, &event);
}

FdWatch::FdWatch(Reactor& reactor, int fd)
    : state_(std::make_shared<State>(State{*reactor.state_, fd})) {
    Reactor::State& of = *reactor.state_;
    if (of.free_slots.empty()) {
        of.free_slots.push_back(static_cast<uint32_t>(of.slots.size()));
        of.slots.emplace_back();
    }
    state_->slot = of.free_slots.back();
    of.free_slots.pop_back();
    of.slots[state_->slot].watch = state_.get();
}

FdWatch::~FdWatch() {
    Reactor::State& of = state_->reactor;
    state_->disarm(EPOLLIN | EPOLLOUT);
    of.slots[state_->slot].watch = nullptr;
    ++of.slots[state_->slot].generation;
    of.free_slots.push_back(state_->slot);
}

void FdWatch::wait(Interest interest, Task task) {
    (interest == Interest::Read ? state_->on_readable : state_->on_writable) = std::move(task);
    state_->arm(interest == Interest::Read ? EPOLLIN : EPOLLOUT);
}

}  // namespace tandem::runtime
