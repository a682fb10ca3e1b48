#include "runtime/reactor/native_address.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace tandem::runtime {

NativeAddress::NativeAddress(const SocketAddress& address) {
    if (address.ip.family == AddressFamily::V4) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
        v4->sin_family = AF_INET;
        v4->sin_port = htons(address.port);
        std::memcpy(&v4->sin_addr, address.ip.octets.data(), 4);
        size = sizeof(sockaddr_in);
        return;
    }
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    std::memcpy(&v6->sin6_addr, address.ip.octets.data(), 16);
    size = sizeof(sockaddr_in6);
}

SocketAddress address_of(const sockaddr* native) {
    SocketAddress address;
    if (native->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(native);
        std::memcpy(address.ip.octets.data(), &v4->sin_addr, 4);
        address.port = ntohs(v4->sin_port);
    } else if (native->sa_family == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(native);
        address.port = ntohs(v6->sin6_port);
        const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        address.ip.family = mapped ? AddressFamily::V4 : AddressFamily::V6;
        const auto* octets = reinterpret_cast<const uint8_t*>(&v6->sin6_addr);
        std::memcpy(address.ip.octets.data(), mapped ? octets + 12 : octets, mapped ? 4 : 16);
    }
    return address;
}

SocketAddress local_address_of(int fd) {
    NativeAddress native;
    native.size = sizeof(native.storage);
    if (getsockname(fd, native.get(), &native.size) != 0) return {};
    return address_of(native.get());
}

std::vector<IpAddress> interface_addresses(AddressFamily family) {
    std::vector<IpAddress> found;
    ifaddrs* first = nullptr;
    if (getifaddrs(&first) != 0) return found;
    for (const ifaddrs* it = first; it != nullptr; it = it->ifa_next) {
        if (it->ifa_addr == nullptr || (it->ifa_flags & IFF_UP) == 0) continue;
        const int wanted = family == AddressFamily::V4 ? AF_INET : AF_INET6;
        if (it->ifa_addr->sa_family != wanted) continue;
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(it->ifa_addr);
        if (wanted == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) continue;
        found.push_back(address_of(it->ifa_addr).ip);
    }
    freeifaddrs(first);
    std::stable_partition(found.begin(), found.end(),
                          [](const IpAddress& ip) { return !ip.is_loopback(); });
    return found;
}

std::vector<IpAddress> machine_addresses() {
    std::vector<IpAddress> all = interface_addresses(AddressFamily::V4);
    const std::vector<IpAddress> v6 = interface_addresses(AddressFamily::V6);
    all.insert(all.end(), v6.begin(), v6.end());
    return all;
}

}  // namespace tandem::runtime
