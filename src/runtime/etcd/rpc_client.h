// gRPC as values: calls and streams of bytes to numbered endpoints. The only file of the program
// that sees gRPC is rpc_client.cc. One thread waits on gRPC's completion queue and hands what it
// gets to the reactor; all callbacks run on the reactor's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "runtime/reactor/reactor.h"

namespace tandem::runtime {

// PEM files. All empty: in clear, without authentication.
struct EtcdTlsFiles {
    std::string ca;
    std::string certificate;
    std::string key;
    bool is_set() const { return !ca.empty(); }
};

// The status of a call, with the numbers of gRPC.
enum class RpcCode {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
};
struct RpcEnd {
    RpcCode code = RpcCode::Ok;
    std::string message;
};

// Whether a member that knows no leader is to refuse at once (etcd's metadata `hasleader`).
enum class Leader { Needed, NotNeeded };

struct RpcCall {
    size_t endpoint = 0;
    const char* method = "";  // "/etcdserverpb.KV/Range"
    std::string request;
    Duration deadline{0};
    Leader leader = Leader::Needed;
};

class RpcClient {
 public:
    using Done = std::move_only_function<void(RpcEnd end, std::string response)>;

    // Endpoints are "address:port" or "name:port". The files are read now; the error names the one
    // that can't be read.
    static Result<std::unique_ptr<RpcClient>> open(Reactor& reactor,
                                                   const std::vector<std::string>& endpoints,
                                                   const EtcdTlsFiles& tls);
    ~RpcClient();  // ends all calls and streams; their callbacks are not called any more
    RpcClient(const RpcClient&) = delete;
    RpcClient& operator=(const RpcClient&) = delete;

    size_t endpoint_count() const;
    // Whether the connection stands. If not, one is begun.
    bool is_ready(size_t endpoint);
    void call(RpcCall call, Done done);

 private:
    friend class RpcStream;
    struct State;
    explicit RpcClient(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

// One stream in both directions. Destroying it ends it without further callbacks.
class RpcStream {
 public:
    struct Events {
        std::move_only_function<void(std::string message)> on_message;
        std::move_only_function<void(RpcEnd end)> on_end;  // the last one; may destroy the stream
    };
    RpcStream(RpcClient& client, size_t endpoint, const char* method, Events events);
    ~RpcStream();
    RpcStream(const RpcStream&) = delete;
    RpcStream& operator=(const RpcStream&) = delete;

    void write(std::string message);  // queued until it can be sent

 private:
    friend class RpcClient;
    struct Body;
    Body* body_;  // owned by the client, as gRPC still has to give its tags back
};

}  // namespace tandem::runtime
