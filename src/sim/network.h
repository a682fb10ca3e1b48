// The network between phones and the site: datagrams that are lost, doubled, late and out of order,
// connections that stall and break, and cuts. Nodes of the site are joined by links (site.h), not
// by this.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/net_address.h"
#include "sim/phone_network.h"
#include "sim/world.h"

namespace tandem::sim {

struct NetworkTemper {
    double loss = 0;
    double duplicate = 0;
    double reorder = 0;  // datagrams that take up to 150 ms more
    Duration delay_least = 1ms;
    Duration delay_most = 5ms;
};

// Who is at the ends.
class NetworkEnds {
 public:
    virtual ~NetworkEnds() = default;
    virtual void on_datagram_at_site(Datagram datagram) = 0;
    virtual void on_datagram_at_phone(size_t phone, Datagram datagram) = 0;
    // A connection of a phone to the site's TCP port. False: nobody listens.
    virtual bool on_connection(uint64_t connection, const SocketAddress& phone) = 0;
    virtual void on_stream_at_site(uint64_t connection, std::string message) = 0;
    virtual void on_closed_at_site(uint64_t connection) = 0;
    virtual void on_connected(size_t phone, uint64_t connection, bool accepted) = 0;
    virtual void on_stream_at_phone(size_t phone, uint64_t connection, std::string message) = 0;
    virtual void on_closed_at_phone(size_t phone, uint64_t connection) = 0;
};

class Network final : public PhoneNetwork {
 public:
    Network(World& world, NetworkEnds& ends) : world_(world), ends_(ends) {}

    void add_phone(size_t phone, const IpAddress& seen_from) override;
    std::optional<size_t> phone_at(const IpAddress& ip) const;

    void to_site(size_t phone, Datagram datagram) override;
    uint16_t open_media(size_t phone) override;
    void close_media(size_t, uint16_t) override {}  // late packets reach the phone all the same
    void to_phone(Datagram datagram);               // nowhere: to an address that no phone has

    // Streams carry whole messages, in order and without loss.
    void connect(size_t phone, const SocketAddress& from) override;
    void stream_to_site(uint64_t connection, std::string message) override;
    void stream_to_phone(uint64_t connection, std::string message);
    bool is_open(uint64_t connection) const { return connections_.contains(connection); }
    void close_by_phone(uint64_t connection);
    void close_all_by_site();  // the node of the gate is dead

    // Nothing passes between this phone and the site until then. Connections stall.
    void cut(size_t phone, Duration time);
    bool is_cut(size_t phone) const;
    // When the phone's last cut ended or will end.
    Instant cut_until(size_t phone) const;

    NetworkTemper temper;

 private:
    struct Connection {
        size_t phone = 0;
        Instant free_to_site;  // when the last message arrives there
        Instant free_to_phone;
    };

    void carry(size_t phone, bool inward, Datagram datagram);
    bool is_lost(size_t phone, bool inward, const Datagram& datagram);
    Duration delay() { return world_.between(temper.delay_least, temper.delay_most); }
    Instant stream_arrival(size_t phone, Instant& free);

    World& world_;
    NetworkEnds& ends_;
    std::map<IpAddress, size_t> phones_;
    std::map<size_t, uint16_t> media_ports_;  // how many each phone has had, doubled
    std::map<size_t, Instant> cuts_;
    std::map<uint64_t, Connection> connections_;
    uint64_t next_connection_ = 1;
    // How many copies of one message of a transaction were lost in a row: with more than four,
    // chance alone would defeat the retransmissions of RFC 3261 in some run.
    std::unordered_map<std::string, int> lost_in_row_;
};

}  // namespace tandem::sim
