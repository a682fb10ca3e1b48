// A whole simulated site: its nodes and the links between them, the store, the network to the
// phones, and the one who uses its API. What happens to it (crashes, cuts, slow stores) is ordered
// from outside, by a scenario.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "roles/store/first_start.h"
#include "sim/network.h"
#include "sim/site_node.h"
#include "sim/site_store.h"
#include "sim/world.h"

namespace tandem::sim {

enum class SiteShape {
    OneNode,  // the elementary system
    Split,    // each role in a node of its own
    Doubled,  // split, with two B2Bs and two media gates
    Grouped,  // doubled, with a second group of registrars and of call state
};

inline constexpr std::string_view kSiteAddress = "198.51.100.1";

struct SitePlan {
    SiteShape shape = SiteShape::OneNode;
    bool passives = false;      // a second registrar, media controller and call state
    bool survival_all = false;  // of the B2Bs: ringing calls are to outlive them as well
    double drift_max = 0;
};

// What phones are told of packets. The scenario.
class PhoneEnds {
 public:
    virtual ~PhoneEnds() = default;
    virtual void on_datagram(size_t phone, const Datagram& datagram) = 0;
    virtual void on_connected(size_t phone, uint64_t connection, bool accepted) = 0;
    virtual void on_stream(size_t phone, uint64_t connection, std::string_view message) = 0;
    virtual void on_closed(size_t phone, uint64_t connection) = 0;
};

class Site final : public NetworkEnds, public NodeEnds {
 public:
    Site(World& world, const SitePlan& plan, MakeNodeParts make_parts);

    void set_phones(PhoneEnds& phones) { phones_ = &phones; }
    void start();
    bool is_serving() const;  // every node

    size_t node_count() const { return nodes_.size(); }
    SiteNode& node(uint16_t number) { return *nodes_.at(number - 1); }
    // The node that hosts a role; 0: none that is up.
    uint16_t node_of(ports::RoleKind kind) const;
    // Another node has a passive copy of what this one hosts, and could take it over now.
    bool has_copy(uint16_t node) const;
    Network& network() { return network_; }
    SiteStore& store() { return store_; }
    SocketAddress sip_address() const;
    IpAddress address() const;

    // --- Faults.
    void crash(uint16_t node);
    void restart(uint16_t node);
    void pause(uint16_t node, Duration time) { node_pause(node, time); }
    void cut_link(uint16_t a, uint16_t b, Duration time);

    // Called once, when the next SIP message that begins like that reaches the site.
    void watch_next(std::string_view beginning, std::function<void()> seen);
    // Called when a node ends because others have replaced it.
    void watch_replaced(std::function<void(uint16_t node)> seen) { replaced_ = std::move(seen); }

    // --- The API. The answer is null when none came.
    using HttpDone = std::function<void(const ports::HttpResponse*)>;
    void http(std::string method, std::string path, std::string body, HttpDone done);

    std::map<std::string, double> figures() const;
    size_t open_media_ports() const { return ports_by_address_.size(); }
    size_t open_http_requests() const { return http_waiting_.size(); }

 private:
    struct Link {
        uint16_t a = 0;
        uint16_t b = 0;
        bool up = false;
        bool trying = false;
        uint64_t generation = 0;
        Instant cut_until;
        bool knows_a = false;  // a has heard b's hello and not of the end
        bool knows_b = false;
        uint64_t heard_a = 0;  // generation of the last hello
        uint64_t heard_b = 0;
        Instant free_to_a;  // letters keep their order
        Instant free_to_b;
        bool& knows(uint16_t node) { return node == a ? knows_a : knows_b; }
        uint64_t& heard(uint16_t node) { return node == a ? heard_a : heard_b; }
        Instant& free_to(uint16_t node) { return node == a ? free_to_a : free_to_b; }
        uint16_t other(uint16_t node) const { return node == a ? b : a; }
    };
    struct PortKey {
        uint16_t node = 0;
        uint32_t port = 0;
        friend auto operator<=>(const PortKey&, const PortKey&) = default;
    };

    void write_layers(const SitePlan& plan);
    roles::store_role::FirstStart first_start(const SitePlan& plan) const;
    void let_all_survive(store::Txn& txn) const;
    void spread_media_ports(store::Txn& txn) const;
    void spread_servers(store::Txn& txn) const;
    void start_node(uint16_t number);
    void node_pause(uint16_t node, Duration time);

    // --- Links.
    Link* link(uint16_t a, uint16_t b);
    void connect_links(uint16_t node);
    void try_link(uint16_t a, uint16_t b, Duration delay);
    void open_link(Link& link);
    void break_link(Link& link, Duration noticed_after);
    void on_link_frame(uint16_t from, uint16_t to, const std::string& frame);
    void on_heartbeat(uint16_t from, uint16_t to, uint64_t generation, uint64_t beat);
    void carry(Link& link, uint16_t to, std::string frame);

    // --- NodeEnds.
    void packet_out(uint16_t node, ports::PacketOut packet) override;
    void to_store(uint16_t node, ports::Letter letter) override;
    bool to_node(uint16_t from, uint16_t to, const ports::Letter& letter) override;
    void http_response(uint16_t node, ports::Letter letter) override;
    bool open_media_port(uint16_t node, const ports::MediaPortOpen& open) override;
    void close_media_port(uint16_t node, uint32_t port_id) override;
    void media_out(uint16_t node, uint32_t port_id, const SocketAddress& to,
                   std::span<const uint8_t> packet) override;
    void announce(uint16_t node) override;
    void heartbeat(uint16_t node, const wire::Heartbeat& beat) override;
    void over(uint16_t node) override;

    // --- NetworkEnds.
    void on_datagram_at_site(Datagram datagram) override;
    void on_datagram_at_phone(size_t phone, Datagram datagram) override;
    bool on_connection(uint64_t connection, const SocketAddress& phone) override;
    void on_stream_at_site(uint64_t connection, std::string message) override;
    void on_closed_at_site(uint64_t connection) override;
    void on_connected(size_t phone, uint64_t connection, bool accepted) override;
    void on_stream_at_phone(size_t phone, uint64_t connection, std::string message) override;
    void on_closed_at_phone(size_t phone, uint64_t connection) override;

    const SiteNode* gate_node(ports::Transport transport) const;
    void sip_in(ports::Transport transport, uint64_t connection, const SocketAddress& remote,
                std::string bytes);
    void trace_packet(std::string_view way, const SocketAddress& phone, std::string_view bytes);

    World& world_;
    MakeNodeParts make_parts_;
    PhoneEnds* phones_ = nullptr;
    ports::TokenMint tokens_;
    std::vector<roles::store_role::PlannedRole> roles_;
    SiteStore store_;
    Network network_;
    std::vector<std::unique_ptr<SiteNode>> nodes_;
    std::vector<Link> links_;
    struct BeatUnderWay {
        wire::Heartbeat beat;
        size_t receivers = 0;
    };
    std::map<uint64_t, BeatUnderWay> beats_;
    uint64_t last_beat_ = 0;
    std::map<uint64_t, SocketAddress> streams_;  // connection: the phone's address
    std::map<SocketAddress, PortKey> ports_by_address_;
    std::map<PortKey, SocketAddress> addresses_by_port_;
    std::map<uint64_t, HttpDone> http_waiting_;
    uint64_t next_http_ = 1;
    std::string watched_beginning_;
    std::function<void()> watched_;
    std::function<void(uint16_t node)> replaced_;
};

inline constexpr std::string_view kSimToken = "token-of-the-simulated-administrator";

}  // namespace tandem::sim
