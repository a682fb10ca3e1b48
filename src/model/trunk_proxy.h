// Where the other side of a trunk is, as its `proxies` say: "sip.example.net", "192.0.2.7:5080",
// "[2001:db8::7]:5060;tcp", "sip.example.net;tls".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/generated/trunk.h"

namespace tandem::model {

enum class ProxyTransport : uint8_t { Any, Udp, Tcp, Tls };

struct TrunkProxy {
    std::string host;   // IPv6 without brackets
    uint16_t port = 0;  // 0: none is named
    ProxyTransport transport = ProxyTransport::Any;

    friend bool operator==(const TrunkProxy&, const TrunkProxy&) = default;
    std::string uri_host() const;  // IPv6 in brackets, without port
    static std::optional<TrunkProxy> parse(std::string_view text);
};

// What stands behind the @ in addresses at the provider.
std::string provider_domain(const Trunk& trunk);

}  // namespace tandem::model
