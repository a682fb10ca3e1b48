#include "model/trunk_proxy.h"

#include <charconv>

#include "model/format.h"

namespace tandem::model {

std::string TrunkProxy::uri_host() const {
    return is_ipv6(host) ? "[" + host + "]" : host;
}

std::optional<TrunkProxy> TrunkProxy::parse(std::string_view text) {
    TrunkProxy proxy;
    if (const size_t semicolon = text.find(';'); semicolon != std::string_view::npos) {
        const std::string_view transport = text.substr(semicolon + 1);
        if (transport != "udp" && transport != "tcp" && transport != "tls") return std::nullopt;
        proxy.transport = transport == "udp"   ? ProxyTransport::Udp
                          : transport == "tcp" ? ProxyTransport::Tcp
                                               : ProxyTransport::Tls;
        text = text.substr(0, semicolon);
    }
    std::string_view port;
    if (text.starts_with('[')) {
        const size_t end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        proxy.host = text.substr(1, end - 1);
        if (!is_ipv6(proxy.host)) return std::nullopt;
        port = text.substr(end + 1);
    } else {
        const size_t colon = text.find(':');
        proxy.host = text.substr(0, colon);
        port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
        const bool is_host = is_ipv4(proxy.host) || matches(Format::DomainName, proxy.host);
        if (proxy.host.empty() || !is_host) return std::nullopt;
    }
    if (port.empty()) return proxy;
    if (port.size() < 2 || port.front() != ':') return std::nullopt;
    const char* const last = port.data() + port.size();
    const auto [end, error] = std::from_chars(port.data() + 1, last, proxy.port);
    if (error != std::errc() || end != last || proxy.port == 0) return std::nullopt;
    return proxy;
}

std::string provider_domain(const Trunk& trunk) {
    if (!trunk.sip_domain.empty()) return trunk.sip_domain;
    const auto first = trunk.proxies.empty() ? std::nullopt : TrunkProxy::parse(trunk.proxies[0]);
    if (!first) return "invalid";
    return first->uri_host() + (first->port == 0 ? "" : ":" + std::to_string(first->port));
}

}  // namespace tandem::model
