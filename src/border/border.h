// The border that SIP gates have in common: it parses and checks what comes in, chooses its
// receiver by reading, and writes Via and Contact of what goes out. It keeps no call state: any
// gate can serve any message, and a restarted gate has forgotten nothing. A part of each gate's
// role, which says what is a gate's own. RFC 3261 16, 18; RFC 3581; RFC 5626; RFC 7118.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "border/advertise.h"
#include "border/ingress.h"
#include "border/large_requests.h"
#include "border/message_counts.h"
#include "border/settings.h"
#include "border/source_table.h"
#include "ports/letter.h"

namespace tandem::border {

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

class Border {
 public:
    // `kind`: of the gate that it is a part of. `call_id_key` spreads calls over the B2Bs: the same
    // in the whole system.
    Border(const ports::Surroundings& around, ports::RoleKind kind, SipHashKey call_id_key);

    // A message that is whole and sound, a request with its top Via marked, a response without it
    // and with the key and the owner (`previous_owner`) that its branch names. nullopt: it was
    // none, or is dealt with.
    std::optional<ports::SipInbound> receive(Now now, ports::PacketIn packet, ports::Outbox& out);
    // To whom it is for, or who answers it.
    void pass_on(Now now, ports::SipInbound inbound, ports::Outbox& out);
    void answer(Now now, const ports::SipInbound& inbound, Refusal why, ports::Outbox& out) {
        answer_refused(now, inbound, why, out);
    }
    void send_out(Now now, ports::SipOutbound outbound, ports::Outbox& out) {
        on_outbound(now, std::move(outbound), out);
    }
    // All letters but PacketIn and FlowClosed.
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out);
    void on_timeout(Now now, ports::Outbox& out);
    std::optional<Instant> next_deadline() const;
    void on_directory(Now now, ports::Outbox& out) { look_for_receivers(now, out); }
    void drain(Now now);
    bool is_draining() const { return draining_; }
    bool is_idle() const { return draining_ && !lingers_until_; }
    std::vector<std::pair<std::string, double>> figures() const;
    // Whether each listener is open, or could not be opened.
    bool is_ready() const;
    // A listener that is open: where a flow of our own making begins.
    std::optional<uint16_t> open_listener_for(ports::Transport transport, AddressFamily family);

    // Opens, changes and closes listeners as the settings say; called by start() and on_catalog().
    void apply(GateSettings settings, ports::Outbox& out);
    const Counters& counters() const { return counters_; }

 private:
    bool admit(Now now, const ports::PacketIn& packet);
    void on_malformed(Now now, const ports::PacketIn& packet, const Error& error,
                      ports::Outbox& out);
    std::optional<ports::SipInbound> take_request(const ports::PacketIn& packet,
                                                  sip::Message request);
    std::optional<ports::SipInbound> take_response(const ports::PacketIn& packet,
                                                   sip::Message response);
    // Refusal::NoReceiver: `inbound` is as it was, and may be tried again.
    // Whether a response waits for whom its branch names, when that is away.
    enum class Patience : uint8_t { OwnerMayReturn, OwnerIsLost };
    Refusal forward(ports::SipInbound& inbound, Patience patience, ports::Outbox& out);
    Refusal forward_response(ports::SipInbound& inbound, Patience patience, ports::Outbox& out);
    void look_for_receivers(Now now, ports::Outbox& out);
    void answer_refused(Now now, const ports::SipInbound& inbound, Refusal why, ports::Outbox& out);
    void on_outbound(Now now, ports::SipOutbound outbound, ports::Outbox& out);
    void send_request(Now now, ports::SipOutbound outbound, ports::Outbox& out);
    void send_response(Now now, ports::SipOutbound outbound, ports::Outbox& out);
    bool try_over_tcp(Now now, const ports::SipOutbound& outbound, ports::Outbox& out);
    void send_as_tcp(ports::SipOutbound outbound, Now now, ports::Outbox& out);
    void on_failed(Now now, const ports::PacketFailed& failed, ports::Outbox& out);
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
    ports::RoleKind kind_;
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

}  // namespace tandem::border
