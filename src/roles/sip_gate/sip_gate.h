// The SIP gate (SG): SIP for phones. All that it does is what gates have in common
// (border/border.h); its own is whom it tells that a phone's connection has ended.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "border/border.h"
#include "ports/letter.h"

namespace tandem::roles::sip_gate {

class SipGate final : public ports::Role {
 public:
    // `call_id_key` spreads calls over the B2Bs: the same in the whole system.
    SipGate(const ports::Surroundings& around, SipHashKey call_id_key);

    ports::RoleKind kind() const override { return ports::RoleKind::SipGate; }
    void start(Now now, ports::Outbox& out) override { on_catalog(now, out); }
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override { border_.on_timeout(now, out); }
    std::optional<Instant> next_deadline() const override { return border_.next_deadline(); }
    void on_catalog(Now now, ports::Outbox& out) override;
    void on_directory(Now now, ports::Outbox& out) override { border_.on_directory(now, out); }
    void drain(Now now, ports::Outbox&) override { border_.drain(now); }
    bool is_idle() const override { return border_.is_idle(); }
    std::vector<std::pair<std::string, double>> figures() const override {
        return border_.figures();
    }

    // As on_catalog() does with the catalog's settings.
    void apply(border::GateSettings settings, ports::Outbox& out) {
        border_.apply(std::move(settings), out);
    }
    const border::Counters& counters() const { return border_.counters(); }

 private:
    const ports::Surroundings& around_;
    border::Border border_;
};

}  // namespace tandem::roles::sip_gate
