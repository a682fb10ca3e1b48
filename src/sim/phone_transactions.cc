// A phone's transactions (RFC 3261 17), written anew: see phone.h.
#include <algorithm>
#include <cstdio>

#include "sim/phone.h"
#include "sip/parser.h"
#include "sip/status.h"

namespace tandem::sim {
namespace {

constexpr Duration kT1 = 500ms;
constexpr Duration kT2 = 4s;
constexpr Duration kGiveUp = 64 * kT1;

std::string_view first_line(std::string_view bytes) {
    return bytes.substr(0, bytes.find("\r\n"));
}

}  // namespace

std::string PhoneTraits::mark() const {
    char text[16];
    std::snprintf(text, sizeof text, "MK%02zuQ", index);
    return text + salt;
}

Phone::Phone(World& world, PhoneNetwork& network, SocketAddress gate, PhoneTraits traits,
             PhoneWatcher& watcher)
    : world_(world), network_(network), gate_(gate), traits_(std::move(traits)), watcher_(watcher) {
    network_.add_phone(traits_.index, traits_.seen_from.ip);
    register_call_id_ = "reg-" + traits_.mark() + "@" + traits_.own.ip.text();
}

std::string Phone::new_branch() {
    return "z9hG4bK" + traits_.mark() + std::to_string(++branches_);
}

std::string Phone::via(std::string_view branch) const {
    std::string text = traits_.over_tcp ? "Via: SIP/2.0/TCP " : "Via: SIP/2.0/UDP ";
    text += traits_.own.text();
    text += ";branch=";
    text += branch;
    return text + ";rport\r\n";
}

void Phone::send(std::string wire) {
    if (!traits_.over_tcp) {
        return network_.to_site(traits_.index, {traits_.seen_from, gate_, std::move(wire), false});
    }
    if (connection_ != 0) return network_.stream_to_site(connection_, std::move(wire));
    unsent_.push_back(std::move(wire));
    reconnect();
}

// ---- client transactions

void Phone::request(const std::string& branch, std::string method, std::string wire,
                    Handler handler) {
    Client client;
    client.method = std::move(method);
    client.wire = std::move(wire);
    client.began = world_.time();
    client.interval = kT1;
    client.handler = std::move(handler);
    send(client.wire);
    clients_[branch] = std::move(client);
    world_.after(kT1, [this, branch] { repeat_request(branch); });
}

// Timers A, E (repeat) and B, F (give up).
void Phone::repeat_request(const std::string& branch) {
    const auto found = clients_.find(branch);
    if (found == clients_.end() || found->second.done) return;
    Client& client = found->second;
    const bool is_invite = client.method == "INVITE";
    if (is_invite && client.provisional) return;  // timer A stops; the user's patience goes on
    if (world_.time() - client.began >= kGiveUp) {
        if (!watcher_.is_excused(traits_.index, client.began, world_.time())) {
            world_.fail("phone " + traits_.login + "/" + std::to_string(traits_.index) +
                        " got no answer to: " + std::string(first_line(client.wire)));
        }
        world_.count("phones: a request without answer, excused");
        Handler handler = std::move(client.handler);
        clients_.erase(found);
        handler(nullptr);
        return;
    }
    if (!traits_.over_tcp) {
        send(client.wire);
        world_.count("phones: requests sent again");
    }
    client.interval = is_invite ? 2 * client.interval : std::min(2 * client.interval, kT2);
    if (!is_invite && client.provisional) client.interval = kT2;
    const Duration left = client.began + kGiveUp - world_.time();
    world_.after(std::min(client.interval, left), [this, branch] { repeat_request(branch); });
}

void Phone::forget_client(const std::string& branch) {
    world_.after(kGiveUp, [this, branch] { clients_.erase(branch); });
}

void Phone::on_response(const sip::Message& response) {
    const auto via = response.top_via();
    const auto cseq = response.cseq();
    if (!via || !cseq) return world_.fail("a response without Via or CSeq");
    const std::string branch(via->branch());
    const auto found = clients_.find(branch);
    if (found == clients_.end() || found->second.method != cseq->method_token) {
        world_.count("phones: responses to nothing");
        return;
    }
    Client& client = found->second;
    const bool is_invite = client.method == "INVITE";
    if (response.status() < 200) {
        if (client.done) return;
        client.provisional = true;
        return client.handler(&response);
    }
    if (is_invite && response.status() >= 300) {
        if (client.done) world_.count("phones: a failure came again");
        sip::Message invite = *sip::parse_message(std::string_view(client.wire));
        send(sip::make_ack_for_failure(invite, response).to_text());
    }
    const bool is_first = !client.done;
    if (!is_first && !(is_invite && response.status() < 300)) return;
    if (!is_first) world_.count("phones: a 2xx came again");
    client.done = true;
    if (is_first) forget_client(branch);
    // The handler may begin a transaction, which moves nothing: the map's nodes stay.
    client.handler(&response);
}

// ---- server transactions

std::string Phone::key_of(const sip::Message& request) {
    const auto via = request.top_via();
    std::string key(via ? via->branch() : std::string_view());
    return key + "|" + std::string(request.method_token());
}

std::string Phone::tag_of(std::string_view address) {
    const size_t at = address.find(";tag=");
    return at == address.npos ? std::string() : std::string(address.substr(at + 5));
}

std::string Phone::answer_to(const sip::Message& request, int status, std::string_view tag,
                             std::string_view more, std::string_view body) const {
    sip::Message response = sip::make_response(request, status, {}, tag);
    std::string text = response.to_text();
    // The headers end with Content-Length and an empty line: ours go before.
    text.resize(text.rfind("Content-Length:"));
    text += more;
    if (!body.empty()) text += "Content-Type: application/sdp\r\n";
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    return text.append(body);
}

void Phone::respond(const std::string& key, std::string response, uint64_t call, bool repeats) {
    Server& server = servers_[key];
    server.response = std::move(response);
    server.call = call;
    server.began = world_.time();
    server.interval = kT1;
    send(server.response);
    const bool was_repeating = std::exchange(server.repeats, repeats);
    if (repeats && !was_repeating) {
        world_.after(kT1, [this, key] { repeat_response(key); });
    }
    if (server.response.starts_with("SIP/2.0 1")) return;
    world_.after(kGiveUp + 1s, [this, key] { servers_.erase(key); });
}

// Timer G, and the same for a 2xx (13.3.1.4), on any transport there.
void Phone::repeat_response(const std::string& key) {
    const auto found = servers_.find(key);
    if (found == servers_.end() || !found->second.repeats) return;
    Server& server = found->second;
    const bool is_success = server.response.starts_with("SIP/2.0 2");
    if (world_.time() - server.began >= kGiveUp) {
        server.repeats = false;
        if (!watcher_.is_excused(traits_.index, server.began, world_.time())) {
            world_.fail("phone " + traits_.login + "/" + std::to_string(traits_.index) +
                        " got no ACK for: " + std::string(first_line(server.response)));
        }
        const uint64_t call = server.call;
        servers_.erase(found);
        if (is_success) {
            world_.count("phones: no ACK came");
            hang_up(call);
        }
        return;
    }
    if (is_success || !traits_.over_tcp) {
        send(server.response);
        world_.count("phones: final responses sent again");
    }
    server.interval = std::min(2 * server.interval, kT2);
    world_.after(server.interval, [this, key] { repeat_response(key); });
}

void Phone::on_ack(const sip::Message& ack) {
    // Of a failure: the INVITE's branch. Of a 2xx: the dialog and its CSeq.
    const auto via = ack.top_via();
    const auto failure =
        servers_.find(std::string(via ? via->branch() : std::string_view()) + "|INVITE");
    if (failure != servers_.end()) {
        failure->second.repeats = false;
        return;
    }
    PhoneCall* call = find(ack.call_id());
    const auto cseq = ack.cseq();
    if (call == nullptr || !cseq) return;
    for (auto& [key, server] : servers_) {
        const bool is_of_call = server.call == call->number && server.repeats;
        if (!is_of_call) continue;
        const std::string line = "CSeq: " + std::to_string(cseq->number) + " INVITE";
        if (server.response.find(line) == server.response.npos) continue;
        server.repeats = false;
        if (call->offered_in_2xx) {
            call->offered_in_2xx = false;
            if (ack.body().empty()) {
                expect_bye(call->number);
            } else {
                take_sdp(*call, ack.body());
            }
        }
    }
    if (call->state == PhoneCallState::Answered) on_up(*call);
    if (call->reinvite_cseq == cseq->number) call->reinvite_cseq = 0;
}

// Our offer was not answered: so it ends whoever sent that ACK (RFC 3261 13.2.2.4), as a gate does
// when it no longer knows the call.
void Phone::expect_bye(uint64_t number) {
    world_.after(20s, [this, number, from = world_.time()] {
        if (get(number)->is_over()) return;
        if (watcher_.is_excused(traits_.index, from, world_.time())) return;
        world_.fail("an ACK without the answer to the offer in our 2xx, and no BYE");
    });
}

// ---- what comes in

bool Phone::is_of_co_device(std::string_view found) const {
    return std::ranges::find(traits_.co_devices, found) != traits_.co_devices.end();
}

// RFC 3261 16, 26.3: nothing of one party, and nothing of the inside, may reach another.
void Phone::check_leaks(std::string_view bytes) {
    const std::string own = traits_.mark();
    // RFC 3261 10.3: the 200 lists all contacts of the account.
    const bool lists_contacts =
        bytes.starts_with("SIP/2.0 200") && bytes.find(" REGISTER\r\n") != bytes.npos;
    for (size_t at = bytes.find("MK"); at != bytes.npos; at = bytes.find("MK", at + 2)) {
        const std::string_view found = bytes.substr(at, own.size());
        const bool is_mark =
            found.size() == own.size() && found[4] == 'Q' && found[2] >= '0' && found[2] <= '9';
        if (is_mark && found != own && !(lists_contacts && is_of_co_device(found))) {
            const size_t line = bytes.rfind("\r\n", at);
            world_.fail("phone " + std::to_string(traits_.index) +
                        " sees of another: " + std::string(first_line(bytes.substr(line + 2))));
        }
    }
    for (const std::string_view inner : {"127.0.0.1", "localhost", "0.0.0.0"}) {
        if (bytes.find(inner) == bytes.npos) continue;
        world_.fail("phone " + std::to_string(traits_.index) + " sees of the inside: " +
                    std::string(inner) + " in " + std::string(first_line(bytes)));
    }
    for (const std::string_view net : {"203.0.113.", "10.0.0."}) {
        for (size_t at = bytes.find(net); at != bytes.npos; at = bytes.find(net, at + 1)) {
            std::string_view rest = bytes.substr(at);
            rest = rest.substr(0, rest.find_first_not_of("0123456789."));
            if (rest == traits_.own.ip.text() || rest == traits_.seen_from.ip.text()) continue;
            if (lists_contacts && is_of_co_device(rest)) continue;
            world_.fail("phone " + std::to_string(traits_.index) + " sees the address " +
                        std::string(rest) + " of another");
        }
    }
}

void Phone::on_sip(std::string_view bytes) {
    if (traits_.knows_addresses) check_leaks(bytes);
    auto message = sip::parse_message(bytes);
    if (!message) return world_.fail("a message that can't be parsed: " + message.error().message);
    if (message->is_response()) return on_response(*message);
    on_request(*message);
}

void Phone::on_request(const sip::Message& message) {
    if (message.method() == sip::Method::Ack) return on_ack(message);
    const std::string key = key_of(message);
    const auto known = servers_.find(key);
    if (known != servers_.end()) {
        world_.count("phones: requests that came again");
        if (!known->second.response.empty()) send(known->second.response);
        return;
    }
    servers_[key].method = message.method_token();
    dispatch(message, key);
}

void Phone::dispatch(const sip::Message& message, const std::string& key) {
    const sip::Method method = message.method();
    if (method == sip::Method::Bye) return on_bye(message, key);
    if (method == sip::Method::Cancel) return on_cancel(message, key);
    if (method == sip::Method::Prack) return on_prack(message, key);
    if (method != sip::Method::Invite) return on_other(message, key);
    const auto to = message.to();
    if (!to || to->tag().empty()) return on_incoming(message, key);
    if (PhoneCall* call = find(message.call_id())) return on_reinvite(*call, message, key);
    respond(key, answer_to(message, 481, {}, {}, {}), 0, true);
}

std::string Phone::open_transactions() const {
    std::string text;
    for (const auto& [branch, client] : clients_) {
        if (!client.done) text += " " + client.method;
    }
    for (const auto& [key, server] : servers_) {
        if (server.repeats) text += " (repeats) " + std::string(first_line(server.response));
    }
    return text;
}

}  // namespace tandem::sim
