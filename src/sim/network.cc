#include "sim/network.h"

#include <algorithm>
#include <utility>

namespace tandem::sim {
namespace {

constexpr int kLostInRowMax = 4;
constexpr Duration kStall = 200ms;  // a lost segment is sent again after about that

// Names the transaction of a SIP message and its direction.
std::string transaction_of(std::string_view bytes) {
    const bool is_response = bytes.starts_with("SIP/2.0 ");
    const size_t at = bytes.find("branch=");
    if (at == bytes.npos) return {};
    const std::string_view rest = bytes.substr(at + 7, 64);
    std::string key(rest.substr(0, rest.find_first_of(";\r\n ,")));
    key += is_response ? '<' : '>';
    key += is_response ? bytes.substr(8, 1) : bytes.substr(0, 3);
    return key;
}

}  // namespace

void Network::add_phone(size_t phone, const IpAddress& seen_from) {
    phones_[seen_from] = phone;
}

std::optional<size_t> Network::phone_at(const IpAddress& ip) const {
    const auto found = phones_.find(ip);
    return found == phones_.end() ? std::nullopt : std::optional<size_t>(found->second);
}

// Each phone has an address of its own. Ports are even (RFC 3550 11).
uint16_t Network::open_media(size_t phone) {
    uint16_t& used = media_ports_[phone];
    used += 2;
    return static_cast<uint16_t>(3998 + used);
}

void Network::cut(size_t phone, Duration time) {
    Instant& until = cuts_[phone];
    until = std::max(until, world_.time() + time);
}

Instant Network::cut_until(size_t phone) const {
    const auto found = cuts_.find(phone);
    return found == cuts_.end() ? Instant{} : found->second;
}

bool Network::is_cut(size_t phone) const {
    return cut_until(phone) > world_.time();
}

// ---- datagrams

void Network::to_site(size_t phone, Datagram datagram) {
    carry(phone, true, std::move(datagram));
}

void Network::to_phone(Datagram datagram) {
    const auto phone = phone_at(datagram.to.ip);
    if (!phone) {
        world_.count("packets to nowhere");
        return;
    }
    carry(*phone, false, std::move(datagram));
}

bool Network::is_lost(size_t phone, bool inward, const Datagram& datagram) {
    if (is_cut(phone)) return true;
    const bool lost = world_.happens(temper.loss);
    if (datagram.is_media) return lost;
    std::string key = transaction_of(datagram.bytes);
    if (key.empty()) return lost;
    key += inward ? 'i' : 'o';
    if (!lost) {
        lost_in_row_.erase(key);
        return false;
    }
    int& row = lost_in_row_[key];
    if (row >= kLostInRowMax) {
        lost_in_row_.erase(key);
        return false;
    }
    ++row;
    world_.count("SIP datagrams lost");
    return true;
}

void Network::carry(size_t phone, bool inward, Datagram datagram) {
    const bool twice = world_.happens(temper.duplicate);
    for (int copy = 0; copy < (twice ? 2 : 1); ++copy) {
        if (is_lost(phone, inward, datagram)) continue;
        Duration time = delay();
        if (world_.happens(temper.reorder)) time += world_.between(0ms, 150ms);
        world_.after(time, [this, phone, inward, datagram] {
            world_.mix(inward ? "in" : "out", datagram.is_media
                                                  ? std::string_view(datagram.bytes).substr(0, 12)
                                                  : std::string_view(datagram.bytes));
            if (inward) {
                ends_.on_datagram_at_site(datagram);
            } else {
                ends_.on_datagram_at_phone(phone, datagram);
            }
        });
    }
}

// ---- streams

void Network::connect(size_t phone, const SocketAddress& from) {
    if (is_cut(phone)) {
        world_.after(2s, [this, phone] { ends_.on_connected(phone, 0, false); });
        return;
    }
    const uint64_t number = next_connection_++;
    world_.after(2 * delay(), [this, phone, from, number] {
        const bool accepted = ends_.on_connection(number, from);
        if (accepted) connections_[number] = {phone, world_.time(), world_.time()};
        world_.after(delay(), [this, phone, number, accepted] {
            ends_.on_connected(phone, number, accepted && connections_.contains(number));
        });
    });
}

Instant Network::stream_arrival(size_t phone, Instant& free) {
    Duration time = delay();
    if (world_.happens(temper.loss)) time += kStall;
    const Instant start = std::max(world_.time(), cut_until(phone));
    free = std::max(free, start + time);
    return free;
}

void Network::stream_to_site(uint64_t connection, std::string message) {
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return;
    const Instant when = stream_arrival(found->second.phone, found->second.free_to_site);
    world_.at(when, [this, connection, message = std::move(message)] {
        if (!connections_.contains(connection)) return;
        world_.mix("in", message);
        ends_.on_stream_at_site(connection, message);
    });
}

void Network::stream_to_phone(uint64_t connection, std::string message) {
    const auto found = connections_.find(connection);
    if (found == connections_.end()) return;
    const size_t phone = found->second.phone;
    const Instant when = stream_arrival(phone, found->second.free_to_phone);
    world_.at(when, [this, connection, phone, message = std::move(message)] {
        if (!connections_.contains(connection)) return;
        world_.mix("out", message);
        ends_.on_stream_at_phone(phone, connection, message);
    });
}

void Network::close_by_phone(uint64_t connection) {
    if (connections_.erase(connection) == 0) return;
    world_.after(delay(), [this, connection] { ends_.on_closed_at_site(connection); });
}

void Network::close_all_by_site() {
    const auto gone = std::exchange(connections_, {});
    for (const auto& entry : gone) {
        const uint64_t number = entry.first;
        const size_t phone = entry.second.phone;
        const Instant when = std::max(world_.time(), cut_until(phone)) + delay();
        world_.at(when, [this, number, phone] { ends_.on_closed_at_phone(phone, number); });
    }
}

}  // namespace tandem::sim
