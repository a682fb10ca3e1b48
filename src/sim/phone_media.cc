// A phone's descriptions and its sound: one audio stream, a packet every 20 ms.
#include <charconv>
#include <ranges>
#include <utility>

#include "sim/phone.h"

namespace tandem::sim {
namespace {

constexpr Duration kPacketTime = 20ms;
constexpr size_t kPayload = 20;

std::string_view line_after(std::string_view text, std::string_view prefix) {
    const size_t at = text.starts_with(prefix) ? 0 : text.find("\r\n" + std::string(prefix));
    if (at == text.npos) return {};
    std::string_view rest = text.substr(at + prefix.size() + (at == 0 ? 0 : 2));
    return rest.substr(0, rest.find("\r\n"));
}

std::string description(const PhoneTraits& traits, const PhoneCall& call,
                        std::string_view direction) {
    const std::string ip = traits.own.ip.text();
    std::string sdp = "v=0\r\no=" + traits.mark() + " " + std::to_string(call.number + 1) + " " +
                      std::to_string(call.sdp_version) + " IN IP4 " + ip +
                      "\r\ns=" + traits.mark() + "\r\nc=IN IP4 " + ip + "\r\nt=0 0\r\n";
    sdp += "m=audio " + std::to_string(call.rtp_port) + " RTP/AVP 8 101\r\n";
    sdp += "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";
    return sdp + "a=" + std::string(direction) + "\r\n";
}

}  // namespace

std::string Phone::offer(PhoneCall& call) {
    return description(traits_, call, call.holding ? "sendonly" : "sendrecv");
}

// RFC 3264 6.1.
std::string Phone::answer_sdp(PhoneCall& call) {
    const char* direction = "sendrecv";
    if (call.held)
        direction = call.holding ? "inactive" : "recvonly";
    else if (call.holding)
        direction = "sendonly";
    return description(traits_, call, direction);
}

void Phone::take_sdp(PhoneCall& call, std::string_view sdp) {
    const std::string_view media = line_after(sdp, "m=audio ");
    std::string_view connection = line_after(sdp, "c=IN IP4 ");
    uint16_t port = 0;
    std::from_chars(media.data(), media.data() + media.size(), port);
    const auto ip = IpAddress::parse(connection);
    if (!ip || port == 0) {
        return world_.fail("a description without a place for our sound: " + std::string(sdp));
    }
    if (traits_.knows_addresses && *ip != gate_.ip)
        world_.fail("sound is to go elsewhere: " + ip->text());
    call.remote_rtp = SocketAddress{*ip, port};
    call.held = sdp.find("a=sendonly") != sdp.npos || sdp.find("a=inactive") != sdp.npos;
}

void Phone::run_media(PhoneCall& call) {
    if (call.media_runs) return;
    call.media_runs = true;
    call.sequence = static_cast<uint16_t>(world_.rng().below(65536));
    world_.after(world_.between(0ms, kPacketTime),
                 [this, number = call.number] { send_media(number); });
}

void Phone::send_media(uint64_t number) {
    PhoneCall* call = get(number);
    if (call == nullptr || call->is_over()) return;
    world_.after(kPacketTime, [this, number] { send_media(number); });
    if (!call->remote_rtp || call->held) return;
    std::string packet(12, '\0');
    packet[0] = static_cast<char>(0x80);  // version 2
    packet[1] = 8;                        // PCMA
    packet[2] = static_cast<char>(call->sequence >> 8);
    packet[3] = static_cast<char>(call->sequence & 0xff);
    const uint32_t timestamp = uint32_t{call->sequence} * 160;
    for (int i = 0; i < 4; ++i) packet[4 + i] = static_cast<char>(timestamp >> (24 - 8 * i));
    packet[8] = static_cast<char>(traits_.index);
    packet[11] = static_cast<char>(number);
    ++call->sequence;
    ++call->sent;
    packet += traits_.login;
    packet.resize(12 + kPayload, 'x');
    SocketAddress from = traits_.seen_from;
    from.port = call->rtp_port;
    network_.to_site(traits_.index, {from, *call->remote_rtp, std::move(packet), true});
}

void Phone::on_media(const Datagram& datagram) {
    // The newest first: a port of an ended call may have been given to the next one.
    for (const auto& call : calls_ | std::views::reverse) {
        if (call->rtp_port != datagram.to.port) continue;
        if (datagram.bytes.size() < 12 + kPayload || datagram.bytes[0] != '\x80') return;
        if (datagram.bytes[1] != 8) return;
        std::string_view login(datagram.bytes);
        login = login.substr(12, traits_.login.size());
        if (!call->is_over()) {
            ++call->received;
            watcher_.on_sound(*this, *call, std::exchange(call->last_received, world_.time()));
            call->heard_all.emplace(login);
            // In a call that may be transferred the records say who it may have been.
            const bool may_change = temper.transfers > 0;
            if (!call->heard.empty() && call->heard != login && !may_change) {
                world_.fail("phone " + std::to_string(traits_.index) + " heard " + call->heard +
                            " and then " + std::string(login) + " in one call");
            }
        }
        call->heard = login;
        return;
    }
    world_.count("phones: media to a port of no call");
}

}  // namespace tandem::sim
