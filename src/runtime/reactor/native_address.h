// Addresses as the socket calls want them.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "base/net_address.h"

namespace tandem::runtime {

struct NativeAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;

    NativeAddress() = default;
    explicit NativeAddress(const SocketAddress& address);
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
};

// IPv4-mapped IPv6 becomes IPv4. Anything but AF_INET and AF_INET6 becomes 0.0.0.0:0.
SocketAddress address_of(const sockaddr* native);
SocketAddress local_address_of(int fd);
// The addresses of this machine's interfaces that are up, loopback last, no link-local ones.
std::vector<IpAddress> interface_addresses(AddressFamily family);
std::vector<IpAddress> machine_addresses();  // of both families

}  // namespace tandem::runtime
