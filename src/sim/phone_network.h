// What a phone needs of a network. The simulation has one (network.h), and so has the drill of
// `tandem`, where the same phones use real sockets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/net_address.h"

namespace tandem::sim {

struct Datagram {
    SocketAddress from;
    SocketAddress to;
    std::string bytes;
    bool is_media = false;
};

class PhoneNetwork {
 public:
    virtual ~PhoneNetwork() = default;
    virtual void add_phone(size_t phone, const IpAddress& seen_from) = 0;
    virtual void to_site(size_t phone, Datagram datagram) = 0;
    // A port for the sound of one call.
    virtual uint16_t open_media(size_t phone) = 0;
    virtual void close_media(size_t phone, uint16_t port) = 0;
    // A connection for signalling; Phone::on_connected() tells what became of it.
    virtual void connect(size_t phone, const SocketAddress& from) = 0;
    virtual void stream_to_site(uint64_t connection, std::string message) = 0;
};

}  // namespace tandem::sim
