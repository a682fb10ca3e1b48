// The shard of a node's media gate: its host, its ports, and the plane between them. The media gate
// is made by the host once the catalog is read, the ports before it; until then packets are
// dropped.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "app/node/factory.h"
#include "cluster/wake_guard.h"
#include "ports/media_plane.h"
#include "roles/host/node_host.h"
#include "runtime/media_ports/media_ports.h"
#include "runtime/reactor/shard.h"
#include "runtime/reactor/system_rng.h"

namespace tandem::app {

class MediaShard final : public runtime::Driver, private ports::MediaDataPlane {
 public:
    // What leaves the shard goes to `send`, called on the shard's thread.
    using Send = std::function<bool(ports::Letter&&)>;

    // `on_progress`: the shard has got the number of its run, or serves; on its thread, too.
    MediaShard(roles::host::HostSettings settings, const SiteKeys& keys,
               const ports::TokenMint& tokens, Send send, std::function<void()> on_progress);

    void start();                                                                 // the thread
    bool send(ports::Letter&& letter) { return shard_.send(std::move(letter)); }  // any thread
    void stop();
    // From any thread; see NodeHost.
    void set_reachable_nodes(std::vector<roles::host::ReachableNode> nodes);
    void on_store_returned();
    void set_confirmed(std::optional<Instant> confirmed);
    bool is_serving() const { return serving_.load(); }
    bool is_over() const { return over_.load(); }
    uint32_t run_number() const { return run_number_.load(); }
    uint64_t turns() const { return shard_.turns(); }

    void on_letters(Now now, std::vector<ports::Letter>&& letters) override;
    void on_timeout(Now now) override;
    std::optional<Instant> next_deadline() const override;

 private:
    static constexpr Duration kUnconfirmed = Duration::min();

    void drive(Now now);
    bool may_send();
    void on_packet(Now now, uint32_t port_id, const SocketAddress& source,
                   std::span<uint8_t> buffer, size_t length, ports::PacketSink& out) override;
    void on_packet_timeout(Now now, ports::PacketSink& out) override;
    std::optional<Instant> next_packet_deadline() const override;

    Send send_;
    runtime::SystemRng rng_;
    NodeRoleFactory factory_;
    roles::host::NodeHost host_;
    runtime::Shard shard_;
    runtime::MediaPorts ports_;
    std::function<void()> on_progress_;
    runtime::Timer tick_;  // an idle shard shows that it turns
    std::atomic<bool> serving_{false};
    std::atomic<bool> over_{false};
    std::atomic<uint32_t> run_number_{0};
    ports::MediaDataPlane* plane_ = nullptr;  // there is no media gate, or not yet, or not any more
    cluster::WakeGuard guard_;
    std::atomic<Duration> confirmed_{kUnconfirmed};
};

}  // namespace tandem::app
