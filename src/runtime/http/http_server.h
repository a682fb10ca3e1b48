// The HTTP listeners of a shard (ports::kHttp): requests go to a web gate as letters, its answers
// come back by request number. RFC 9110, RFC 9112 (HTTP/1.1 with keep-alive).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "ports/letter.h"
#include "runtime/http/limits.h"
#include "runtime/reactor/shard.h"

namespace tandem::runtime {

class TlsContexts;

struct HttpListenerSpec {
    ports::Instance gate;  // the web gate that gets the requests
    uint16_t number = 0;   // unique for the gate
    SocketAddress address;
    std::string tls_name;  // of TlsContexts; empty: plain
};

class HttpServer {
 public:
    HttpServer(Reactor& reactor, Deliver deliver, TlsContexts& tls, const HttpLimits& limits = {});
    ~HttpServer();

    Result<SocketAddress> open(const HttpListenerSpec& spec);
    // Accepts no more; requests under way are answered, then their connections end.
    void close(ports::Instance gate, uint16_t number);

    // Files below `directory` answer GET for paths that do not begin with /api, /metrics or /sip;
    // an unknown path without a dot answers index.html, as single-page applications need.
    void serve_files(std::string directory);

    // A letter to kHttp: HttpResponse with the request number of its HttpRequest, or Unreachable
    // (answers 503).
    void handle(ports::Letter letter);

    std::vector<std::pair<std::string, double>> figures() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
