// Clients of a store that do one thing after the other and write down what they saw, for
// check_history. They reach the store through whoever drives them, so that the same clients test
// every backend. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/rng.h"
#include "sim/history/history.h"
#include "store/kv.h"

namespace tandem::sim {

class HistoryClients {
 public:
    HistoryClients(size_t clients, size_t keys, Rng& rng);

    size_t client_count() const { return clients_.size(); }
    static size_t client_of(store::RequestId id) { return static_cast<size_t>(id >> 32); }
    // The next request of a client that is idle; none: it waits for a reply.
    std::optional<store::Request> next(Instant now, size_t client);
    void on_reply(Instant now, const store::Reply& reply);
    // The store was started anew: what is under way stays without reply.
    void on_restart(Instant now);

    const std::vector<Operation>& history() const { return history_; }
    size_t acknowledged() const { return acknowledged_; }  // writes
    size_t unknown() const { return unknown_; }            // writes whose outcome stayed open
    size_t failed_reads() const { return failed_reads_; }
    // Replies that no store gives to such requests.
    const std::vector<std::string>& complaints() const { return complaints_; }

 private:
    struct Client {
        std::vector<SeenValue> known;  // by key: what it saw last
        std::optional<Operation> under_way;
        size_t key = 0;
        uint32_t number = 0;  // of its requests
    };

    store::Request request_of(size_t client);
    void on_error(const Error& error, Client& client);
    void on_txn(Instant now, const store::TxnReply& reply, Client& client);
    void finish(Instant now, Client& client, SeenValue seen);

    Rng& rng_;
    std::vector<Client> clients_;
    std::vector<std::string> keys_;
    std::vector<Operation> history_;
    size_t acknowledged_ = 0;
    size_t unknown_ = 0;
    size_t failed_reads_ = 0;
    std::vector<std::string> complaints_;
};

}  // namespace tandem::sim
