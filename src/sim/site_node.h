// One node of a simulated site: the real hosts of its two shards with the real roles, and in place
// of the runtime what the simulation offers. It does what app/node/node.cc does with letters.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/media_plane.h"
#include "ports/token.h"
#include "roles/host/letter_router.h"
#include "roles/host/node_host.h"
#include "sim/world.h"
#include "wire/frame.h"

namespace tandem::sim {

// What makes roles: the application's factory (app/node/factory.h), which the program that runs the
// simulation hands in, as sim stands below app.
struct NodeParts {
    std::unique_ptr<roles::host::RoleFactory> factory;
    std::function<ports::MediaDataPlane*()> media_plane;
};
using MakeNodeParts = std::function<NodeParts()>;

// Clocks of one machine, for ever the same.
struct NodeClock {
    Duration mono_offset{0};
    int64_t utc_offset_ms = 0;
    double drift = 0;  // 1e-4: 100 us a second too fast
};

// Where a node's letters go when they leave it. The site.
class NodeEnds {
 public:
    virtual ~NodeEnds() = default;
    virtual void packet_out(uint16_t node, ports::PacketOut packet) = 0;
    virtual void to_store(uint16_t node, ports::Letter letter) = 0;  // node 1 only
    virtual bool to_node(uint16_t from, uint16_t to, const ports::Letter& letter) = 0;
    virtual void http_response(uint16_t node, ports::Letter letter) = 0;
    virtual bool open_media_port(uint16_t node, const ports::MediaPortOpen& open) = 0;
    virtual void close_media_port(uint16_t node, uint32_t port_id) = 0;
    virtual void media_out(uint16_t node, uint32_t port_id, const SocketAddress& to,
                           std::span<const uint8_t> packet) = 0;
    virtual void announce(uint16_t node) = 0;  // its hello has changed
    virtual void heartbeat(uint16_t node, const wire::Heartbeat& beat) = 0;  // to all others
    virtual void over(uint16_t node) = 0;  // it is to end, and to begin anew
};

class SiteNode final : private ports::PacketSink {
 public:
    SiteNode(World& world, NodeEnds& ends, uint16_t number, NodeClock clock);
    ~SiteNode() override;

    void start(const ports::TokenMint& tokens, NodeParts signalling, NodeParts media);
    void crash();  // everything of it is gone at once
    void pause(Duration time);

    uint16_t number() const { return number_; }
    bool is_up() const { return host_ != nullptr; }
    bool is_serving() const;
    bool is_paused() const { return paused_until_ > world_.time(); }
    Instant paused_until() const { return paused_until_; }
    Now clocks() const;

    void receive(ports::Letter letter);  // on shard 0, as if a socket or a thread had brought it
    void on_link_letter(uint16_t from, ports::Letter letter);
    bool on_media_packet(uint32_t port_id, const SocketAddress& source, std::string_view bytes);

    wire::Hello hello() const;
    void on_link_hello(const wire::Hello& peer);
    void on_link_down(uint16_t node);
    void on_link_heartbeat(const wire::Heartbeat& beat);

    // The gate's listener of that transport on this node.
    struct Listener {
        ports::Instance gate;
        ports::ListenerOpen settings;
    };
    const Listener* listener(ports::Transport transport) const;
    std::optional<ports::Instance> instance_of(ports::RoleKind kind) const;
    // Sums of all roles that it hosts, now and (for names that end in _total) before its crashes.
    std::map<std::string, double> figures() const;
    std::string status() const;

 private:
    struct Shard {
        std::unique_ptr<roles::host::NodeHost> host;
        std::vector<ports::Letter> inbox;
        std::optional<Instant> wake;  // global time of the turn that is scheduled
        uint64_t turns = 0;
        uint64_t turn = 0;
    };

    void make_shard(size_t index, const ports::TokenMint& tokens,
                    roles::host::RoleFactory& factory);
    void deliver(size_t shard, ports::Letter letter);
    void wake(size_t shard, Instant when);
    void turn(size_t shard);
    void schedule(size_t shard);
    void route(size_t from_shard, ports::Letter letter);
    void route_signalling(ports::Letter letter);
    void on_media_ports(ports::Letter letter);
    void on_transport(ports::Letter letter);
    void answer_unreachable(const ports::Letter& letter);
    void journal(const ports::Letter& letter);
    void tell_reachable();
    void follow_runs();
    void tick_media();
    void add_figures(std::map<std::string, double>& sums, bool totals_only) const;
    Instant global(Instant local) const;
    void send(uint32_t port_id, const SocketAddress& to, std::span<const uint8_t> packet) override;

    World& world_;
    NodeEnds& ends_;
    uint16_t number_;
    NodeClock clock_;
    uint64_t incarnation_ = 0;
    uint64_t life_ = 0;  // counts starts
    Instant paused_until_;
    SeededRng rng_;
    NodeParts parts_[2];
    std::array<Shard, 2> shards_;
    roles::host::NodeHost* host_ = nullptr;  // of shard 0; none: the node is down
    std::unique_ptr<roles::host::LetterRouter> router_;
    wire::Hello hello_;
    uint64_t directory_generation_ = 0;
    std::vector<roles::host::ReachableNode> reachable_;
    std::map<std::pair<uint16_t, uint16_t>, Listener> listeners_;  // gate, number
    std::map<std::string, double> totals_;                         // of former incarnations
    std::vector<uint8_t> buffer_;
};

}  // namespace tandem::sim
