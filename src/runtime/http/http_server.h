// The HTTP listeners of a shard (ports::kHttp): requests go to a web gate as letters, its answers
// come back by request number. RFC 9110, RFC 9112 (HTTP/1.1 with keep-alive).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "ports/letter.h"
#include "runtime/http/limits.h"
#include "runtime/reactor/shard.h"

namespace tandem::runtime {

class StreamSocket;
class TlsContexts;

// A connection whose client asked for GET /sip: it goes to the SIP sockets with what it has sent.
struct SipUpgrade {
    std::unique_ptr<StreamSocket> socket;
    std::string bytes;
    SocketAddress remote;
    bool secure = false;
};
// Who takes them: both are called in the same turn, one after the other.
struct SipUpgrades {
    std::move_only_function<bool(const SocketAddress& remote, bool secure)> wanted;
    std::move_only_function<void(SipUpgrade)> take;
};

class HttpServer {
 public:
    HttpServer(Reactor& reactor, Deliver deliver, TlsContexts& tls, const HttpLimits& limits = {});
    ~HttpServer();

    // Files below `directory` answer GET for paths that do not begin with /api, /metrics or /sip;
    // an unknown path without a dot answers index.html, as single-page applications need.
    void serve_files(std::string directory);
    // Where connections go that ask for GET /sip; those that are not wanted are requests like
    // others.
    void set_sip_upgrades(SipUpgrades upgrades);

    // A letter to kHttp. HttpListenerOpen: a failure answers HttpListenerFailed; a secure one uses
    // the default certificate. HttpListenerClose: accepts no more; requests under way are answered,
    // then their connections end. HttpResponse with the request number of its HttpRequest, or
    // Unreachable (answers 503).
    void handle(ports::Letter letter);
    std::optional<SocketAddress> bound(ports::Instance gate, uint16_t number) const;

    std::vector<std::pair<std::string, double>> figures() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
