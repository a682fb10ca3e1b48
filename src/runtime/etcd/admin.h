// What is asked of an etcd cluster about itself: its members, their health, and changes of both.
// All on the reactor's thread; answers come in later turns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/etcd/exchange.h"
#include "runtime/etcd/rpc_client.h"

namespace tandem::runtime {

struct EtcdMemberEntry {
    uint64_t id = 0;
    std::string name;  // empty: added, but not started yet
    std::vector<std::string> peer_urls;
    std::vector<std::string> client_urls;
    bool is_learner = false;
};
struct EtcdMemberStatus {
    uint64_t id = 0;
    uint64_t leader = 0;  // 0: it knows none
    std::string version;
    bool is_learner = false;
    uint64_t applied = 0;  // of the log
    int64_t bytes = 0;
    int64_t bytes_in_use = 0;
    int64_t revision = 0;
    std::vector<std::string> alarms;
};

class EtcdAdmin {
 public:
    template <typename T>
    using Then = std::move_only_function<void(Result<T>)>;

    static Result<std::unique_ptr<EtcdAdmin>> open(Reactor& reactor,
                                                   const std::vector<std::string>& endpoints,
                                                   const EtcdTlsFiles& tls);

    ~EtcdAdmin();
    EtcdAdmin(const EtcdAdmin&) = delete;
    EtcdAdmin& operator=(const EtcdAdmin&) = delete;

    size_t endpoint_count() const { return client_->endpoint_count(); }
    // Of the cluster, by any member. Timeout: it may have happened; look at the members again.
    void members(Then<std::vector<EtcdMemberEntry>> then);
    void add_learner(const std::string& peer_url, Then<uint64_t> then);  // its id
    void promote(uint64_t id, Then<void> then);  // Conflict: it has not caught up yet
    void remove(uint64_t id, Then<void> then);
    void update(uint64_t id, const std::string& peer_url, Then<void> then);

    // Of one member. Unavailable: it is not connected.
    void status(size_t endpoint, Then<EtcdMemberStatus> then);
    // It serves nothing meanwhile, about a second a GiB.
    void defragment(size_t endpoint, Then<void> then);
    // `endpoint` is the leader's.
    void move_leader(size_t endpoint, uint64_t to, Then<void> then);
    // The whole database, as etcd's own tools restore it, into a new file; its bytes.
    void snapshot(size_t endpoint, const std::string& path, Then<uint64_t> then);

 private:
    struct Snapshot;

    EtcdAdmin(Reactor& reactor, std::unique_ptr<RpcClient> client);
    void ask(const char* method, std::string request, Then<std::string> then);
    void ask_one(size_t endpoint, const char* method, std::string request, Then<std::string> then);

    std::unique_ptr<RpcClient> client_;
    Exchange exchange_;
    std::vector<std::unique_ptr<Snapshot>> snapshots_;  // under way
    Reactor& reactor_;
};

}  // namespace tandem::runtime
