#include "roles/external_sip_gate/external_sip_gate.h"

#include <algorithm>

#include "border/settings_of.h"
#include "model/secret.h"
#include "model/trunk_credentials.h"
#include "roles/external_sip_gate/limits.h"
#include "roles/external_sip_gate/trunk_state.h"
#include "store/catalog.h"
#include "store/catalog_tree.h"

namespace tandem::roles::external_sip_gate {

namespace {

// Who asked for a transaction: the number of the line, and its purpose.
sip::UserKey user_of(uint32_t line, uint16_t purpose) {
    return uint64_t{line} << 16 | purpose;
}
uint32_t line_of_user(sip::UserKey user) {
    return static_cast<uint32_t>(user >> 16);
}
uint16_t purpose_of(sip::UserKey user) {
    return static_cast<uint16_t>(user);
}

// Of a look-up: the line and the proxy.
uint64_t request_of(uint32_t line, size_t proxy) {
    return uint64_t{line} << 8 | proxy;
}

sip::Hop hop_of(const ports::Flow& flow) {
    return sip::Hop::of(flow, ports::is_reliable(flow.transport) ? sip::Reliability::Reliable
                                                                 : sip::Reliability::Unreliable);
}

// Begins nothing new. RFC 3261 12.2.2, 9.2.
bool belongs_to_something(const sip::Message& request) {
    const auto to = request.to();
    return request.method() == sip::Method::Ack || request.method() == sip::Method::Cancel ||
           (to && !to->tag().empty());
}

// Asks whether we are there, which everybody may.
bool is_ping(const sip::Message& request) {
    const auto uri = request.parsed_request_uri();
    return request.method() == sip::Method::Options && uri && uri->is_sip() && !uri->has_user;
}

// What decides whom the registrar has a contact of ours for.
bool is_same_registration(const model::Trunk& a, const model::Trunk& b) {
    return a.mode == b.mode && a.user == b.user && a.sip_domain == b.sip_domain &&
           a.proxies == b.proxies && b.enabled;
}

}  // namespace

ExternalSipGate::ExternalSipGate(const ports::Surroundings& around, SipHashKey call_id_key,
                                 SealKey seal_key)
    : around_(around),
      seal_key_(seal_key),
      border_(around, ports::RoleKind::ExternalSipGate, call_id_key),
      layer_(sip::LayerSettings{{}, {around.rng.next(), around.rng.next()}, around.rng.next() | 1}),
      look_ups_({look_ups_max, look_ups_per_domain_max, resolve_deadline}) {}

void ExternalSipGate::start(Now now, ports::Outbox& out) {
    on_catalog(now, out);
}

void ExternalSipGate::on_catalog(Now now, ports::Outbox& out) {
    Step step{last_ = now, out};
    if (border_.is_draining()) return;
    const uint64_t changes = around_.catalog.trunk_changes();
    if (trunk_changes_ != changes) {
        peers_.read(around_.catalog);
        for (const auto& [trunk, number] : by_trunk_) learn_places(now, lines_.at(number));
    }
    apply_settings(step);
    if (std::exchange(trunk_changes_, changes) != changes) follow_trunks(step);
}

// Listeners are opened for the first trunk, and stay for the calls of the last one.
void ExternalSipGate::apply_settings(Step& step) {
    had_trunks_ = had_trunks_ || peers_.size() > 0;
    border::GateSettings settings = border::settings_of(around_.catalog, around_.self);
    if (!had_trunks_) settings.listeners.clear();
    const auto& networks = peers_.networks();
    settings.trusted_networks.insert(settings.trusted_networks.end(), networks.begin(),
                                     networks.end());
    border_.apply(std::move(settings), step.out);
}

void ExternalSipGate::on_directory(Now now, ports::Outbox& out) {
    Step step{last_ = now, out};
    border_.on_directory(now, out);
    if (!border_.is_draining()) follow_trunks(step);
}

bool ExternalSipGate::learn_places(Now now, const TrunkLine& line) {
    std::vector<IpAddress> addresses;
    for (const auto& place : line.places()) addresses.push_back(place.address.ip);
    return peers_.learn(now.mono, line.trunk().id, addresses);
}

// --- Which trunks are ours.

bool ExternalSipGate::is_ours(const model::Trunk& trunk, UtcTime now) const {
    if (!trunk.enabled || store::is_blocked(around_.catalog, trunk.domain, now)) return false;
    const auto keeper = around_.directory.pick(kind(), ports::key_of(trunk.id));
    return keeper == around_.self;
}

void ExternalSipGate::follow_trunks(Step& step) {
    std::vector<TrunkId> left;
    for (const auto& [trunk, number] : by_trunk_) {
        const auto* entity = around_.catalog.find_trunk(trunk);
        TrunkLine& line = lines_.at(number);
        const bool stays = entity != nullptr && is_ours(*entity, step.now.utc);
        if (stays && line.trunk() == static_cast<const model::Trunk&>(*entity)) continue;
        left.push_back(trunk);
        // Registered with the same contact again at once, it would only take away its successor's.
        if (stays && is_same_registration(line.trunk(), *entity)) {
            lines_.erase(number);
        } else {
            line.leave(step.now.mono);
            run(step, number);
        }
    }
    for (const TrunkId trunk : left) {
        by_trunk_.erase(trunk);
        peers_.forget(trunk);
    }
    std::vector<uint32_t> added;
    around_.catalog.visit_trunks([&](const model::Trunk& trunk) {
        if (!by_trunk_.contains(trunk.id) && is_ours(trunk, step.now.utc)) {
            add_line(trunk);
            added.push_back(last_line_);
        }
        return true;
    });
    tell_tls_peers(step);
    for (const uint32_t number : added) run(step, number);
}

void ExternalSipGate::add_line(const model::Trunk& trunk) {
    LineSecrets secrets;
    secrets.password = model::unseal_text(trunk.password_sealed, seal_key_).value_or("");
    secrets.contact_token =
        around_.tokens.text({ports::TokenKind::Trunk, around_.self, ports::key_of(trunk.id)});
    secrets.user_agent = around_.catalog.system().user_agent;
    secrets.tls_key = model::unseal_text(trunk.tls_certificate_key_sealed, seal_key_).value_or("");
    secrets.credential_passwords = model::passwords_of(trunk, seal_key_);
    lines_.emplace(++last_line_, TrunkLine(trunk, std::move(secrets), around_.rng));
    by_trunk_[trunk.id] = last_line_;
}

TrunkLine* ExternalSipGate::line_of(TrunkId trunk) {
    const auto found = by_trunk_.find(trunk);
    return found == by_trunk_.end() ? nullptr : &lines_.at(found->second);
}

// To the host of our node, which keeps them as events.
void ExternalSipGate::tell_news(Step& step, TrunkLine& line) {
    const auto* entry = around_.directory.find(around_.self);
    for (TrunkLine::News& news : line.take_news()) {
        const auto* domain = around_.catalog.find_domain(line.trunk().domain);
        const std::string of = domain == nullptr ? line.trunk().domain.text() : domain->name;
        const auto level =
            news.is_trouble ? ports::LogLine::Level::Warn : ports::LogLine::Level::Info;
        ports::LogLine told{
            level, "trunk " + line.trunk().name + " of " + of + " " + news.text, {}, of};
        const ports::Instance to = entry == nullptr ? ports::kJournal : ports::host_of(entry->node);
        step.out.send(around_.self, to, std::move(told));
    }
}

// --- What lines want.

void ExternalSipGate::run(Step& step, uint32_t number) {
    const auto found = lines_.find(number);
    if (found == lines_.end()) return;
    TrunkLine& line = found->second;
    if (line.has_question(step.now.mono)) {
        line.wait_to_ask(true);
        look_ups_.want(line.trunk().domain, number);
        look_up(step);
    }
    const bool is_ready = border_.is_ready();  // else all lines run when it is
    if (is_ready) {
        std::vector<TrunkLine::Sending> sendings;
        line.run(step.now.mono, around_.rng, sendings);
        for (TrunkLine::Sending& each : sendings) send(step, number, std::move(each));
    }
    emit(step);
    tell_news(step, line);
    if (line.is_gone()) {
        lines_.erase(found);
    } else if (const auto deadline = line.next_deadline(); deadline && is_ready) {
        timers_.add(std::max(*deadline, step.now.mono + pause_least), number);
    }
}

// For as many lines as may ask now.
void ExternalSipGate::look_up(Step& step) {
    while (const auto number = look_ups_.next(step.now.mono)) {
        const auto found = lines_.find(*number);
        if (found == lines_.end()) continue;
        TrunkLine& line = found->second;
        line.wait_to_ask(false);
        const auto question = line.next_question(step.now.mono);
        if (!question) continue;
        const uint64_t request = request_of(*number, question->proxy);
        look_ups_.began(step.now.mono, line.trunk().domain, request);
        step.out.send(around_.self, ports::kResolver, question->query, request);
        const bool has_more = line.has_question(step.now.mono);
        line.wait_to_ask(has_more);
        if (has_more) look_ups_.want(line.trunk().domain, *number);
        if (const auto deadline = line.next_deadline())
            timers_.add(std::max(*deadline, step.now.mono + pause_least), *number);
    }
}

void ExternalSipGate::send(Step& step, uint32_t number, TrunkLine::Sending sending) {
    ports::Flow flow;
    flow.gate = around_.self;
    flow.transport = sending.transport;
    flow.remote = sending.address;
    flow.tls_peer = sending.tls_peer;
    TrunkLine& line = lines_.at(number);
    const auto listener = border_.open_listener_for(sending.transport, sending.address.ip.family);
    if (!listener) {
        return line.on_unanswered(step.now.mono, sending.purpose,
                                  "this gate does not listen for that transport and family",
                                  around_.rng);
    }
    flow.listener = *listener;
    sip::Envelope envelope{hop_of(flow), {}, {}};
    if (sending.with_contact) {
        envelope.contact.token = around_.tokens.text(
            {ports::TokenKind::Trunk, around_.self, ports::key_of(line.trunk().id)});
    }
    layer_.send_request(step.now.mono, std::move(sending.message), std::move(envelope),
                        user_of(number, sending.purpose), wire_);
}

void ExternalSipGate::emit(Step& step) {
    for (sip::Outbound& outbound : std::exchange(wire_.messages, {})) {
        ports::SipOutbound sip;
        sip.flow = outbound.envelope.hop.flow<ports::Flow>();
        sip.branch =
            around_.tokens.text({ports::TokenKind::Branch, around_.self, outbound.branch.value});
        sip.contact_token = std::move(outbound.envelope.contact.token);
        sip.message = std::move(outbound.message);
        border_.send_out(step.now, std::move(sip), step.out);
    }
}

void ExternalSipGate::deliver_layer_events(Step& step) {
    for (const sip::LayerEvent& event : std::exchange(wire_.events, {})) {
        using Kind = sip::LayerEvent::Kind;
        const bool failed = event.kind == Kind::Timeout || event.kind == Kind::TransportError;
        const uint32_t number = line_of_user(event.user);
        const auto line = lines_.find(number);
        if (!failed || line == lines_.end()) continue;
        const std::string_view why =
            event.kind == Kind::Timeout ? "the registrar does not answer" : "it cannot be reached";
        line->second.on_unanswered(step.now.mono, purpose_of(event.user), why, around_.rng);
        run(step, number);
    }
}

// Connections to one address are shared by those trunks only, also of several domains, that expect
// and show the same there.
void ExternalSipGate::tell_tls_peers(Step& step) {
    const std::map<TrunkId, uint32_t> in_order(by_trunk_.begin(), by_trunk_.end());
    std::map<DomainId, std::vector<TlsKey>> wanted;
    for (const auto& [trunk, number] : in_order) {
        const TrunkLine& line = lines_.at(number);
        for (const TlsKey& key : line.tls_keys()) wanted[line.trunk().domain].push_back(key);
    }
    const auto shared = shared_fairly(wanted, {tls_peers_max, tls_peers_per_domain_max});
    for (const TlsKey& key : tls_peers_) {
        if (shared.contains(key)) continue;
        step.out.send(around_.self, ports::kTransport,
                      ports::TlsPeer{key.address, key.number, {}, true, {}, true});
    }
    std::erase_if(tls_peers_, [&](const TlsKey& key) { return !shared.contains(key); });
    for (const auto& [trunk, number] : in_order) {
        TrunkLine& line = lines_.at(number);
        for (const TlsKey& key : line.tls_keys()) {
            if (!shared.contains(key))
                line.on_tls_failed({key.address, key.number, "there is no room for more"});
            else if (tls_peers_.insert(key).second)
                step.out.send(around_.self, ports::kTransport, line.tls_peer(key));
        }
    }
}

void ExternalSipGate::on_tls_failed(Step& step, const ports::TlsFailed& failed) {
    for (const auto& [trunk, number] : by_trunk_) {
        TrunkLine& line = lines_.at(number);
        line.on_tls_failed(failed);
        tell_news(step, line);
    }
}

void ExternalSipGate::on_silent(Step& step, const ports::TrunkWaySilent& silent) {
    const auto found = by_trunk_.find(silent.trunk);
    if (found == by_trunk_.end()) return;
    lines_.at(found->second).on_silent(step.now.mono, silent.transport, silent.address);
    run(step, found->second);
}

// --- What arrives.

void ExternalSipGate::on_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    Step step{last_ = now, out};
    if (auto* packet = get_if<ports::PacketIn>(&letter.payload)) {
        on_packet(step, std::move(*packet));
    } else if (const auto* query = get_if<ports::TrunkQuery>(&letter.payload)) {
        out.reply(letter, answer(now, *query));
    } else if (const auto* states = get_if<ports::TrunkStatesQuery>(&letter.payload)) {
        out.reply(letter, states_of(now, states->domain));
    } else if (const auto* resolved = get_if<ports::ResolveReply>(&letter.payload)) {
        on_resolved(step, letter.request, *resolved);
    } else if (const auto* silent = get_if<ports::TrunkWaySilent>(&letter.payload)) {
        on_silent(step, *silent);
    } else if (const auto* handshake = get_if<ports::TlsFailed>(&letter.payload)) {
        on_tls_failed(step, *handshake);
    } else if (const auto* failed = get_if<ports::SipUndeliverable>(&letter.payload)) {
        const auto token = around_.tokens.read(ports::TokenKind::Branch, failed->branch);
        if (!token || token->owner != around_.self) return;
        layer_.on_undeliverable(now.mono, {token->unique}, failed->status, wire_);
        deliver_layer_events(step);
    } else {
        const bool was_ready = border_.is_ready();
        border_.on_letter(now, std::move(letter), out);
        if (was_ready || !border_.is_ready()) return;
        std::vector<uint32_t> numbers;
        for (const auto& [number, line] : lines_) numbers.push_back(number);
        for (const uint32_t number : numbers) run(step, number);
    }
}

void ExternalSipGate::on_packet(Step& step, ports::PacketIn packet) {
    auto in = border_.receive(step.now, std::move(packet), step.out);
    if (!in) return;
    if (in->message.is_request()) return on_request(step, std::move(*in));
    if (in->previous_owner == around_.self) return on_answer(step, *in);
    border_.pass_on(step.now, std::move(*in), step.out);
}

void ExternalSipGate::on_request(Step& step, ports::SipInbound in) {
    const bool is_known = belongs_to_something(in.message) || is_ping(in.message);
    if (!is_known) {
        const auto trunk = trunk_of(in);
        if (!trunk || in.message.method() == sip::Method::Register)
            return border_.answer(step.now, in, border::Refusal::Stranger, step.out);
        in.trunk = *trunk;
    }
    border_.pass_on(step.now, std::move(in), step.out);
}

std::optional<TrunkId> ExternalSipGate::trunk_of(const ports::SipInbound& in) const {
    return peers_.trunk_of(in.message, in.flow.remote.ip, around_.catalog, around_.tokens);
}

void ExternalSipGate::on_answer(Step& step, const ports::SipInbound& in) {
    const auto arrival = layer_.on_response(step.now.mono, {in.owner_key}, in.message, wire_);
    emit(step);
    deliver_layer_events(step);
    if (arrival.kind != sip::ResponseArrival::Kind::Response) return;
    const uint32_t number = line_of_user(arrival.user);
    const auto line = lines_.find(number);
    if (line == lines_.end()) return;
    line->second.on_response(step.now.mono, purpose_of(arrival.user), in.message, around_.rng);
    run(step, number);
}

void ExternalSipGate::on_resolved(Step& step, uint64_t request, const ports::ResolveReply& reply) {
    const auto number = static_cast<uint32_t>(request >> 8);
    look_ups_.ended(request);
    look_up(step);
    const auto line = lines_.find(number);
    if (line == lines_.end()) return;
    const bool has_others = line->second.on_resolved(step.now.mono, request & 0xff, reply);
    if (by_trunk_.contains(line->second.trunk().id) && learn_places(step.now, line->second))
        apply_settings(step);
    if (has_others) tell_tls_peers(step);
    run(step, number);
}

ports::TrunkReply ExternalSipGate::answer(Now now, const ports::TrunkQuery& query) {
    ports::TrunkReply reply;
    const auto* trunk = around_.catalog.find_trunk(query.trunk);
    if (trunk == nullptr || trunk->domain != query.domain) {
        reply.failure = "there is no such trunk";
        return reply;
    }
    const TrunkLine* line = line_of(query.trunk);
    if (line == nullptr) {
        reply.failure = trunk->enabled ? "another gate looks after it" : "it is disabled";
        reply.ask_again = trunk->enabled;
        return reply;
    }
    for (TrunkLine::Way& way : line->ways_to(now.mono, query.number, around_.rng)) {
        const auto listener = border_.open_listener_for(way.transport, way.address.ip.family);
        if (!listener) continue;
        ports::Binding binding;
        binding.contact = std::move(way.request_uri);
        binding.flow = {around_.self, way.transport, *listener, 0, way.address, way.tls_peer};
        reply.ways.push_back(std::move(binding));
    }
    reply.seems_down = line->is_unreachable();
    if (!reply.ways.empty()) return reply;
    reply.ask_again = line->has_unresolved() || !border_.is_ready();
    reply.failure = "no proxy has an address that this gate can reach";
    return reply;
}

ports::TrunkStates ExternalSipGate::states_of(Now now, DomainId domain) const {
    ports::TrunkStates states;
    for (const auto& [trunk, number] : by_trunk_) {
        const TrunkLine& line = lines_.at(number);
        if (line.trunk().domain == domain)
            states.items.push_back(state_json(line, now, around_.self));
    }
    return states;
}

// --- Time and end.

void ExternalSipGate::on_timeout(Now now, ports::Outbox& out) {
    Step step{last_ = now, out};
    border_.on_timeout(now, out);
    layer_.on_timeout(now.mono, wire_);
    emit(step);
    deliver_layer_events(step);
    look_up(step);
    while (const auto number = timers_.pop_due(now.mono)) {
        const auto line = lines_.find(*number);
        if (line == lines_.end()) continue;
        const auto deadline = line->second.next_deadline();
        if (deadline && *deadline <= now.mono) run(step, *number);
    }
}

std::optional<Instant> ExternalSipGate::next_deadline() const {
    std::optional<Instant> next = border_.next_deadline();
    for (const auto& other :
         {layer_.next_deadline(), timers_.next_deadline(), look_ups_.next_deadline()}) {
        if (other && (!next || *other < *next)) next = other;
    }
    return next;
}

void ExternalSipGate::drain(Now now, ports::Outbox& out) {
    Step step{last_ = now, out};
    border_.drain(now);
    const auto all = std::exchange(by_trunk_, {});
    for (const auto& [trunk, number] : all) {
        lines_.at(number).leave(now.mono);
        run(step, number);
    }
}

std::vector<std::pair<std::string, double>> ExternalSipGate::figures() const {
    auto all = border_.figures();
    size_t registered = 0;
    size_t up = 0;
    for (const auto& [trunk, number] : by_trunk_) {
        const TrunkLine& line = lines_.at(number);
        registered += line.is_registered(last_.mono) ? 1 : 0;
        up += line.is_up(last_.mono) ? 1 : 0;
    }
    all.emplace_back("trunks", static_cast<double>(by_trunk_.size()));
    all.emplace_back("trunks_registered", static_cast<double>(registered));
    all.emplace_back("trunks_up", static_cast<double>(up));
    return all;
}

}  // namespace tandem::roles::external_sip_gate
