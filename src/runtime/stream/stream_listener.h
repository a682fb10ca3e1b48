// Accepts stream connections until it is destroyed.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/net_address.h"
#include "base/result.h"
#include "runtime/reactor/reactor.h"
#include "runtime/reactor/unique_fd.h"

namespace tandem::runtime {

class StreamListener {
 public:
    // The peer's address is 0.0.0.0:0 for Unix-domain sockets.
    using Accepted = std::move_only_function<void(UniqueFd fd, const SocketAddress& remote)>;

    static Result<std::unique_ptr<StreamListener>> tcp(Reactor& reactor,
                                                       const SocketAddress& address,
                                                       Accepted accepted);
    // Replaces a socket file that nobody listens on; mode 0600.
    static Result<std::unique_ptr<StreamListener>> unix_domain(Reactor& reactor,
                                                               const std::string& path,
                                                               Accepted accepted);
    ~StreamListener();
    SocketAddress address() const;  // as bound

 private:
    struct Body;
    explicit StreamListener(std::shared_ptr<Body> body);
    std::shared_ptr<Body> body_;
};

}  // namespace tandem::runtime
