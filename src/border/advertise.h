// Which address of ours a phone gets to see. One listener may be known under several: its local
// addresses inside, an advertised one behind a provider's NAT outside.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "base/net_address.h"
#include "border/settings.h"

namespace tandem::border {

struct Advertised {
    std::string host;  // IPv6 in brackets
    uint16_t port = 0;
};

// An open listener: its settings, and what the runtime and the traffic told about it.
struct Listener {
    ListenerSettings settings;
    uint16_t port = 0;             // as bound
    std::vector<IpAddress> local;  // addresses it can be reached at, when bound to all
    bool open = false;
    std::optional<Instant> retry_at;  // after a failure
    std::string failure;              // as told to the journal

    void learn_local(const IpAddress& address);
    // What to tell a phone at `remote`.
    Advertised advertise(const IpAddress& remote) const;
    bool is_local(const IpAddress& remote) const;  // in a local network of this listener

 private:
    IpAddress nearest_local(const IpAddress& remote) const;
};

}  // namespace tandem::border
