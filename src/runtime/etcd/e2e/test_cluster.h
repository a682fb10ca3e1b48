// A cluster of real etcd processes on loopback, for tests: each on ports and in a folder of its
// own, gone with the test.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/etcd/admin.h"
#include "runtime/etcd/etcd_store.h"
#include "runtime/etcd/member_flags.h"
#include "runtime/process/process.h"
#include "runtime/reactor/reactor.h"
#include "store/kv.h"

namespace tandem::runtime {

inline constexpr Duration test_patience = 40s;

// A folder of its own, gone with the test.
class TestFolder {
 public:
    TestFolder();
    ~TestFolder();
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    const std::string& path() const { return path_; }
    std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
    std::string path_;
};

// A loopback address of this process alone. A member that was killed starts again at its old port;
// at 127.0.0.1 a connection of another program may have taken it meanwhile.
std::string test_address();
// test_address(), and a port that is free now.
std::string free_address();

class TestCluster {
 public:
    // Started, and a leader elected; ends the test program if not.
    TestCluster(Reactor& reactor, size_t members, EtcdTlsFiles tls = {});
    ~TestCluster();

    std::vector<std::string> endpoints() const;
    size_t size() const { return specs_.size(); }
    size_t leader();   // asks the members; waits until there is one
    void await_all();  // until every member answers and knows the leader
    void signal(size_t member, int signal);
    void kill(size_t member);   // -9, and waits for its end; it stays down
    void start(size_t member);  // again, on the same data

 private:
    // Asks all members for their status until `done` of the answers.
    void look_until(const std::function<bool(const std::vector<EtcdMemberStatus>&)>& done);

    Reactor& reactor_;
    TestFolder folder_;
    EtcdTlsFiles tls_;
    std::vector<EtcdMemberSpec> specs_;
    std::vector<std::unique_ptr<Supervised>> processes_;
};

// A store whose requests can be waited for.
class TestStore {
 public:
    TestStore(Reactor& reactor, EtcdOptions options);

    // Sends and waits.
    Result<store::ReplyBody> ask(store::RequestBody body);
    store::RequestId send(store::RequestBody body);
    const store::Reply* reply_to(store::RequestId id) const;
    Result<store::TxnReply> put(std::string key, std::string value);
    // Of one key; empty: it does not exist, or no answer.
    std::string value(std::string key);

    Reactor& reactor;
    std::unique_ptr<EtcdStore> store;
    std::vector<store::Reply> replies;
    std::vector<store::WatchBatch> batches;
    store::RequestId last_id = 0;
};

}  // namespace tandem::runtime
