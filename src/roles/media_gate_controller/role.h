// The role MGC: answers MediaPlace. Active-Passive; a take-over needs no more than the loads that
// the gates report each second, as the gates themselves hold the contexts.
#pragma once

#include <memory>

#include "ports/letter.h"
#include "roles/media_gate_controller/placement.h"

namespace tandem::roles::media_gate_controller {

std::unique_ptr<ports::Role> make_role(ports::Surroundings surroundings);

class MediaGateControllerRole final : public ports::Role {
 public:
    explicit MediaGateControllerRole(ports::Surroundings surroundings);

    ports::RoleKind kind() const override { return ports::RoleKind::MediaGateController; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now, ports::Outbox&) override {}
    std::optional<Instant> next_deadline() const override { return std::nullopt; }
    void drain(Now, ports::Outbox&) override {}
    bool is_idle() const override { return true; }
    std::vector<std::pair<std::string, double>> figures() const override;

    PlacementSnapshot snapshot() const { return placement_.snapshot(); }
    void restore(Instant now, const PlacementSnapshot& snapshot) {
        placement_ = Placement::restore(now, snapshot);
    }

 private:
    ports::Surroundings around_;
    Placement placement_;
    uint64_t placed_ = 0;
    uint64_t refused_ = 0;
};

}  // namespace tandem::roles::media_gate_controller
