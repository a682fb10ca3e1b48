// The gate for trunks (ESG): SIP with providers, gateways and foreign PBXs. What it shares with the
// gate for phones is in border/. Its own: it says which trunk a call comes over, refuses strangers,
// registers with providers and knows which of their proxies answer.
//
// All gates take calls of all trunks; each trunk is looked after by one of them, which a rendezvous
// hash over the live ones chooses (ports/trunk_port.h). No state needs to be kept: whoever gets a
// trunk registers anew.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/crypto.h"
#include "base/timer_queue.h"
#include "border/border.h"
#include "ports/letter.h"
#include "roles/external_sip_gate/look_up_turns.h"
#include "roles/external_sip_gate/peers.h"
#include "roles/external_sip_gate/trunk_line.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::roles::external_sip_gate {

class ExternalSipGate final : public ports::Role {
 public:
    // `call_id_key`: as of all gates. `seal_key`: that passwords are sealed with.
    ExternalSipGate(const ports::Surroundings& around, SipHashKey call_id_key, SealKey seal_key);

    ports::RoleKind kind() const override { return ports::RoleKind::ExternalSipGate; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override;
    std::optional<Instant> next_deadline() const override;
    void on_catalog(Now now, ports::Outbox& out) override;
    void on_directory(Now now, ports::Outbox& out) override;
    void drain(Now now, ports::Outbox& out) override;
    bool is_idle() const override { return border_.is_idle() && lines_.empty(); }
    std::vector<std::pair<std::string, double>> figures() const override;

 private:
    using Lines = std::unordered_map<uint32_t, TrunkLine>;
    struct Step {
        Now now;
        ports::Outbox& out;
    };
    void apply_settings(Step& step);
    void follow_trunks(Step& step);
    bool is_ours(const model::Trunk& trunk, UtcTime now) const;
    bool learn_places(Now now, const TrunkLine& line);
    void add_line(const model::Trunk& trunk);
    void run(Step& step, uint32_t number);
    void look_up(Step& step);
    void send(Step& step, uint32_t number, TrunkLine::Sending sending);
    void emit(Step& step);
    void deliver_layer_events(Step& step);
    void tell_news(Step& step, TrunkLine& line);
    void on_packet(Step& step, ports::PacketIn packet);
    void on_request(Step& step, ports::SipInbound in);
    std::optional<TrunkId> trunk_of(const ports::SipInbound& in) const;
    void on_answer(Step& step, const ports::SipInbound& in);
    void on_resolved(Step& step, uint64_t request, const ports::ResolveReply& reply);
    ports::TrunkReply answer(Now now, const ports::TrunkQuery& query);
    ports::TrunkStates states_of(Now now, DomainId domain) const;
    TrunkLine* line_of(TrunkId trunk);
    void tell_tls_peers(Step& step);
    void on_tls_failed(Step& step, const ports::TlsFailed& failed);
    void on_silent(Step& step, const ports::TrunkWaySilent& silent);

    const ports::Surroundings& around_;
    SealKey seal_key_;
    border::Border border_;
    bool had_trunks_ = false;
    std::optional<uint64_t> trunk_changes_;  // of the catalog, as of the last look
    Peers peers_;
    sip::TransactionLayer layer_;
    sip::LayerOutbox wire_;
    Lines lines_;  // ours, and those that take leave
    std::unordered_map<TrunkId, uint32_t> by_trunk_;
    uint32_t last_line_ = 0;
    TimerQueue<uint32_t> timers_;  // of lines
    LookUpTurns look_ups_;
    std::set<TlsKey> tls_peers_;  // that the transport was told
    Now last_;                    // for figures()
};

}  // namespace tandem::roles::external_sip_gate
