#include "roles/external_sip_gate/trunk_line.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/crypto.h"
#include "roles/external_sip_gate/limits.h"
#include "sip/locate.h"
#include "sip/status.h"
#include "sip/tag.h"
#include "sip/uri.h"

namespace tandem::roles::external_sip_gate {

using ports::Transport;
using sip::HeaderId;

namespace {

constexpr uint16_t kRegister = 0;  // the purpose; any other is the number of the place pinged
constexpr uint16_t kSipPort = 5060;
constexpr uint16_t kSipsPort = 5061;

Transport transport_of(const model::TrunkProxy& proxy) {
    switch (proxy.transport) {
        case model::ProxyTransport::Any:
        case model::ProxyTransport::Udp:
            return Transport::Udp;
        case model::ProxyTransport::Tcp:
            return Transport::Tcp;
        case model::ProxyTransport::Tls:
            return Transport::Tls;
    }
    return Transport::Udp;
}

std::string no_address(const std::string& host, const std::string& why) {
    return "has no address for " + host + (why.empty() ? "" : ": " + why);
}

std::string no_look_up(const std::string& host, const std::string& why) {
    return "goes on with the last addresses of " + host + (why.empty() ? "" : ": " + why);
}

std::string leaves_out(const std::string& host, const std::string& address) {
    return "leaves out " + address + ", where " + host + " leads to: no server can be there";
}

std::string no_tls(const SocketAddress& address, const std::string& why) {
    return "has no TLS with " + address.text() + ": " + why;
}

void sooner(std::optional<Instant>& earliest, std::optional<Instant> other) {
    if (other && (!earliest || *other < *earliest)) earliest = other;
}

}  // namespace

TrunkLine::TrunkLine(model::Trunk trunk, LineSecrets secrets, Rng& rng)
    : trunk_(std::move(trunk)),
      secrets_(std::move(secrets)),
      ping_call_id_(sip::make_call_id(rng)),
      ping_tag_(sip::make_tag(rng)) {
    for (const std::string& text : trunk_.proxies) {
        if (auto proxy = model::TrunkProxy::parse(text)) names_.push_back({std::move(*proxy)});
    }
    for (size_t i = 0; i < names_.size(); ++i) {
        Name& name = names_[i];
        name.tls_peer = tls_peer_of(name.proxy.host);
        const auto ip = IpAddress::parse(name.proxy.host);
        if (!ip) {
            name.ask_at = Instant{};
            continue;
        }
        const Transport transport = transport_of(name.proxy);
        const uint16_t usual = transport == Transport::Tls ? kSipsPort : kSipPort;
        const uint16_t port = name.proxy.port == 0 ? usual : name.proxy.port;
        if (!sip::is_of_one_host({*ip, port})) {  // an earlier version took it
            note_failure(name, "no server can be there");
            continue;
        }
        places_.push_back({++last_number_, i, transport, {*ip, port}});
        name.known = true;
    }
    if (trunk_.mode != model::TrunkMode::Register) return;
    RegistrationSettings settings;
    settings.domain = model::provider_domain(trunk_);
    settings.user = trunk_.user;
    settings.auth_user = trunk_.auth_user;
    settings.password = secrets_.password;
    settings.expires_s = static_cast<uint32_t>(trunk_.expires.count());
    settings.user_agent = secrets_.user_agent;
    for (size_t i = 0; i < secrets_.credential_passwords.size(); ++i)
        settings.realms.push_back({trunk_.credentials[i].realm, trunk_.credentials[i].user,
                                   secrets_.credential_passwords[i]});
    registration_.emplace(std::move(settings), secrets_.contact_token, rng);
}

// --- Names.

bool TrunkLine::has_question(Instant now) const {
    return !leaves_ && std::ranges::any_of(names_, [&](const Name& name) {
        return name.ask_at && *name.ask_at <= now;
    });
}

std::optional<TrunkLine::Question> TrunkLine::next_question(Instant now) {
    if (leaves_) return std::nullopt;
    for (size_t i = 0; i < names_.size(); ++i) {
        Name& name = names_[i];
        if (!name.ask_at || *name.ask_at > now) continue;
        name.ask_at = now + resolve_deadline;  // again, should no answer come
        name.asked = true;
        Question question{i, {name.proxy.host, name.proxy.port}};
        question.query.any_transport = name.proxy.transport == model::ProxyTransport::Any;
        question.query.transport = transport_of(name.proxy);
        return question;
    }
    return std::nullopt;
}

bool TrunkLine::on_resolved(Instant now, size_t proxy, const ports::ResolveReply& reply) {
    if (proxy >= names_.size() || !names_[proxy].asked) return false;
    Name& name = names_[proxy];
    name.asked = false;
    note_unfit(name, reply.unfit);
    const bool is_whole = !reply.places.empty() && !reply.is_partial;
    const Duration ttl = std::chrono::seconds(std::min<uint32_t>(reply.ttl_s, 86'400));
    name.ask_at = now + (is_whole ? std::clamp(ttl, resolve_retry, resolve_again) : resolve_retry);
    if (is_whole)
        name.half_known_since.reset();
    else if (!name.half_known_since)
        name.half_known_since = now;
    const bool is_half = reply.is_partial && now - *name.half_known_since < half_known_most;
    if (reply.places.empty() || (name.known && is_half)) {  // what was known before serves on
        note_failure(name, reply.places.empty() ? reply.failure : "not all name servers answer");
        return false;
    }
    if (!name.failure.empty())
        say((name.known ? "can look up " + name.proxy.host + " again"
                        : "has an address for " + name.proxy.host + " now"));
    name.known = true;
    name.failure.clear();
    return replace_places(proxy, reply.places);
}

// Asked again every few seconds: said once.
void TrunkLine::note_failure(Name& name, std::string why) {
    if (name.failure == why) return;
    name.failure = std::move(why);
    complain(name.known ? no_look_up(name.proxy.host, name.failure)
                        : no_address(name.proxy.host, name.failure));
}

void TrunkLine::note_unfit(Name& name, const std::string& address) {
    if (name.unfit == address) return;
    name.unfit = address;
    if (!address.empty()) complain(leaves_out(name.proxy.host, address));
}

// Places that stay keep what is known of them.
bool TrunkLine::replace_places(size_t proxy, const std::vector<ports::ResolveReply::Place>& found) {
    std::vector<Place> fresh;
    for (const auto& each : found) {
        const auto old = std::ranges::find_if(places_, [&](const Place& place) {
            return place.proxy == proxy && place.transport == each.transport &&
                   place.address == each.address;
        });
        if (old != places_.end()) {
            fresh.push_back(*old);
        } else {
            if (++last_number_ == kRegister) ++last_number_;
            fresh.push_back({last_number_, proxy, each.transport, each.address});
        }
        fresh.back().rank = each.rank;
        fresh.back().server = each.server;
        fresh.back().weight = each.weight;
    }
    const auto before = tls_keys();
    std::erase_if(places_, [&](const Place& place) { return place.proxy == proxy; });
    const size_t room = places_max - std::min(places_max, places_.size());
    if (fresh.size() > room) fresh.resize(room);
    const auto at =
        std::ranges::find_if(places_, [&](const Place& place) { return place.proxy > proxy; });
    places_.insert(at, fresh.begin(), fresh.end());
    // A server that DNS does not name any more is not waited for until the refresh.
    const bool is_registered =
        registration_ && registration_->state() == Registration::State::Registered;
    if (is_registered && !leaves_ && place_of(registrar_) == nullptr) registration_->move_on();
    return before != tls_keys();
}

// The same for all who expect and show the same there, so that they share a connection, and for
// nobody else: it is what keeps the calls of a domain away from another one's settings. What a
// certificate adds comes first, where no host can look like it; its key is a part of that, as
// anybody may have the certificate.
uint64_t TrunkLine::tls_peer_of(const std::string& host) const {
    std::string settings;
    if (!trunk_.tls_certificate.empty()) {
        const std::string shown = trunk_.tls_certificate + "\n" + secrets_.tls_key;
        settings = "shows " + hash_hex(HashAlgorithm::Sha256, shown) + "\n";
    }
    settings += host;
    settings += trunk_.tls_verify ? "\nverified\n" : "\nany\n";
    settings += trunk_.tls_ca;
    const Bytes digest = hash(HashAlgorithm::Sha256, as_bytes(settings));
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof number; ++i) number = number << 8 | digest[i];
    return number | 1;  // never 0
}

uint64_t TrunkLine::tls_peer_at(const Place& place) const {
    return place.transport == Transport::Tls ? names_[place.proxy].tls_peer : 0;
}

std::vector<TlsKey> TrunkLine::tls_keys() const {
    std::vector<TlsKey> keys;
    for (const Place& place : places_)
        if (place.transport == Transport::Tls) keys.push_back({place.address, tls_peer_at(place)});
    return keys;
}

ports::TlsPeer TrunkLine::tls_peer(const TlsKey& key) const {
    ports::TlsPeer peer{key.address, key.number, {}, trunk_.tls_verify, trunk_.tls_ca};
    const auto name = std::ranges::find(names_, key.number, &Name::tls_peer);
    if (name != names_.end()) peer.host = name->proxy.host;
    peer.certificate_pem = trunk_.tls_certificate;
    peer.key_pem = secrets_.tls_key;
    return peer;
}

// Pings repeat it every few seconds: said once.
void TrunkLine::on_tls_failed(const ports::TlsFailed& failed) {
    const auto place = std::ranges::find_if(places_, [&](const Place& each) {
        return each.transport == Transport::Tls && each.address == failed.address &&
               tls_peer_at(each) == failed.number;
    });
    if (place == places_.end() || place->tls_failure == failed.why) return;
    place->tls_failure = failed.why;
    complain(no_tls(failed.address, failed.why));
}

void TrunkLine::on_silent(Instant now, Transport transport, const SocketAddress& address) {
    for (Place& place : places_) {
        const bool is_it = place.transport == transport && place.address == address;
        if (is_it && !place.ping_until && place.health != Health::Down) place.ping_at = now;
    }
}

bool TrunkLine::has_unresolved() const {
    return std::ranges::any_of(names_, [](const Name& name) { return !name.known; });
}

TrunkLine::Place* TrunkLine::place_of(uint16_t number) {
    const auto found = std::ranges::find(places_, number, &Place::number);
    return found == places_.end() ? nullptr : &*found;
}

// The first that is not known to be away, or the first.
TrunkLine::Place* TrunkLine::best_place() {
    const auto found = std::ranges::find_if(
        places_, [](const Place& place) { return place.health != Health::Down; });
    if (found != places_.end()) return &*found;
    return places_.empty() ? nullptr : &places_.front();
}

TrunkLine::Place* TrunkLine::next_place() {
    if (places_.empty()) return nullptr;
    const Place* now = place_of(registrar_);
    const size_t index = now == nullptr ? 0 : static_cast<size_t>(now - places_.data()) + 1;
    return &places_[index % places_.size()];
}

// --- What is due.

void TrunkLine::run(Instant now, Rng& rng, std::vector<Sending>& out) {
    run_pings(now, out);
    if (registration_) run_registration(now, rng, out);
}

void TrunkLine::run_registration(Instant now, Rng& rng, std::vector<Sending>& out) {
    const auto deadline = registration_->next_deadline();
    if (deadline && *deadline <= now) {
        if (registration_->state() == Registration::State::Asking) {
            if (Place* silent = place_of(registrar_)) mark(now, *silent, Health::Down);
            settle(now, registration_->on_unanswered(now, "the registrar does not answer"), rng);
        } else {
            registration_->on_timeout(now);
        }
    }
    if (said_registered_ && !registration_->is_registered(now)) {
        said_registered_ = false;
        complain("is not registered any more");
    }
    const bool is_at_rest = registration_->state() == Registration::State::Due && tried_ == 0;
    Place* registrar = place_of(registrar_);
    const bool is_to_move = is_at_rest && registrar != nullptr &&
                            (registrar->health == Health::Down || better_place() != nullptr);
    if (registrar == nullptr || is_to_move) registrar = best_place();
    if (registrar == nullptr) return;  // no address yet
    registrar_ = registrar->number;
    if (auto request = registration_->next_request(now, rng)) {
        out.push_back({std::move(*request), registrar->transport, registrar->address, kRegister,
                       true, tls_peer_at(*registrar)});
    }
}

void TrunkLine::settle(Instant now, Registration::Outcome outcome, Rng& rng) {
    switch (outcome) {
        case Registration::Outcome::Pending:
        case Registration::Outcome::Again:
            return;
        case Registration::Outcome::Done: {
            tried_ = 0;
            const Place* place = place_of(registrar_);
            if (leaves_ || said_registered_ || place == nullptr) return;
            said_registered_ = true;
            said_failure_.clear();
            return say("is registered at " + place->address.text());
        }
        case Registration::Outcome::TryNext:
            break;
    }
    if (said_failure_ != registration_->failure()) {
        said_failure_ = registration_->failure();
        complain("could not register: " + said_failure_);
    }
    const Place* next = next_place();
    if (next == nullptr || ++tried_ >= places_.size()) {
        tried_ = 0;
        if (const Place* best = best_place()) registrar_ = best->number;
        return registration_->wait(now, rng);
    }
    registrar_ = next->number;
    registration_->move_on();
}

// RFC 3261 11: any answer shows that somebody is there, but 503 and 408 that he is of no use.
sip::Message TrunkLine::next_ping() {
    const std::string us = trunk_.user.empty() ? "ping" : sip::escape_user(trunk_.user);
    sip::Message ping =
        sip::Message::request(sip::Method::Options, "sip:" + model::provider_domain(trunk_));
    ping.append(HeaderId::From,
                "<sip:" + us + "@" + model::provider_domain(trunk_) + ">;tag=" + ping_tag_);
    ping.append(HeaderId::To, "<sip:" + model::provider_domain(trunk_) + ">");
    ping.append(HeaderId::CallId, ping_call_id_);
    ping.append(HeaderId::CSeq, std::to_string(++pings_) + " OPTIONS");
    ping.append(HeaderId::Accept, "application/sdp");
    if (!secrets_.user_agent.empty()) ping.append(HeaderId::UserAgent, secrets_.user_agent);
    return ping;
}

void TrunkLine::run_pings(Instant now, std::vector<Sending>& out) {
    if (trunk_.ping.count() == 0 || leaves_) return;
    for (Place& place : places_) {
        if (place.ping_until && *place.ping_until <= now) mark(now, place, Health::Down);
        if (place.ping_until || (place.ping_at && *place.ping_at > now)) continue;
        place.ping_until = now + ping_deadline;
        out.push_back(
            {next_ping(), place.transport, place.address, place.number, false, tls_peer_at(place)});
    }
}

void TrunkLine::mark(Instant now, Place& place, Health health) {
    const Health before = std::exchange(place.health, health);
    const Duration pause = health == Health::Down ? std::min<Duration>(ping_again, trunk_.ping)
                                                  : Duration(trunk_.ping);
    place.ping_until.reset();
    place.ping_at = now + pause;
    if (health == Health::Up) place.tls_failure.clear();
    if (before == health) return;
    if (health == Health::Down) complain("does not reach " + place.address.text());
    if (before == Health::Down) say("reaches " + place.address.text() + " again");
    if (!registration_ || leaves_) return;
    const auto state = registration_->state();
    // One that comes back may have forgotten us, and one that is gone does not bring us calls.
    const bool came_back = before == Health::Down && health == Health::Up;
    const bool is_idle = state == Registration::State::Waiting ||
                         (state == Registration::State::Registered && place.number == registrar_);
    if (came_back && is_idle) return registration_->move_on();
    const bool is_registered = state == Registration::State::Registered;
    if (health == Health::Up && is_registered && better_place() == &place) {
        registrar_ = place.number;
        return registration_->move_on();
    }
    if (health == Health::Down && place.number == registrar_ && is_registered) register_elsewhere();
}

// One of an earlier proxy, or of a lower rank of the same name. Those that are equal are not
// changed for one another.
const TrunkLine::Place* TrunkLine::better_place() const {
    const auto now = std::ranges::find(places_, registrar_, &Place::number);
    const auto best =
        std::ranges::find_if(places_, [](const Place& each) { return each.health == Health::Up; });
    if (now == places_.end() || best == places_.end()) return nullptr;
    const bool is_better = std::pair(best->proxy, best->rank) < std::pair(now->proxy, now->rank);
    return is_better ? &*best : nullptr;
}

void TrunkLine::register_elsewhere() {
    const Place* best = best_place();
    if (best == nullptr || best->number == registrar_ || best->health == Health::Down) return;
    registrar_ = best->number;
    registration_->move_on();
}

void TrunkLine::on_response(Instant now, uint16_t purpose, const sip::Message& response, Rng& rng) {
    const int status = response.status();
    if (!sip::is_final(status)) return;
    if (purpose == kRegister) {
        if (!registration_) return;
        Place* registrar = place_of(registrar_);
        const bool is_there = status != 408 && status != 503;
        const auto outcome = registration_->on_response(now, response, rng);
        if (registrar != nullptr && is_there) {
            registrar->health = Health::Up;
            registrar->tls_failure.clear();
        }
        return settle(now, outcome, rng);
    }
    Place* place = place_of(purpose);
    if (place == nullptr) return;
    mark(now, *place, status == 408 || status == 503 ? Health::Down : Health::Up);
}

void TrunkLine::on_unanswered(Instant now, uint16_t purpose, std::string_view why, Rng& rng) {
    if (purpose == kRegister) {
        if (registration_) settle(now, registration_->on_unanswered(now, why), rng);
        return;
    }
    if (Place* place = place_of(purpose)) mark(now, *place, Health::Down);
}

std::optional<Instant> TrunkLine::next_deadline() const {
    std::optional<Instant> earliest;
    if (registration_) sooner(earliest, registration_->next_deadline());
    if (leaves_) return earliest;
    for (const Name& name : names_)
        if (!waits_to_ask_) sooner(earliest, name.ask_at);
    if (trunk_.ping.count() == 0) return earliest;
    for (const Place& place : places_) {
        sooner(earliest, place.ping_until ? *place.ping_until : place.ping_at.value_or(Instant{}));
    }
    return earliest;
}

void TrunkLine::leave(Instant now) {
    leaves_ = true;
    if (registration_) registration_->leave(now);
}

bool TrunkLine::is_gone() const {
    return leaves_ && (!registration_ || registration_->state() == Registration::State::Gone);
}

// --- What is known.

bool TrunkLine::is_up(Instant now) const {
    if (registration_ && !registration_->is_registered(now)) return false;
    return !is_unreachable();
}

bool TrunkLine::is_unreachable() const {
    return std::ranges::none_of(places_,
                                [](const Place& place) { return place.health != Health::Down; });
}

std::string TrunkLine::trouble(Instant now) const {
    std::string text;
    const auto add = [&](const std::string& more) {
        if (!more.empty()) text += (text.empty() ? "" : "; ") + more;
    };
    if (registration_ && !registration_->is_registered(now)) add(registration_->failure());
    for (const Name& name : names_)
        if (!name.failure.empty())
            add(name.known ? no_look_up(name.proxy.host, name.failure)
                           : no_address(name.proxy.host, name.failure));
    for (const Name& name : names_)
        if (!name.unfit.empty()) add(leaves_out(name.proxy.host, name.unfit));
    for (const Place& place : places_) {
        if (!place.tls_failure.empty())
            add(no_tls(place.address, place.tls_failure));
        else if (place.health == Health::Down)
            add("does not reach " + place.address.text());
    }
    return text;
}

// RFC 2782: among those of one rank the first is drawn by weight, for each call anew. `order`: as
// in places_, where they follow one another.
void TrunkLine::draw_servers(std::vector<const Place*>& order, Rng& rng) const {
    for (size_t from = 0; from < order.size();) {
        const Place& first = *order[from];
        std::vector<sip::SrvRecord> servers;  // by number, in place of the port
        size_t to = from;
        for (; to < order.size(); ++to) {
            const Place& each = *order[to];
            if (each.proxy != first.proxy || each.rank != first.rank) break;
            if (servers.empty() || servers.back().port != each.server)
                servers.push_back({0, each.weight, each.server, {}});
        }
        if (servers.size() > 1) {
            std::vector<const Place*> drawn;
            for (const sip::SrvRecord& server : sip::order_srv(servers, rng))
                for (size_t i = from; i < to; ++i)
                    if (order[i]->server == server.port) drawn.push_back(order[i]);
            std::ranges::copy(drawn, order.begin() + static_cast<ptrdiff_t>(from));
        }
        from = to;
    }
}

// Those that seem to be away come last, but come: a provider may answer INVITE and no OPTIONS.
std::vector<TrunkLine::Way> TrunkLine::ways_to(Instant now, std::string_view number,
                                               Rng& rng) const {
    std::vector<const Place*> order;
    const auto rank = [&](const Place& place) {
        if (place.health == Health::Down) return 2;
        return is_registered(now) && place.number == registrar_ ? 0 : 1;
    };
    order.reserve(places_.size());
    for (const Place& place : places_) order.push_back(&place);
    draw_servers(order, rng);
    std::ranges::stable_sort(order, {}, [&](const Place* place) { return rank(*place); });
    std::vector<Way> ways;
    ways.reserve(order.size());
    for (const Place* place : order) {
        ways.push_back({"sip:" + sip::escape_user(number) + "@" + model::provider_domain(trunk_),
                        place->transport, place->address, tls_peer_at(*place)});
    }
    return ways;
}

}  // namespace tandem::roles::external_sip_gate
