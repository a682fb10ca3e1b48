// The phones of a drill, on a thread of their own: the simulation's phones (sim/phone.h) over real
// sockets and in real time. They register, hold calls with sound, place new ones all the time, and
// note what they see.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/drill/measure.h"
#include "app/drill/sockets.h"
#include "runtime/reactor/reactor.h"
#include "sim/phone.h"
#include "sim/world.h"

namespace tandem::drill {

struct Account {
    std::string login;
    std::string password;
};

struct FleetPlan {
    std::vector<SocketAddress> gates;
    std::string domain;
    // Of phones 0, 1, ...: two for each held call, then those that call and are called anew, then
    // those that only register.
    std::vector<Account> accounts;
    size_t held = 0;  // calls
    size_t pairs = 0;
    double rate = 0;  // new calls a second
    uint64_t seed = 1;
};

class Fleet final : public SocketEnds, public sim::PhoneWatcher {
 public:
    static Result<std::unique_ptr<Fleet>> make(FleetPlan plan);
    ~Fleet() override;

    // What `question` answers on the phones' thread; the caller waits for it. All else that is
    // public belongs to that thread.
    template <typename Question>
    auto ask(Question question) {
        using Answer = decltype(question(*this));
        std::promise<Answer> promise;
        auto answer = promise.get_future();
        reactor_.post([&] {
            advance(reactor_.now().mono);
            if constexpr (std::is_void_v<Answer>) {
                question(*this);
                promise.set_value();
            } else {
                promise.set_value(question(*this));
            }
        });
        return answer.get();
    }

    void register_all();
    size_t registered() const;
    void hold_calls();    // those that are not up are placed
    size_t held() const;  // that are up and heard by both
    void place_calls(bool on);
    void refresh_bindings(bool on);
    void hang_up_all();
    bool is_at_rest() const;  // no call, and nothing that waits for an answer

    // What is told below is about the time from now on, and the harm comes at `when`.
    void mark_harm(Instant when, Duration lasts);
    void correct_harm(Instant when) { harm_ = when; }
    std::vector<CallSeen> calls() const;        // all, of all rounds
    std::vector<Probe> refreshes() const;       // without those that may still be prompt
    std::vector<Duration> sound_gaps() const;   // of each held call that is up
    std::vector<std::string> contacts() const;  // of the registrations that are acknowledged
    const std::vector<std::string>& faults() const { return world_.failures(); }
    uint64_t gate_changes() const { return sockets_.gate_changes(); }
    // How long after its time a phone acted at worst, because this machine had other things to do.
    Duration lateness() const { return lateness_; }

    // The phones' time at a moment of the monotonic clock. From any thread.
    Instant at(Instant mono) const { return {mono - base_ + kEpoch}; }

 private:
    explicit Fleet(FleetPlan plan);
    Result<void> open();
    void advance(Instant mono);
    void make_phone(const Account& account, const SocketAddress& own);
    void call(size_t caller, size_t callee, bool holds);
    void place_next(uint64_t plan);
    void refresh_next(uint64_t plan);
    bool hears(size_t phone) const;
    const sim::PhoneCall* open_call(size_t phone) const;
    CallSeen seen(size_t phone, const sim::PhoneCall& call) const;
    size_t first_of_pair(size_t pair) const { return 2 * plan_.held + 2 * pair; }

    void on_sip(size_t phone, std::string_view bytes) override;
    void on_media(size_t phone, const sim::Datagram& datagram) override;
    bool is_excused(size_t phone, Instant from, Instant to) const override;
    void on_answered(sim::Phone&, sim::PhoneCall&) override {}
    void on_registered(sim::Phone& phone) override;
    void on_sound(sim::Phone& phone, sim::PhoneCall& call, Instant before) override;

    static constexpr Duration kEpoch = 1000s;  // of the world

    FleetPlan plan_;
    Instant base_;  // of the monotonic clock, where the world's begins
    runtime::Reactor reactor_;
    Duration lateness_{0};
    sim::World world_;
    Sockets sockets_;
    std::vector<std::unique_ptr<sim::Phone>> phones_;
    uint64_t places_ = 0;  // plans: an older one ends
    uint64_t refreshing_ = 0;
    size_t next_pair_ = 0;
    size_t next_refresh_ = 0;
    Instant harm_;
    std::vector<std::pair<Instant, Instant>> harms_;
    std::vector<Probe> refreshes_;
    std::vector<std::optional<size_t>> open_refresh_;  // of each phone, in refreshes_
    std::vector<Duration> gaps_;                       // of each phone
    std::thread thread_;
};

}  // namespace tandem::drill
