#include "roles/b2bua/stage.h"

#include <algorithm>

#include "base/check.h"
#include "model/generated/account_service.h"
#include "model/generated/feature_code.h"
#include "model/generated/queue.h"
#include "model/generated/queue_agent.h"
#include "model/generated/ring_group.h"
#include "model/secret.h"
#include "sip/parser.h"
#include "sip/validate.h"
#include "store/keys.h"

namespace tandem::roles::b2bua {

using ports::Letter;

namespace {

const DomainId kDomain{{1, 1}};
const RoleInstanceId kRole{{2, 3}};

sip::Message parsed(std::string_view text) {
    std::string wire;
    const size_t blank = text.find("\n\n");
    const std::string_view head = text.substr(0, blank);
    const std::string_view body = blank == text.npos ? std::string_view() : text.substr(blank + 2);
    for (const char c : head) wire += c == '\n' ? std::string("\r\n") : std::string(1, c);
    std::string lines;
    for (const char c : body) lines += c == '\n' ? std::string("\r\n") : std::string(1, c);
    if (!wire.ends_with("\r\n")) wire += "\r\n";
    wire += "Content-Length: " + std::to_string(lines.size()) + "\r\n\r\n" + lines;
    auto message = sip::parse_message(std::string_view(wire));
    CHECK(message.has_value());
    CHECK(sip::validate(*message).has_value());
    return std::move(*message);
}

store::KeyValue item(std::string key, std::string value) {
    store::KeyValue item;
    item.key = std::move(key);
    item.value = std::move(value);
    item.mod_revision = {1, 1};
    return item;
}

}  // namespace

ports::Flow Stage::flow_of(uint16_t port, ports::Transport transport) {
    ports::Flow flow;
    flow.gate = kGate;
    flow.transport = transport;
    flow.listener = 1;
    flow.connection = ports::is_reliable(transport) ? port : 0;
    flow.remote = {*IpAddress::parse("192.0.2.1"), port};
    return flow;
}

Stage::Stage() : now{Instant{1000s}, UtcTime{1'800'000'000'000}} {
    directory.replace({{kGate, ports::RoleKind::SipGate},
                       {kRegistrar, ports::RoleKind::Registrar},
                       {kSelf, ports::RoleKind::B2bua},
                       {kController, ports::RoleKind::MediaGateController},
                       {kMedia, ports::RoleKind::MediaGate},
                       {kIndex, ports::RoleKind::CallState},
                       {kStore, ports::RoleKind::Store},
                       {kTrunkGate, ports::RoleKind::ExternalSipGate}});
    domain_.id = kDomain;
    domain_.name = "acme.test";
    domain_.realm = "acme.test";
    change_domain([](model::Domain&) {});
    change_survival(model::Survival::Established);
    restart();
}

void Stage::load(std::string key, std::string value) {
    feed_.load(item(std::move(key), std::move(value)));
    catalog_ = feed_.snapshot();
}

void Stage::change_domain(const std::function<void(model::Domain&)>& change) {
    change(domain_);
    load(store::keys::domain(kDomain), model::encode_stored(domain_, {}));
}

void Stage::add_trunk(model::Trunk trunk, std::vector<uint16_t> ports) {
    trunk.domain = kDomain;
    trunk.password_sealed = model::seal_text("line-secret", SealKey{}, rng_);
    trunk_ports_ = std::move(ports);
    load(store::keys::in_domain(kDomain, "trunk", trunk.id.bits), model::encode_stored(trunk, {}));
    change_domain([&](model::Domain& domain) { domain.settings.default_trunk = trunk.id; });
}

void Stage::add_trunk_group(std::vector<TrunkId> members, std::vector<std::string> failover_on) {
    model::TrunkGroup group;
    group.id = TrunkGroupId{{9, 9}};
    group.domain = kDomain;
    group.name = "lines";
    group.members = std::move(members);
    group.failover_on = std::move(failover_on);
    load(store::keys::in_domain(kDomain, "trunk-group", group.id.bits),
         model::encode_stored(group, {}));
    change_domain([&](model::Domain& domain) {
        domain.settings.default_trunk.reset();
        domain.settings.default_trunk_group = group.id;
    });
}

void Stage::change_survival(model::Survival survival) {
    change_instance([&](model::B2buaSettings& settings) { settings.survival = survival; });
}

void Stage::change_instance(const std::function<void(model::B2buaSettings&)>& change) {
    change(settings_);
    model::RoleInstance instance;
    instance.id = kRole;
    instance.role = model::RoleCode::B2b;
    instance.number = kSelf.number;
    instance.b2bua = settings_;
    load(store::keys::role_instance(kRole), model::encode_stored(instance, {}));
}

void Stage::add_account(std::string_view number) {
    add_account(number, kDomain);
}

void Stage::add_account(std::string_view number, DomainId domain) {
    model::Account account;
    account.id = AccountId{{7, accounts_.size() + 1}};
    account.domain = domain;
    account.login = number;
    account.number = number;
    account.display_name = "Name of " + std::string(number);
    account.credentials =
        model::seal_ha1(model::compute_ha1(number, "acme.test", "secret"), SealKey{}, rng_);
    accounts_[std::string(number)] = account.id;
    load(store::keys::account(domain, account.id), model::encode_stored(account, {}));
}

bool Stage::set_services(std::string_view number, std::string_view json) {
    const auto account = accounts_.find(number);
    std::string text(json);
    for (const auto& [of, id] : accounts_) {
        const size_t at = text.find("\"@" + of + "\"");
        if (at != text.npos) text.replace(at + 1, of.size() + 1, id.text());
    }
    auto set = model::decode<model::AccountService>(text, model::Source::Api);
    if (account == accounts_.end() || !set) return false;
    set->id = account->second;
    set->domain = home_of(set->id);
    constexpr std::string_view segment = store::DomainKind<model::AccountService>::segment;
    load(store::keys::in_domain(set->domain, segment, set->id.bits),
         model::encode_stored(*set, {}));
    return true;
}

bool Stage::add_group(std::string_view number, std::string_view json,
                      const std::vector<std::string_view>& members) {
    auto group = model::decode<model::RingGroup>(json, model::Source::Store);
    if (!group) return false;
    group->number = number;
    group->id = RingGroupId{{8, ++groups_}};
    group->domain = kDomain;
    for (const std::string_view each : members) {
        const auto account = accounts_.find(each);
        if (account == accounts_.end()) return false;
        group->members.push_back(account->second);
    }
    constexpr std::string_view segment = store::DomainKind<model::RingGroup>::segment;
    load(store::keys::in_domain(kDomain, segment, group->id.bits),
         model::encode_stored(*group, {}));
    return true;
}

bool Stage::add_feature_code(std::string_view json) {
    auto code = model::decode<model::FeatureCode>(json, model::Source::Api);
    if (!code) return false;
    code->id = FeatureCodeId{{9, ++codes_}};
    code->domain = kDomain;
    constexpr std::string_view segment = store::DomainKind<model::FeatureCode>::segment;
    load(store::keys::in_domain(kDomain, segment, code->id.bits), model::encode_stored(*code, {}));
    return true;
}

bool Stage::add_queue(std::string_view number, std::string_view json,
                      const std::vector<std::string_view>& members) {
    auto queue = model::decode<model::Queue>(json, model::Source::Store);
    if (!queue) return false;
    queue->number = number;
    queue->id = QueueId{{10, ++queues_}};
    queue->domain = kDomain;
    if (!members.empty() && has_account(members.front()))
        queue->domain = home_of(id_of(members.front()));
    for (const std::string_view each : members) {
        const auto account = accounts_.find(each);
        if (account == accounts_.end()) return false;
        queue->members.push_back(account->second);
        model::QueueAgent agent{account->second, queue->domain, true, {}, false, {}};
        constexpr std::string_view segment = store::DomainKind<model::QueueAgent>::segment;
        load(store::keys::in_domain(queue->domain, segment, agent.id.bits),
             model::encode_stored(agent, {}));
    }
    constexpr std::string_view segment = store::DomainKind<model::Queue>::segment;
    load(store::keys::in_domain(queue->domain, segment, queue->id.bits),
         model::encode_stored(*queue, {}));
    return true;
}

void Stage::advise(ports::QueueAdvice::Kind kind, uint32_t value,
                   const std::vector<std::string_view>& agents) {
    const auto last = std::find_if(reports.rbegin(), reports.rend(),
                                   [](const auto& each) { return each.summary.queue.has_value(); });
    if (last == reports.rend()) return;
    ports::QueueAdvice::Entry entry;
    entry.call = last->summary.whole.is_nil() ? last->summary.call : last->summary.whole;
    entry.queue = last->summary.queue->queue;
    entry.kind = kind;
    entry.ahead = value;
    entry.turn = value;
    for (const std::string_view each : agents)
        if (const auto found = accounts_.find(each); found != accounts_.end())
            entry.agents.push_back(found->second);
    give(ports::QueueAdvice{{std::move(entry)}}, kIndex);
}

void Stage::add_rule(model::DialRule rule) {
    add_rule(std::move(rule), kDomain);
}

void Stage::register_phone(std::string_view number, uint16_t port, ports::Transport transport) {
    ports::Binding binding;
    binding.contact = "sip:" + std::string(number) + "@192.0.2.1:" + std::to_string(port);
    binding.flow = flow_of(port, transport);
    binding.user_agent = "Phone";
    bindings_[accounts_.find(number)->second].push_back(std::move(binding));
}

void Stage::moved(std::string_view number, uint16_t port, ports::Transport transport) {
    for (ports::Binding& binding : bindings_[accounts_.find(number)->second]) {
        binding.flow = flow_of(port, transport);
    }
}

void Stage::restart() {
    start_as(kSelf);
}

void Stage::start_as(ports::Instance self) {
    const ports::Surroundings around{self, directory, catalog_, tokens_, rng_, 1};
    role_ = std::make_unique<B2buaRole>(around, B2buaOptions{{SealKey{}, Bytes(32, 9)}, {}});
    out_.take();
    held_.clear();
    role_->start(now, out_);
    pump();
}

void Stage::adopt_as(ports::Instance heir) {
    store::RangeRequest range;
    range.range = store::KeyRange::prefix(store::keys::calls_of(kRole));
    store::Outbox done;
    store_.apply(now.mono, {1, range}, done);
    start_as(heir);
    for (auto& found : std::get<store::RangeReply>(*done.replies.at(0).body).items) {
        const auto id = CallId::parse(found.key.substr(found.key.rfind('/') + 1));
        CHECK(id.has_value());
        role_->on_adopted(now, {*id, kSelf, std::move(found.value)}, out_);
    }
    pump();
}

void Stage::forget_calls() {
    store::Txn txn;
    txn.then_ops.push_back(
        store::DeleteRange{store::KeyRange::prefix(store::keys::calls_of(kRole))});
    store::Outbox done;
    store_.apply(now.mono, {1, txn}, done);
}

// --- Letters.

void Stage::give(ports::Payload payload, ports::Instance from, uint64_t request) {
    role_->on_letter(now, Letter{from, kSelf, request, std::move(payload)}, out_);
    pump();
}

void Stage::pump() {
    for (bool any = true; any;) {
        any = false;
        auto held = std::exchange(held_, {});
        auto letters = out_.take();
        const size_t fresh = letters.size();
        for (Letter& letter : held) play(letter);
        for (Letter& letter : letters) play(letter);
        any = fresh > 0 || !out_.empty();
    }
}

void Stage::lose_media(uint16_t first_port) {
    media_first_port_ = first_port;
    const auto contexts = std::exchange(contexts_, {});
    for (const CallId& context : contexts) {
        give(ports::MediaEvent{context, ports::MediaEvent::Kind::Lost, 1, 0}, kMedia);
    }
}

void Stage::tell_directory() {
    if (std::exchange(directory_told_, directory.generation()) == directory.generation()) return;
    role_->on_directory(now, out_);
    pump();
}

void Stage::tick() {
    tell_directory();
    role_->on_timeout(now, out_);
    pump();
}

void Stage::advance(Duration time) {
    tell_directory();
    const Instant until = now.mono + time;
    const int64_t start_ms = now.utc.unix_ms;
    const Instant start = now.mono;
    for (;;) {
        const auto next = role_->next_deadline();
        if (!next || *next > until) break;
        now.mono = std::max(now.mono, *next);
        now.utc.unix_ms =
            start_ms +
            std::chrono::duration_cast<std::chrono::milliseconds>(now.mono - start).count();
        role_->on_timeout(now, out_);
        pump();
    }
    now.mono = until;
    now.utc.unix_ms =
        start_ms + std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

// --- Phones.

void Stage::from_phone(uint16_t port, std::string_view text, uint64_t owner_key) {
    ports::SipInbound in;
    in.flow = flow_of(port, ports::Transport::Udp);
    in.local = {*IpAddress::parse("198.51.100.1"), 5060};
    in.message = parsed(text);
    in.owner_key = owner_key;
    give(std::move(in), kGate);
}

void Stage::from_trunk(TrunkId trunk, uint16_t port, std::string_view text) {
    ports::SipInbound in;
    in.flow = flow_of(port, ports::Transport::Udp);
    in.flow.gate = kTrunkGate;
    in.local = {*IpAddress::parse("198.51.100.1"), 5070};
    in.message = parsed(text);
    in.trunk = trunk;
    give(std::move(in), kTrunkGate);
}

std::vector<ports::SipOutbound> Stage::at(uint16_t port) {
    std::vector<ports::SipOutbound> found;
    std::vector<ports::SipOutbound> rest;
    for (ports::SipOutbound& sip : sent_) {
        (sip.flow.remote.port == port ? found : rest).push_back(std::move(sip));
    }
    sent_ = std::move(rest);
    return found;
}

ports::SipOutbound Stage::one_at(uint16_t port) {
    auto found = at(port);
    if (found.size() == 1) return std::move(found.front());
    ports::SipOutbound none;
    none.message = sip::Message::response(699, "there were " + std::to_string(found.size()));
    for (const auto& sip : found) {
        none.message.append("X-Seen", sip.message.is_request()
                                          ? sip.message.method_token()
                                          : std::to_string(sip.message.status()));
    }
    return none;
}

void Stage::respond(uint16_t port, const ports::SipOutbound& request, int status,
                    std::string_view sdp, std::string_view more_headers) {
    std::string text = "SIP/2.0 " + std::to_string(status) + " Answer\n";
    text += "Via: SIP/2.0/UDP 198.51.100.1;branch=" + request.branch + "\n";
    for (const auto id : {sip::HeaderId::From, sip::HeaderId::CallId, sip::HeaderId::CSeq}) {
        text += std::string(sip::to_string(id)) + ": " +
                std::string(request.message.header(id).value_or("")) + "\n";
    }
    std::string to(request.message.header(sip::HeaderId::To).value_or(""));
    if (to.find(";tag=") == to.npos && status > 100) to += ";tag=phone" + std::to_string(port);
    text += "To: " + to + "\n";
    text += "Contact: <sip:phone@192.0.2.1:" + std::to_string(port) + ">\n";
    text += more_headers;
    if (!sdp.empty()) text += "Content-Type: application/sdp\n\n" + std::string(sdp);
    const auto token = tokens_.read(ports::TokenKind::Branch, request.branch);
    from_phone(port, text, token ? token->unique : 0);
}

void Stage::call(uint16_t port, std::string_view from, std::string_view to, std::string_view sdp,
                 std::string_view more_headers) {
    const std::string uri = "sip:" + std::string(to) + "@acme.test";
    std::string call_id = "call-of-" + std::string(from);
    if (++calls_ > 1) call_id += "-" + std::to_string(calls_);
    const auto invite = [&](uint32_t cseq, std::string_view authorization) {
        std::string text = "INVITE " + uri + " SIP/2.0\n";
        text += "Via: SIP/2.0/UDP 192.0.2.1:" + std::to_string(port) + ";branch=z9hG4bK" +
                std::to_string(++branches_) + "\n";
        text += "From: <sip:" + std::string(from) + "@acme.test>;tag=caller\n";
        text += "To: <" + uri + ">\nCall-ID: " + call_id + "\n";
        text += "CSeq: " + std::to_string(cseq) + " INVITE\nMax-Forwards: 70\n";
        text += "Contact: <sip:phone@192.0.2.1:" + std::to_string(port) + ">\n";
        text += authorization;
        text += more_headers;
        if (!sdp.empty()) text += "Content-Type: application/sdp\n\n" + std::string(sdp);
        from_phone(port, text);
        invite_ = std::move(text);
    };
    invite(1, "");
    const auto challenged = one_at(port);
    const auto challenge =
        sip::first_known_challenge(challenged.message, sip::HeaderId::ProxyAuthenticate);
    CHECK(challenged.message.status() == 407 && challenge.has_value());
    std::string ack = "ACK " + uri + " SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:";
    ack += std::to_string(port) + ";branch=z9hG4bK" + std::to_string(branches_) + "\n";
    ack += "From: <sip:" + std::string(from) + "@acme.test>;tag=caller\n";
    ack += "To: " + std::string(*challenged.message.header(sip::HeaderId::To)) + "\n";
    ack += "Call-ID: " + call_id + "\nCSeq: 1 ACK\n";
    from_phone(port, ack);
    const std::string answer =
        sip::answer_challenge(*challenge, {from, "secret"},
                              {"INVITE", digest_uri.empty() ? uri : digest_uri, "cnonce", 1});
    invite(2, "Proxy-Authorization: " + answer + "\n");
    cancel_ = "CANCEL " + uri + " SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:";
    cancel_ += std::to_string(port) + ";branch=z9hG4bK" + std::to_string(branches_) + "\n";
    cancel_ += "From: <sip:" + std::string(from) + "@acme.test>;tag=caller\n";
    cancel_ += "To: <" + uri + ">\nCall-ID: " + call_id + "\nCSeq: 2 CANCEL\n";
    cancel_ += "Max-Forwards: 70\n";
}

void Stage::repeat_invite(uint16_t port, uint32_t cseq) {
    std::string text = invite_;
    text.replace(text.find("CSeq: 2"), 7, "CSeq: " + std::to_string(cseq));
    from_phone(port, text);
}

uint64_t Stage::owner_key(std::string_view tag) const {
    const auto token = tokens_.read(ports::TokenKind::Tag, tag);
    return token ? token->unique : 0;
}

std::string Stage::request_in_dialog(std::string_view method, const sip::Message& answer,
                                     uint32_t cseq, std::string_view body) {
    std::string text = std::string(method) + " sip:us@198.51.100.1 SIP/2.0\n";
    text += "Via: SIP/2.0/UDP 192.0.2.1:5000;branch=z9hG4bK" + std::to_string(++branches_) + "\n";
    // `answer` is our response to the phone, or our request to it: its own address is the one
    // without our tag.
    const bool was_callee = answer.is_request();
    const auto own = was_callee ? sip::HeaderId::To : sip::HeaderId::From;
    const auto ours = was_callee ? sip::HeaderId::From : sip::HeaderId::To;
    text += "From: " + std::string(*answer.header(own)) + "\n";
    text += "To: " + std::string(*answer.header(ours)) + "\n";
    text += "Call-ID: " + std::string(answer.call_id()) + "\n";
    text += "CSeq: " + std::to_string(cseq) + " " + std::string(method) + "\nMax-Forwards: 70\n";
    text += "Contact: <sip:phone@192.0.2.1:5000>\n";
    if (!body.empty()) text += "Content-Type: application/sdp\n\n" + std::string(body);
    return text;
}

std::string Stage::sdp(uint16_t port, std::string_view direction) {
    return "v=0\no=phone 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio " +
           std::to_string(port) + " RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\n" +
           "a=rtpmap:101 telephone-event/8000\na=" + std::string(direction) + "\n";
}

std::string Stage::sdp_secure(uint16_t port) {
    return "v=0\no=phone 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio " +
           std::to_string(port) + " RTP/SAVP 8\na=rtpmap:8 PCMA/8000\n" +
           "a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:" +
           "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\n";
}

// --- The store.

size_t Stage::count(std::string_view prefix) const {
    store::RangeRequest range;
    range.range = store::KeyRange::prefix(prefix);
    store::Outbox done;
    store_.apply(now.mono, {1, range}, done);
    return std::get<store::RangeReply>(*done.replies.at(0).body).items.size();
}

size_t Stage::stored_calls() const {
    return count(store::keys::calls_of(kRole));
}

std::vector<std::string> Stage::records() const {
    store::RangeRequest range;
    range.range = store::KeyRange::prefix(store::keys::cdr_outbox_prefix);
    store::Outbox done;
    store_.apply(now.mono, {1, range}, done);
    std::vector<std::string> records;
    for (auto& found : std::get<store::RangeReply>(*done.replies.at(0).body).items) {
        records.push_back(std::move(found.value));
    }
    return records;
}

}  // namespace tandem::roles::b2bua
