// The store of a site of several servers: the contract of store/kv.h over an etcd cluster. Requests
// go in, replies and watch batches come out later, all on the reactor's thread.
//
// Unlike a store in the same process it does not answer in order: two requests that are under way
// at the same time may be applied in any order, as between two clients. store::Writer has one
// batch under way. Reads are linearizable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/etcd/exchange.h"
#include "runtime/etcd/rpc_client.h"
#include "runtime/reactor/reactor.h"
#include "store/kv.h"

namespace tandem::runtime {

struct EtcdOptions {
    std::vector<std::string> endpoints;  // of the members' clients, "192.0.2.1:2379"
    EtcdTlsFiles tls;
    // Of all revisions that are given out. The owner knows it: it rises when the data moves to
    // another backend.
    uint32_t generation = 1;
    // While this key exists, transactions are not applied: see send(). Empty: there is none.
    std::string closed_key;
};

class EtcdStore {
 public:
    // Called on the reactor's thread; must not destroy the store.
    using Tell = std::move_only_function<void(store::Outbox)>;

    static Result<std::unique_ptr<EtcdStore>> open(Reactor& reactor, EtcdOptions options,
                                                   Tell tell);
    ~EtcdStore();  // what is under way stays unanswered
    EtcdStore(const EtcdStore&) = delete;
    EtcdStore& operator=(const EtcdStore&) = delete;

    // Exactly one reply follows, not before this returns. A transaction that found the store closed
    // is answered with Unavailable, whose field is "closed" and whose message the key's value.
    enum class Guard { Open, None };
    void send(store::Request request, Guard guard = Guard::Open);
    // The cluster has other members, or the files have other certificates. Tries under way end with
    // Timeout; watches go on without a gap.
    Result<void> set_endpoints(std::vector<std::string> endpoints, EtcdTlsFiles tls);
    // The data has come from another backend: watches end with Compacted.
    void set_generation(uint32_t generation);

    EtcdCounters counters() const;

 private:
    struct State;
    explicit EtcdStore(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace tandem::runtime
