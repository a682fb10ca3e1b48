#include "runtime/reactor/shard.h"

#include <pthread.h>

#include <thread>
#include <utility>

#include "base/check.h"
#include "runtime/reactor/limits.h"
#include "runtime/reactor/mailbox.h"

namespace tandem::runtime {

namespace {
// Rounds of letters that call forth further letters of the runtime within one turn.
constexpr int kRoundsMax = 8;
}  // namespace

struct Shard::State {
    explicit State(std::string thread_name) : name(std::move(thread_name)) {}

    std::string name;
    Reactor reactor;
    Mailbox<ports::Letter> mailbox{mailbox_letters_max, [this] { reactor.wake(); }};
    std::vector<ports::Letter> letters;  // for the next call of the driver
    std::vector<ports::Letter> handled;  // those of this call: takes turns with `letters`
    Driver* driver = nullptr;
    std::thread thread;

    std::optional<Instant> drive(Now now);
    void run(Driver& with);
};

std::optional<Instant> Shard::State::drive(Now now) {
    for (int round = 0; round < kRoundsMax; ++round) {
        mailbox.drain(letters);
        if (letters.empty()) break;
        handled.swap(letters);
        driver->on_letters(now, std::move(handled));
        handled.clear();
    }
    const auto deadline = driver->next_deadline();
    if (deadline && *deadline <= now.mono) driver->on_timeout(now);
    if (!letters.empty()) reactor.want_turn();
    return driver->next_deadline();
}

void Shard::State::run(Driver& with) {
    driver = &with;
    pthread_setname_np(pthread_self(), name.c_str());
    reactor.set_drive([this](Now now) { return drive(now); });
    reactor.run();
}

Shard::Shard(std::string name) : state_(std::make_unique<State>(std::move(name))) {}
Shard::~Shard() {
    stop();
    join();
}
Reactor& Shard::reactor() {
    return state_->reactor;
}
void Shard::deliver(ports::Letter letter) {
    state_->letters.push_back(std::move(letter));
    state_->reactor.want_turn();
}
Deliver Shard::deliverer() {
    return [this](ports::Letter letter) { deliver(std::move(letter)); };
}
bool Shard::send(ports::Letter&& letter) {
    return state_->mailbox.put(std::move(letter));
}
uint64_t Shard::refused() const {
    return state_->mailbox.refused();
}
uint64_t Shard::turns() const {
    return state_->reactor.turns();
}
void Shard::start(Driver& driver) {
    CHECK(!state_->thread.joinable());
    state_->thread = std::thread([this, &driver] { state_->run(driver); });
}
void Shard::run(Driver& driver) {
    state_->run(driver);
}
void Shard::stop() {
    state_->reactor.stop();
}
void Shard::join() {
    if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace tandem::runtime
