#include "runtime/journal/hep.h"

#include <string_view>

#include "base/octets.h"
#include "runtime/journal/limits.h"

namespace tandem::runtime {

namespace {

// Chunk types of the specification, table 2.
enum class Chunk : uint16_t {
    Family = 1,
    Protocol = 2,
    SourceV4 = 3,
    DestinationV4 = 4,
    SourceV6 = 5,
    DestinationV6 = 6,
    SourcePort = 7,
    DestinationPort = 8,
    Seconds = 9,
    Microseconds = 10,
    PayloadType = 11,
    CaptureId = 12,
    Password = 14,
    Payload = 15,
    Correlation = 17,
    NodeName = 19,
};

constexpr uint8_t kSip = 1;  // payload type
constexpr uint8_t kProtocolTcp = 6;
constexpr uint8_t kProtocolUdp = 17;
constexpr uint8_t kFamilyV4 = 2;
constexpr uint8_t kFamilyV6 = 10;

void append_chunk(std::string& out, Chunk type, std::string_view value) {
    append_number(out, 0, 2);
    append_number(out, static_cast<uint16_t>(type), 2);
    append_number(out, value.size() + 6, 2);
    out.append(value);
}

void append_number_chunk(std::string& out, Chunk type, uint64_t value, int octets) {
    std::string bytes;
    append_number(bytes, value, octets);
    append_chunk(out, type, bytes);
}

void append_address(std::string& out, Chunk v4, Chunk v6, const IpAddress& ip) {
    const bool is_v4 = ip.family == AddressFamily::V4;
    const auto* octets = reinterpret_cast<const char*>(ip.octets.data());
    append_chunk(out, is_v4 ? v4 : v6, {octets, is_v4 ? size_t(4) : size_t(16)});
}

}  // namespace

std::string hep_packet(const ports::SipTrace& trace, const HepSettings& settings) {
    const SocketAddress& source = trace.received ? trace.remote : trace.local;
    const SocketAddress& destination = trace.received ? trace.local : trace.remote;
    const bool udp = trace.transport == ports::Transport::Udp;
    const bool v4 = trace.remote.ip.family == AddressFamily::V4;
    std::string out = "HEP3";
    append_number(out, 0, 2);
    append_number_chunk(out, Chunk::Family, v4 ? kFamilyV4 : kFamilyV6, 1);
    append_number_chunk(out, Chunk::Protocol, udp ? kProtocolUdp : kProtocolTcp, 1);
    append_address(out, Chunk::SourceV4, Chunk::SourceV6, source.ip);
    append_address(out, Chunk::DestinationV4, Chunk::DestinationV6, destination.ip);
    append_number_chunk(out, Chunk::SourcePort, source.port, 2);
    append_number_chunk(out, Chunk::DestinationPort, destination.port, 2);
    const auto unix_ms = static_cast<uint64_t>(trace.at.unix_ms);
    append_number_chunk(out, Chunk::Seconds, unix_ms / 1'000, 4);
    append_number_chunk(out, Chunk::Microseconds, unix_ms % 1'000 * 1'000, 4);
    append_number_chunk(out, Chunk::PayloadType, kSip, 1);
    append_number_chunk(out, Chunk::CaptureId, settings.capture_id, 4);
    if (!settings.password.empty()) append_chunk(out, Chunk::Password, settings.password);
    if (!settings.node_name.empty()) append_chunk(out, Chunk::NodeName, settings.node_name);
    if (!trace.correlation.empty()) append_chunk(out, Chunk::Correlation, trace.correlation);
    const size_t room = hep_packet_bytes_max - out.size();
    append_chunk(out, Chunk::Payload, std::string_view(trace.bytes).substr(0, room));
    out[4] = static_cast<char>(out.size() >> 8);
    out[5] = static_cast<char>(out.size());
    return out;
}

}  // namespace tandem::runtime
