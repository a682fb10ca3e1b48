#include "ports/sip_port.h"

#include <array>
#include <charconv>

#include "base/bytes.h"

namespace tandem::ports {
namespace {

constexpr std::array<std::string_view, 5> kNames{"UDP", "TCP", "TLS", "WS", "WSS"};

std::string_view take_field(std::string_view& rest) {
    const size_t end = rest.find(';');
    const std::string_view field = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    return field;
}

template <typename T>
bool read_number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string_view to_string(Transport transport) {
    return kNames[static_cast<size_t>(transport)];
}

std::optional<Transport> transport_from_text(std::string_view text) {
    for (size_t i = 0; i < kNames.size(); ++i) {
        if (equals_ignoring_case(kNames[i], text)) return static_cast<Transport>(i);
    }
    return std::nullopt;
}

std::string Flow::text() const {
    std::string text = std::to_string(gate.number);
    text += ';';
    text += to_string(transport);
    text += ';' + std::to_string(listener) + ';' + std::to_string(connection) + ';' + remote.text();
    if (tls_peer != 0) text += ';' + std::to_string(tls_peer);
    return text;
}

std::optional<Flow> Flow::parse(std::string_view text) {
    Flow flow;
    if (!read_number(take_field(text), flow.gate.number)) return std::nullopt;
    const auto transport = transport_from_text(take_field(text));
    if (!transport || !read_number(take_field(text), flow.listener)) return std::nullopt;
    if (!read_number(take_field(text), flow.connection)) return std::nullopt;
    const bool has_peer = text.find(';') != std::string_view::npos;
    const auto remote = SocketAddress::parse(take_field(text));
    if (!remote) return std::nullopt;
    if (has_peer && (!read_number(text, flow.tls_peer) || flow.tls_peer == 0)) return std::nullopt;
    flow.transport = *transport;
    flow.remote = *remote;
    return flow;
}

}  // namespace tandem::ports
