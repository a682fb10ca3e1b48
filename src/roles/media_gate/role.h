// The role MG: the gate, its letters and its packets.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "ports/letter.h"
#include "ports/media_plane.h"
#include "roles/media_gate/gate.h"

namespace tandem::roles::media_gate {

// Lives on a media shard. Active-Active; owns its contexts, which end with it or go on in a
// restored copy.
class MediaGateRole final : public ports::Role, public ports::MediaDataPlane {
 public:
    // Asked for the addresses of the machine, which may change while it runs.
    using OwnAddresses = std::function<std::vector<IpAddress>()>;
    MediaGateRole(const ports::Surroundings& surroundings, OwnAddresses own_addresses);

    ports::RoleKind kind() const override { return ports::RoleKind::MediaGate; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override;
    std::optional<Instant> next_deadline() const override {
        return gate_.has_news() ? std::optional(Instant{}) : next_tick_;
    }
    void on_catalog(Now now, ports::Outbox& out) override;
    // A controller that can be reached again is told at once that there is room.
    void on_directory(Now, ports::Outbox& out) override { report_load(out); }
    void drain(Now now, ports::Outbox& out) override;
    bool is_idle() const override { return gate_.contexts() == 0; }
    std::vector<std::pair<std::string, double>> figures() const override;

    void on_packet(Now now, uint32_t port_id, const SocketAddress& source,
                   std::span<uint8_t> buffer, size_t length, ports::PacketSink& out) override;
    void on_packet_timeout(Now now, ports::PacketSink& out) override {
        gate_.on_packet_timeout(now.mono, out);
    }
    std::optional<Instant> next_packet_deadline() const override {
        return gate_.next_packet_deadline();
    }

    const Gate& gate() const { return gate_; }

 private:
    void flush(GateOutput& effects, ports::Outbox& out);
    void report_load(ports::Outbox& out);
    void ask_for_music(Now now, const ports::MediaRequest& request, ports::Outbox& out);
    void on_music(Now now, const store::Reply& reply);
    void take_settings();

    ports::Surroundings around_;
    OwnAddresses own_addresses_;
    std::vector<IpAddress> own_;
    Gate gate_;
    std::optional<Instant> next_tick_;
    std::vector<std::pair<uint64_t, MusicId>> asked_;  // the store for it, by request
};

}  // namespace tandem::roles::media_gate
