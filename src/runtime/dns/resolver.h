// Names to addresses over c-ares, with a cache that honours TTLs. What to ask and in which order
// to try the answers is decided in sip/locate (RFC 3263); this only fetches records.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/net_address.h"
#include "base/result.h"
#include "runtime/dns/limits.h"
#include "runtime/reactor/reactor.h"
#include "sip/locate.h"

namespace tandem::runtime {

struct ResolverConfig {
    std::vector<SocketAddress> servers;  // empty: those of resolv_conf
    std::string resolv_conf = "/etc/resolv.conf";
    std::chrono::milliseconds try_timeout{1'500};
    int tries = 2;
    std::string hosts_file = "/etc/hosts";
    std::chrono::milliseconds files_every = dns_files_every;
};

class Resolver {
 public:
    using Answered = std::move_only_function<void(const sip::DnsAnswer&)>;
    using Located =
        std::move_only_function<void(Result<std::vector<sip::Target>>, const sip::LookUpFacts&)>;

    explicit Resolver(Reactor& reactor, const ResolverConfig& config = {});
    ~Resolver();

    // One set of records. The answer comes in a later turn, from the cache too.
    void query(const sip::DnsQuestion& question, Answered answered);
    // The whole of RFC 3263 4 for one SIP target.
    void locate(const sip::LocateRequest& request, Rng& rng, Located located);

    void forget_all();  // empties the cache
    size_t cached() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
