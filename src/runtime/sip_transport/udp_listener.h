// One UDP socket for SIP. Receives and sends in batches.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ports/sip_port.h"
#include "runtime/reactor/reactor.h"
#include "runtime/reactor/unique_fd.h"

namespace tandem::runtime {

struct UdpCounters {
    uint64_t received = 0;
    uint64_t sent = 0;
    uint64_t lost = 0;      // the socket's buffer and our queue were full, or the kernel refused
    uint64_t unwanted = 0;  // nobody listens where they went
};

class UdpListener {
 public:
    struct Handlers {
        std::move_only_function<void(ports::PacketIn)> received;
        std::move_only_function<void(ports::PacketFailed)> failed;
    };
    // `flow` has gate and listener filled in.
    static Result<std::unique_ptr<UdpListener>> open(Reactor& reactor, const ports::Flow& flow,
                                                     const SocketAddress& address,
                                                     Handlers handlers);
    ~UdpListener();

    void send(ports::PacketOut packet);  // leaves at the end of the turn
    SocketAddress address() const { return address_; }
    const UdpCounters& counters() const { return counters_; }

 private:
    UdpListener(Reactor& reactor, const ports::Flow& flow, UniqueFd fd, Handlers handlers);
    void wait();
    void receive();
    template <typename Call>
    int past_errors(const Call& call);
    bool take_errors();
    void take_closed_port(const msghdr& error, std::string_view quoted);
    void take(const mmsghdr& datagram);
    void answer_stun(std::string_view datagram, const SocketAddress& source);
    void flush();
    size_t send_batch(size_t begin);
    void fail(const ports::PacketOut& packet);

    Reactor& reactor_;
    ports::Flow flow_;
    UniqueFd fd_;
    FdWatch watch_;
    Handlers handlers_;
    SocketAddress address_;
    std::vector<ports::PacketOut> queue_;
    bool flush_asked_ = false;
    bool blocked_ = false;  // waiting until the socket can send
    UdpCounters counters_;
    std::shared_ptr<UdpListener*> self_;  // null inside when destroyed, for what is yet to run
};

}  // namespace tandem::runtime
