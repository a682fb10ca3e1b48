// A shard: a thread with its reactor and a driver (the node host), fed with letters.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "ports/letter.h"
#include "runtime/reactor/reactor.h"

namespace tandem::runtime {

// How the parts of the runtime hand letters to their shard. Called on the shard's thread only.
using Deliver = std::move_only_function<void(ports::Letter)>;

class Driver {
 public:
    virtual ~Driver() = default;
    // All letters that have come since the last call, in order. Never empty.
    virtual void on_letters(Now now, std::vector<ports::Letter>&& letters) = 0;
    virtual void on_timeout(Now now) = 0;  // next_deadline() has come
    virtual std::optional<Instant> next_deadline() const = 0;
};

class Shard {
 public:
    explicit Shard(std::string name);  // of the thread, at most 15 characters
    ~Shard();                          // stops and joins

    // Before start(), or on the shard's thread: the parts of the runtime are made with this.
    Reactor& reactor();
    // On the shard's thread: to the driver, in this turn.
    void deliver(ports::Letter letter);
    Deliver deliverer();
    // From any thread. False: the shard is overloaded, and the letter is untouched.
    bool send(ports::Letter&& letter);
    uint64_t refused() const;  // letters that send() did not take
    uint64_t turns() const;    // from any thread; for heartbeats

    // The driver must outlive the shard's run. start() makes a thread; run() uses the caller's.
    void start(Driver& driver);
    void run(Driver& driver);
    void stop();  // from any thread
    void join();

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
