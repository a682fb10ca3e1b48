// A phone's registration and, over TCP, its connection.
#include "sim/phone.h"
#include "sip/digest.h"

namespace tandem::sim {
namespace {

constexpr Duration kReconnectLeast = 100ms;
constexpr Duration kReconnectMost = 1500ms;

}  // namespace

std::string Phone::contact_uri() const {
    return "sip:" + traits_.login + "-" + traits_.mark() + "@" + traits_.own.text() +
           (traits_.over_tcp ? ";transport=tcp" : "");
}

std::string Phone::contact_line() const {
    return "Contact: <" + contact_uri() + ">\r\n";
}

void Phone::add_co_device(const PhoneTraits& other) {
    traits_.co_devices.push_back(other.mark());
    traits_.co_devices.push_back(other.own.ip.text());
    traits_.co_devices.push_back(other.seen_from.ip.text());
}

void Phone::start() {
    plan_register(world_.between(0ms, 500ms), traits_.expires_s);
}

void Phone::refresh() {
    plan_register(0ms, traits_.expires_s);
}

// One plan at a time: a new one replaces the former.
void Phone::plan_register(Duration delay, int expires) {
    world_.after(delay, [this, expires, plan = ++register_plan_] {
        if (plan == register_plan_) send_register(expires);
    });
}

void Phone::send_register(int expires) {
    const std::string branch = new_branch();
    const std::string uri = "sip:" + traits_.domain;
    const std::string address = "<sip:" + traits_.login + "@" + traits_.domain + ">";
    std::string wire = "REGISTER " + uri + " SIP/2.0\r\n" + via(branch);
    wire += "From: " + address + ";tag=" + traits_.mark() + "r\r\nTo: " + address + "\r\n";
    wire += "Call-ID: " + register_call_id_ + "\r\n";
    wire += "CSeq: " + std::to_string(++register_cseq_) + " REGISTER\r\nMax-Forwards: 70\r\n";
    wire += "Contact: <" + contact_uri() + ">;expires=" + std::to_string(expires) + "\r\n";
    wire += register_authorization_;
    wire += "User-Agent: Phone-" + traits_.mark() + "\r\nContent-Length: 0\r\n\r\n";
    registration_.certain = false;
    registration_.changed = world_.time();
    request(branch, "REGISTER", std::move(wire), [this, expires](const sip::Message* response) {
        on_register_response(response, expires);
    });
}

void Phone::on_register_response(const sip::Message* response, int expires) {
    if (response != nullptr && response->status() < 200) return;
    const int status = response == nullptr ? 0 : response->status();
    if (status == 401 && ++register_challenges_ <= 3) {
        const auto challenge =
            sip::first_known_challenge(*response, sip::HeaderId::WwwAuthenticate);
        if (!challenge) return world_.fail("a 401 without a challenge");
        if (challenge->stale) world_.count("phones: a nonce had become stale");
        const std::string uri = "sip:" + traits_.domain;
        register_authorization_ =
            "Authorization: " +
            sip::answer_challenge(*challenge, {traits_.login, traits_.password},
                                  {"REGISTER", uri, "c" + traits_.mark(), 1}) +
            "\r\n";
        return send_register(expires);
    }
    register_challenges_ = 0;
    register_authorization_.clear();
    if (status != 200) {
        world_.count(status == 503 ? "phones: REGISTER answered 503"
                                   : "phones: REGISTER failed otherwise");
        if (status == 403 || status == 404) world_.fail("REGISTER was refused");
        return plan_register(world_.between(1s, 5s), expires == 0 ? 0 : traits_.expires_s);
    }
    registration_.certain = true;
    registration_.changed = world_.time();
    world_.count("registrations acknowledged");
    if (expires == 0) {
        world_.count("registrations removed");
        registration_.until.reset();
        return plan_register(world_.between(2s, 20s), traits_.expires_s);
    }
    int granted = 0;
    for (const auto contact : response->contacts()) {
        if (contact && contact->uri == contact_uri()) {
            granted = static_cast<int>(contact->expires().value_or(0));
        }
    }
    if (granted == 0) return world_.fail("a 200 to REGISTER without our contact");
    registration_.until = world_.time() + std::chrono::seconds(granted);
    watcher_.on_registered(*this);
    const Duration refresh = std::chrono::seconds(granted) * (40 + world_.rng().below(45)) / 100;
    const bool leaves = !retired_ && world_.happens(temper.unregisters);
    plan_register(refresh, leaves ? 0 : traits_.expires_s);
}

// ---- TCP

void Phone::reconnect() {
    if (connecting_ || !traits_.over_tcp) return;
    connecting_ = true;
    SocketAddress from = traits_.seen_from;
    from.port = ++tcp_port_;
    network_.connect(traits_.index, from);
}

void Phone::on_connected(uint64_t connection, bool accepted) {
    connecting_ = false;
    if (!accepted) {
        world_.after(world_.between(kReconnectLeast, kReconnectMost), [this] { reconnect(); });
        return;
    }
    connection_ = connection;
    for (std::string& wire : std::exchange(unsent_, {})) {
        network_.stream_to_site(connection_, std::move(wire));
    }
}

// Everything that waited for an answer on it has failed (RFC 3261 8.1.3.1, 18.4); the phone
// registers anew, as its flow is another one now (RFC 5626 4.4.1).
void Phone::on_closed(uint64_t connection) {
    if (connection != connection_) return;
    world_.count("phones: connections that ended");
    connection_ = 0;
    reconnect();
    std::vector<std::string> open;
    for (auto& [branch, client] : clients_) {
        if (!client.done) open.push_back(branch);
    }
    for (const std::string& branch : open) {
        const auto found = clients_.find(branch);
        if (found == clients_.end()) continue;
        Handler handler = std::move(found->second.handler);
        clients_.erase(found);
        handler(nullptr);
    }
    plan_register(world_.between(kReconnectLeast, kReconnectMost), traits_.expires_s);
}

}  // namespace tandem::sim
