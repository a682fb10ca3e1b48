// Carries single requests to any member of an etcd cluster: tries, deadlines, rotation. What may be
// repeated safely is repeated until it is answered or its time is over; what may not is handed to a
// connection once, and again only after a refusal that certainly left no effect.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/instant.h"
#include "base/result.h"
#include "base/timer_queue.h"
#include "runtime/etcd/endpoint_ring.h"
#include "runtime/etcd/limits.h"
#include "runtime/etcd/rpc_client.h"

namespace tandem::runtime {

enum class Repeat { Safe, Unsafe };
// Of a read of a given revision from whichever member: one that has not come so far is asked later.
enum class Lag { IsAnswer, IsWaitedFor };

struct EtcdQuestion {
    const char* method = "";
    std::string request;
    Repeat repeat = Repeat::Safe;
    Duration try_max = etcd_try;             // of one try
    Duration answer_max = etcd_request_max;  // of all
    Leader leader = Leader::Needed;
    Lag lag = Lag::IsAnswer;
};

struct EtcdCounters {
    uint64_t questions = 0;
    uint64_t tries = 0;
    uint64_t unknown = 0;      // tries whose effect is unknown: time-outs, broken connections
    uint64_t not_applied = 0;  // tries refused without effect
    uint64_t watch_streams = 0;
};

class Exchange {
 public:
    using Answer = std::move_only_function<void(Result<std::string>)>;

    Exchange(Reactor& reactor, RpcClient& client);

    // The answer comes in a later turn, or at once when too many wait (Unavailable). Timeout: the
    // effect is unknown.
    void ask(EtcdQuestion question, Answer answer);

    // Goes on with another client; the former may go after this. What was under way there is tried
    // again, or ends with Timeout when that is not safe.
    void use(RpcClient& client);

    // For streams, which choose and judge members in the same way.
    std::optional<size_t> pick();
    void on_failure(size_t endpoint);
    EtcdCounters& counters() { return counters_; }

 private:
    struct Asked {
        EtcdQuestion question;
        Answer answer;
        Instant give_up;
        Duration try_max{0};
        size_t tries = 0;
        bool under_way = false;
        bool maybe_applied = false;
        std::string last_words;  // of the last try that failed
    };

    void connect_all();
    void try_next(uint64_t number);
    void on_end(uint64_t number, size_t endpoint, RpcEnd end, std::string response);
    void pause(uint64_t number);
    void on_answered(uint64_t number, size_t endpoint, RpcEnd end, std::string response);
    void on_timer();
    void arm();
    void finish(uint64_t number, Result<std::string> result);

    RpcClient* client_;
    EndpointRing ring_;
    Timer timer_;
    Timer connecting_;  // keeps the connections that are not needed now
    TimerQueue<uint64_t> pausing_;
    std::unordered_map<uint64_t, Asked> asked_;
    uint64_t last_ = 0;
    EtcdCounters counters_;
};

}  // namespace tandem::runtime
