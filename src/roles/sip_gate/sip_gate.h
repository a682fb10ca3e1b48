// The SIP gate (SG): the border between phones and the roles behind it. It parses and checks what
// comes in, chooses its receiver by reading, and writes Via and Contact of what goes out. It keeps
// no call state: any gate can serve any message, and a restarted gate has forgotten nothing.
// RFC 3261 16, 18; RFC 3581; RFC 5626; RFC 7118.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ports/letter.h"
#include "roles/sip_gate/advertise.h"
#include "roles/sip_gate/ingress.h"
#include "roles/sip_gate/large_requests.h"
#include "roles/sip_gate/message_counts.h"
#include "roles/sip_gate/settings.h"
#include "roles/sip_gate/source_table.h"

namespace tandem::roles::sip_gate {

struct Counters {
    uint64_t received = 0;
    uint64_t sent = 0;
    uint64_t malformed = 0;
    uint64_t limited = 0;
    uint64_t banned = 0;
    uint64_t strays = 0;   // responses and ACKs that belong to nobody
    uint64_t refused = 0;  // 481 and 503 of the gate's own
    uint64_t pings = 0;
    uint64_t undeliverable = 0;
};

class SipGate final : public ports::Role {
 public:
    // `call_id_key` spreads calls over the B2Bs: the same in the whole system.
    SipGate(const ports::Surroundings& around, SipHashKey call_id_key);

    ports::RoleKind kind() const override { return ports::RoleKind::SipGate; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override;
    std::optional<Instant> next_deadline() const override;
    void on_catalog(Now now, ports::Outbox& out) override;
    void on_directory(Now now, ports::Outbox& out) override { look_for_receivers(now, out); }
    void drain(Now now, ports::Outbox& out) override;
    bool is_idle() const override { return draining_ && !lingers_until_; }
    std::vector<std::pair<std::string, double>> figures() const override;

    // Opens, changes and closes listeners as the settings say; called by start() and on_catalog().
    void apply(GateSettings settings, ports::Outbox& out);
    const Counters& counters() const { return counters_; }

 private:
    void on_packet(Now now, ports::PacketIn packet, ports::Outbox& out);
    bool admit(Now now, const ports::PacketIn& packet);
    void on_malformed(Now now, const ports::PacketIn& packet, const Error& error,
                      ports::Outbox& out);
    void on_request(Now now, const ports::PacketIn& packet, sip::Message request,
                    ports::Outbox& out);
    void on_response(Now now, const ports::PacketIn& packet, sip::Message response,
                     ports::Outbox& out);
    // Refusal::NoReceiver: `inbound` is as it was, and may be tried again.
    // Whether a response waits for whom its branch names, when that is away.
    enum class Patience : uint8_t { OwnerMayReturn, OwnerIsLost };
    Refusal forward(ports::SipInbound& inbound, Patience patience, ports::Outbox& out);
    Refusal forward_response(ports::SipInbound& inbound, Patience patience, ports::Outbox& out);
    void forward_or_wait(Now now, ports::SipInbound inbound, ports::Outbox& out);
    void look_for_receivers(Now now, ports::Outbox& out);
    void answer_refused(Now now, const ports::SipInbound& inbound, Refusal why, ports::Outbox& out);
    void on_outbound(Now now, ports::SipOutbound outbound, ports::Outbox& out);
    void send_request(Now now, ports::SipOutbound outbound, ports::Outbox& out);
    void send_response(Now now, ports::SipOutbound outbound, ports::Outbox& out);
    bool try_over_tcp(Now now, const ports::SipOutbound& outbound, ports::Outbox& out);
    void send_as_tcp(ports::SipOutbound outbound, Now now, ports::Outbox& out);
    void on_failed(Now now, const ports::Flow& flow, const std::string& branch, ports::Outbox& out);
    void on_returned(Now now, ports::Instance by, ports::SipInbound inbound, ports::Outbox& out);
    bool adopt_flow(ports::Flow& flow);
    void tell_undeliverable(const std::string& branch, int status, ports::Outbox& out);
    void watch_for_guessing(Now now, const ports::Flow& flow, int status, ports::Outbox& out);
    void count_offence(Now now, const IpAddress& source, uint32_t weight, ports::Outbox& out);
    void packet_out(Now now, ports::PacketOut packet, ports::Outbox& out);
    void trace_in(Now now, const ports::PacketIn& packet, ports::Outbox& out);
    void trace_out(Now now, const ports::PacketOut& packet, ports::Outbox& out);
    void open_listener(const ListenerSettings& settings, ports::Outbox& out);
    void send_open(const ListenerSettings& wanted, ports::Outbox& out);
    void on_opened(const ports::ListenerOpened& opened);
    void on_open_failed(Now now, const ports::ListenerFailed& failed, ports::Outbox& out);
    void retry_listeners(Now now, ports::Outbox& out);
    bool is_trusted(const IpAddress& source) const;
    Listener* listener(uint16_t number);
    Listener* listener_for(ports::Transport transport, AddressFamily family);
    template <typename T>
    void send(ports::Instance to, T payload, ports::Outbox& out) {
        out.send(around_.self, to, std::move(payload));
    }

    const ports::Surroundings& around_;
    SipHashKey call_id_key_;
    GateSettings settings_;
    std::vector<Listener> listeners_;
    SourceTable sources_;
    LargeRequests large_;
    Counters counters_;
    MessageCounts counts_;
    // Messages whose receiver is away, oldest first. A gate that dies loses them as a network
    // would.
    struct Waiting {
        Instant until;
        ports::SipInbound inbound;
    };
    std::deque<Waiting> waiting_;
    bool draining_ = false;
    std::optional<Instant> lingers_until_;  // drained, beside other gates
};

}  // namespace tandem::roles::sip_gate
