#include "border/border.h"

#include <algorithm>

#include "border/egress.h"
#include "border/limits.h"
#include "border/stateless.h"
#include "sip/parser.h"
#include "sip/status.h"
#include "sip/validate.h"

namespace tandem::border {

using ports::Transport;
using sip::Message;

Border::Border(const ports::Surroundings& around, ports::RoleKind kind, SipHashKey call_id_key)
    : around_(around),
      kind_(kind),
      call_id_key_(call_id_key),
      sources_({around.rng.next(), around.rng.next()}) {}

void Border::on_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    if (auto* outbound = get_if<ports::SipOutbound>(&letter.payload)) {
        on_outbound(now, std::move(*outbound), out);
    } else if (auto* returned = get_if<ports::SipInbound>(&letter.payload)) {
        on_returned(now, letter.from, std::move(*returned), out);
    } else if (const auto* failed = get_if<ports::PacketFailed>(&letter.payload)) {
        on_failed(now, *failed, out);
    } else if (const auto* opened = get_if<ports::ListenerOpened>(&letter.payload)) {
        on_opened(*opened);
    } else if (const auto* refused = get_if<ports::ListenerFailed>(&letter.payload)) {
        on_open_failed(now, *refused, out);
    }
}

void Border::on_timeout(Now now, ports::Outbox& out) {
    large_.forget_old(now.mono);
    if (lingers_until_ && *lingers_until_ <= now.mono) lingers_until_.reset();
    retry_listeners(now, out);
    if (!waiting_.empty() && waiting_.front().until <= now.mono) look_for_receivers(now, out);
}

std::optional<Instant> Border::next_deadline() const {
    std::optional<Instant> next = large_.next_deadline();
    if (lingers_until_ && (!next || *lingers_until_ < *next)) next = lingers_until_;
    for (const Listener& each : listeners_) {
        if (each.retry_at && (!next || *each.retry_at < *next)) next = each.retry_at;
    }
    if (!waiting_.empty() && (!next || waiting_.front().until < *next))
        next = waiting_.front().until;
    return next;
}

// Listeners stay open, since dialogs go on over them. Phones have no means to know: what is new
// goes to a B2B that takes it, and what they have begun here may end here, where other gates go on.
void Border::drain(Now now) {
    draining_ = true;
    if (around_.directory.heir(kind_, 0, around_.self)) lingers_until_ = now.mono + drain_linger;
}

std::vector<std::pair<std::string, double>> Border::figures() const {
    const auto count = [](uint64_t value) { return static_cast<double>(value); };
    std::vector<std::pair<std::string, double>> all = {
        {"sip_received", count(counters_.received)},
        {"sip_sent", count(counters_.sent)},
        {"sip_malformed", count(counters_.malformed)},
        {"sip_limited", count(counters_.limited)},
        {"sip_banned", count(counters_.banned)},
        {"sip_strays", count(counters_.strays)},
        {"sip_refused", count(counters_.refused)},
        {"sip_pings", count(counters_.pings)},
        {"sip_undeliverable", count(counters_.undeliverable)},
        {"sip_bans", count(sources_.bans())}};
    counts_.append_to(all);
    return all;
}

// ---- what comes in

std::optional<ports::SipInbound> Border::receive(Now now, ports::PacketIn packet,
                                                 ports::Outbox& out) {
    ++counters_.received;
    if (!admit(now, packet) || sip::is_keep_alive(packet.bytes)) return std::nullopt;
    if (settings_.trace) trace_in(now, packet, out);
    if (Listener* heard = listener(packet.flow.listener)) heard->learn_local(packet.local.ip);
    sip::ParserLimits limits;
    limits.message_bytes = settings_.message_bytes_max;
    auto message = sip::parse_message(std::move(packet.bytes), limits);
    if (!message) {
        on_malformed(now, packet, message.error(), out);
        return std::nullopt;
    }
    if (const auto valid = sip::validate(*message); !valid) {
        packet.bytes = message->to_text();
        on_malformed(now, packet, valid.error(), out);
        return std::nullopt;
    }
    return message->is_request() ? take_request(packet, std::move(*message))
                                 : take_response(packet, std::move(*message));
}

bool Border::admit(Now now, const ports::PacketIn& packet) {
    const IpAddress& source = packet.flow.remote.ip;
    if (is_trusted(source)) return true;
    SourceLimits limits = settings_.source;
    if (source.is_private()) limits.messages_per_s = 0;
    switch (sources_.admit(now.mono, source, limits)) {
        case SourceTable::Verdict::Admitted:
            return true;
        case SourceTable::Verdict::Limited:
            ++counters_.limited;
            return false;
        case SourceTable::Verdict::Banned:
            ++counters_.banned;
            return false;
    }
    return false;
}

// `packet.bytes` is still the message, perhaps unfolded.
void Border::on_malformed(Now now, const ports::PacketIn& packet, const Error& error,
                          ports::Outbox& out) {
    ++counters_.malformed;
    // A datagram's source is anybody's claim: it must not get a stranger banned.
    if (ports::is_reliable(packet.flow.transport)) {
        count_offence(now, packet.flow.remote.ip, 1, out);
    }
    auto answer = sip::answer_to_rejected(packet.bytes, error);
    if (!answer) return;
    answer->append(sip::HeaderId::Server, settings_.server);
    packet_out(now, {packet.flow, answer->to_text(), {}, false}, out);
}

std::optional<ports::SipInbound> Border::take_request(const ports::PacketIn& packet,
                                                      Message request) {
    counts_.count_request(request);
    const auto via = request.top_via();
    if (!via) return std::nullopt;  // validate_request() has seen it
    stamp_top_via(request, *via, packet.flow.remote);
    // A Route that brought the request here names us; the server behind is the end of the way.
    request.remove(sip::HeaderId::Route);
    return ports::SipInbound{packet.flow, packet.local, std::move(request), 0, {}};
}

void Border::pass_on(Now now, ports::SipInbound inbound, ports::Outbox& out) {
    if (inbound.message.is_response() && inbound.previous_owner == around_.self) {
        ++counters_.strays;
        return;
    }
    const bool may_wait = !draining_ && waiting_.size() < waiting_messages_max;
    const Refusal refusal =
        forward(inbound, may_wait ? Patience::OwnerMayReturn : Patience::OwnerIsLost, out);
    if (refusal == Refusal::None) return;
    if (refusal == Refusal::NoReceiver && may_wait) {
        waiting_.push_back({now.mono + receiver_away_max, std::move(inbound)});
        return;
    }
    answer_refused(now, inbound, refusal, out);
}

// A B2B that drains takes nothing new, and we did not know yet that it does.
void Border::on_returned(Now now, ports::Instance by, ports::SipInbound inbound,
                         ports::Outbox& out) {
    const uint64_t key = siphash(call_id_key_, as_bytes(inbound.message.call_id()));
    const auto other = around_.directory.pick(ports::RoleKind::B2bua, key, by);
    if (!other) return answer_refused(now, inbound, Refusal::NoReceiver, out);
    inbound.previous_owner = {};
    send(*other, std::move(inbound), out);
}

void Border::look_for_receivers(Now now, ports::Outbox& out) {
    if (waiting_.empty()) return;
    std::deque<Waiting> waiting;
    waiting.swap(waiting_);
    for (Waiting& each : waiting) {
        const bool may_wait = now.mono < each.until;
        const Refusal refusal =
            forward(each.inbound, may_wait ? Patience::OwnerMayReturn : Patience::OwnerIsLost, out);
        if (refusal == Refusal::None) continue;
        if (refusal == Refusal::NoReceiver && may_wait) {
            waiting_.push_back(std::move(each));
        } else {
            answer_refused(now, each.inbound, refusal, out);
        }
    }
}

Refusal Border::forward(ports::SipInbound& inbound, Patience patience, ports::Outbox& out) {
    if (inbound.message.is_response()) return forward_response(inbound, patience, out);
    const Message& request = inbound.message;
    Receiver receiver = choose_receiver(request, around_, call_id_key_);
    if (receiver.refusal != Refusal::None) return receiver.refusal;
    inbound.owner_key = receiver.owner_key;
    inbound.previous_owner = receiver.previous_owner;
    send(receiver.to, std::move(inbound), out);
    return Refusal::None;
}

void Border::answer_refused(Now now, const ports::SipInbound& inbound, Refusal why,
                            ports::Outbox& out) {
    const Message& message = inbound.message;
    if (why == Refusal::Ping) {
        ++counters_.pings;
    } else if (why == Refusal::OurOwnAnswer || message.is_response() ||
               message.method() == sip::Method::Ack) {
        ++counters_.strays;
    } else {
        ++counters_.refused;
    }
    if (message.is_response()) return;
    const auto answer = answer_to_refused(message, why, around_, settings_.server);
    if (!answer) return;
    counts_.count_response(*answer);
    packet_out(now, {response_flow(inbound.flow, *answer), answer->to_text(), {}, false}, out);
}

// RFC 3261 18.1.2: the top Via names us and the transaction; 8.1.3.3: a second Via means that the
// response is not ours.
std::optional<ports::SipInbound> Border::take_response(const ports::PacketIn& packet,
                                                       Message response) {
    const auto via = response.top_via();
    const auto token =
        via ? around_.tokens.read(ports::TokenKind::Branch, via->branch()) : std::nullopt;
    if (!token) {
        ++counters_.strays;
        return std::nullopt;
    }
    if (sip::is_final(response.status())) large_.answered(via->branch());
    response.remove_first_value(sip::HeaderId::Via);
    if (response.has(sip::HeaderId::Via)) {
        ++counters_.strays;
        return std::nullopt;
    }
    return ports::SipInbound{packet.flow, packet.local, std::move(response), token->unique,
                             token->owner};
}

// `previous_owner` of a response that has not been sent on is whom its branch names.
Refusal Border::forward_response(ports::SipInbound& inbound, Patience patience,
                                 ports::Outbox& out) {
    ports::Instance to = inbound.previous_owner;
    const ports::DirectoryEntry* owner = around_.directory.find(to);
    if (owner != nullptr && owner->reachable) {
        inbound.previous_owner = {};
    } else if (owner != nullptr && patience == Patience::OwnerMayReturn) {
        return Refusal::NoReceiver;
    } else {
        // Our tag in From names the call, which has an heir.
        const auto from = inbound.message.from();
        const auto token =
            from ? around_.tokens.read(ports::TokenKind::Tag, from->tag()) : std::nullopt;
        if (!token) return Refusal::NoReceiver;
        const auto heir =
            around_.directory.heir(ports::RoleKind::B2bua, token->unique >> ports::leg_bits);
        if (!heir) return Refusal::NoReceiver;
        to = *heir;
    }
    send(to, std::move(inbound), out);
    return Refusal::None;
}

// ---- what goes out

// The gate of the phone's flow is away. What has no connection goes from here: the phone, or a NAT
// before it, may not expect it, but nobody else could reach it sooner.
bool Border::adopt_flow(ports::Flow& flow) {
    if (flow.gate == around_.self) return true;
    if (flow.transport != Transport::Udp && flow.transport != Transport::Tcp) return false;
    const Listener* from = listener_for(flow.transport, flow.remote.ip.family);
    if (from == nullptr) return false;
    flow.gate = around_.self;
    flow.listener = from->settings.number;
    flow.connection = 0;
    return true;
}

void Border::on_outbound(Now now, ports::SipOutbound outbound, ports::Outbox& out) {
    if (!adopt_flow(outbound.flow)) {
        if (outbound.message.is_request()) tell_undeliverable(outbound.branch, 430, out);
        return;
    }
    if (outbound.message.is_response()) {
        send_response(now, std::move(outbound), out);
        return;
    }
    switch (large_.state_of(outbound.branch)) {
        case LargeRequests::State::Unknown:
        case LargeRequests::State::Refused:
            break;
        case LargeRequests::State::Trying:
            if (outbound.message.method() == sip::Method::Cancel ||
                outbound.message.method() == sip::Method::Ack) {
                send_as_tcp(std::move(outbound), now, out);  // RFC 3261 9.1, 17.1.1.3
                return;
            }
            // Its owner sends it again, so nothing was heard over TCP: a firewall may swallow it.
            large_.failed(now.mono, outbound.branch);
            break;
    }
    send_request(now, std::move(outbound), out);
}

void Border::send_request(Now now, ports::SipOutbound outbound, ports::Outbox& out) {
    Listener* from = listener(outbound.flow.listener);
    if (!from) {
        tell_undeliverable(outbound.branch, 430, out);
        return;
    }
    const size_t size = outbound.message.serialized_size();
    if (outbound.flow.transport == Transport::Udp && size > udp_request_bytes_max &&
        try_over_tcp(now, outbound, out)) {
        return;
    }
    dress_request(outbound, from->advertise(outbound.flow.remote.ip));
    bool may_connect = false;
    if (outbound.flow.transport == Transport::Tcp) {
        if (const auto open = open_address(outbound.alternative_uri, outbound.flow)) {
            outbound.flow.remote = *open;
            may_connect = true;
        }
    }
    // A provider is where its name says, and waits for connections there.
    if (kind_ == ports::RoleKind::ExternalSipGate) {
        may_connect = ports::is_reliable(outbound.flow.transport);
    }
    packet_out(now,
               {outbound.flow, outbound.message.to_text(), std::move(outbound.branch), may_connect},
               out);
}

bool Border::try_over_tcp(Now now, const ports::SipOutbound& outbound, ports::Outbox& out) {
    if (large_.state_of(outbound.branch) != LargeRequests::State::Unknown) return false;
    const auto open = open_address(outbound.alternative_uri, outbound.flow);
    if (!open || *open != outbound.flow.remote || !large_.has_room()) return false;
    if (large_.refuses_tcp(now.mono, open->ip)) return false;
    if (!listener_for(Transport::Tcp, open->ip.family)) return false;
    large_.began(now.mono, outbound);
    send_as_tcp(outbound, now, out);
    return true;
}

void Border::send_as_tcp(ports::SipOutbound outbound, Now now, ports::Outbox& out) {
    Listener* from = listener_for(Transport::Tcp, outbound.flow.remote.ip.family);
    if (!from) {
        tell_undeliverable(outbound.branch, 503, out);
        return;
    }
    outbound.flow.transport = Transport::Tcp;
    outbound.flow.listener = from->settings.number;
    outbound.flow.connection = 0;
    dress_request(outbound, from->advertise(outbound.flow.remote.ip));
    packet_out(now, {outbound.flow, outbound.message.to_text(), std::move(outbound.branch), true},
               out);
}

void Border::send_response(Now now, ports::SipOutbound outbound, ports::Outbox& out) {
    Listener* from = listener(outbound.flow.listener);
    const int status = outbound.message.status();
    counts_.count_response(outbound.message);
    if (status >= 200) watch_for_guessing(now, outbound.flow, status, out);
    if (from) {
        dress_response(outbound, from->advertise(outbound.flow.remote.ip));
    }
    const ports::Flow flow = response_flow(outbound.flow, outbound.message);
    // Nobody listens behind a WebSocket or, mostly, at a TLS client's port.
    const bool may_connect = flow.transport == Transport::Tcp;
    packet_out(now, {flow, outbound.message.to_text(), {}, may_connect}, out);
}

void Border::on_failed(Now now, const ports::PacketFailed& failed, ports::Outbox& out) {
    if (failed.branch.empty()) return;
    if (auto request = large_.failed(now.mono, failed.branch)) {
        send_request(now, std::move(*request), out);
        return;
    }
    // RFC 5626 11.6: 430, the flow has failed, and another binding or a new look-up may serve.
    const bool is_gone = failed.nobody_listens || failed.flow.transport != Transport::Udp;
    tell_undeliverable(failed.branch, is_gone ? 430 : 503, out);
}

void Border::tell_undeliverable(const std::string& branch, int status, ports::Outbox& out) {
    ++counters_.undeliverable;
    const auto token = around_.tokens.read(ports::TokenKind::Branch, branch);
    if (token) send(token->owner, ports::SipUndeliverable{branch, status}, out);
}

// Refused log-ins count against their source; one that succeeds clears it. A 403 took a nonce of
// ours, which a forger of source addresses does not see; challenges and unknown names take nothing,
// so they count on connections only, and little, as each log-in begins with a challenge.
void Border::watch_for_guessing(Now now, const ports::Flow& flow, int status, ports::Outbox& out) {
    const IpAddress& source = flow.remote.ip;
    if (is_trusted(source)) return;
    if (sip::is_success(status)) {
        sources_.success(now.mono, source);
    } else if (status == 403) {
        count_offence(now, source, 3, out);
    } else if (ports::is_reliable(flow.transport) &&
               (status == 401 || status == 407 || status == 404)) {
        count_offence(now, source, 1, out);
    }
}

void Border::count_offence(Now now, const IpAddress& source, uint32_t weight, ports::Outbox& out) {
    if (is_trusted(source)) return;
    if (!sources_.offence(now.mono, source, weight, settings_.source)) return;
    send(ports::kJournal,
         ports::LogLine{ports::LogLine::Level::Warn,
                        "banned " + source.text() + " for repeated refused or malformed requests",
                        {},
                        {}},
         out);
}

void Border::packet_out(Now now, ports::PacketOut packet, ports::Outbox& out) {
    ++counters_.sent;
    if (settings_.trace) trace_out(now, packet, out);
    send(ports::kTransport, std::move(packet), out);
}

void Border::trace_in(Now now, const ports::PacketIn& packet, ports::Outbox& out) {
    ports::SipTrace trace{
        now.utc, true, packet.flow.transport, packet.local, packet.flow.remote, packet.bytes, {}};
    send(ports::kJournal, std::move(trace), out);
}

void Border::trace_out(Now now, const ports::PacketOut& packet, ports::Outbox& out) {
    ports::SipTrace trace{now.utc,      false, packet.flow.transport, {}, packet.flow.remote,
                          packet.bytes, {}};
    if (const Listener* from = listener(packet.flow.listener)) {
        const Advertised us = from->advertise(packet.flow.remote.ip);
        trace.local = {IpAddress::parse(us.host).value_or(IpAddress{}), us.port};
    }
    send(ports::kJournal, std::move(trace), out);
}

bool Border::is_trusted(const IpAddress& source) const {
    const auto holds = [&](const IpNetwork& network) { return network.contains(source); };
    return source.is_loopback() ||
           std::any_of(settings_.trusted_networks.begin(), settings_.trusted_networks.end(),
                       holds) ||
           std::any_of(listeners_.begin(), listeners_.end(),
                       [&](const Listener& each) { return each.is_local(source); });
}

}  // namespace tandem::border
