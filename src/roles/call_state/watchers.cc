// SUBSCRIBE: from its arrival to its answer.
#include "roles/call_state/watchers.h"

#include <algorithm>

#include "roles/call_state/limits.h"
#include "roles/call_state/watch_permit.h"
#include "sip/tag.h"
#include "sip/uri.h"
#include "store/catalog.h"
#include "store/catalog_names.h"
#include "store/catalog_tree.h"

namespace tandem::roles::call_state {

using ports::RoleKind;
using sip::HeaderId;

namespace {

sip::LayerSettings layer_settings(const ports::Surroundings& around) {
    sip::LayerSettings settings;
    settings.hash_key = {around.rng.next(), around.rng.next()};
    settings.first_key = around.rng.next() | 1;
    return settings;
}

sip::Hop hop_of(const ports::Flow& flow) {
    return sip::Hop::of(flow, ports::is_reliable(flow.transport) ? sip::Reliability::Reliable
                                                                 : sip::Reliability::Unreliable);
}

std::string_view tag_of(const Result<sip::NameAddr>& address) {
    return address ? address->tag() : std::string_view();
}

bool is_b2b(const ports::Directory& directory, ports::Instance sender) {
    const auto* entry = directory.find(sender);
    return entry != nullptr && entry->kind == RoleKind::B2bua;
}

Error with_status(int status) {
    return make_error(ErrorCode::OutOfRange, "", "", status);
}

}  // namespace

Watchers::Watchers(const ports::Surroundings& around, const Index& index)
    : around_(around),
      index_(index),
      layer_(layer_settings(around)),
      writer_("cs-" + std::to_string(around.self.number), around.self.number) {}

void Watchers::on_sip(Now now, ports::Letter letter, ports::Outbox& out) {
    const auto& in = get<ports::SipInbound>(letter.payload);
    if (in.message.is_response()) {
        const auto arrival = layer_.on_response(now.mono, {in.owner_key}, in.message, wire_);
        if (arrival.kind == sip::ResponseArrival::Kind::Response)
            on_notified(now, arrival.user, in.message.status(), out);
        deliver_layer_events(now, out);
        return emit(out);
    }
    if (phase_ == Phase::Passive && pass_on(letter, out)) return;
    if (phase_ != Phase::Serving) {
        // Too many: phones repeat theirs.
        if (held_.size() < kHeldMax) held_.push_back(std::move(letter));
        return;
    }
    take_request(now, std::move(letter), out);
}

// The tokens of a dialog name the copy that was active when it began.
bool Watchers::pass_on(ports::Letter& letter, ports::Outbox& out) {
    const auto& message = get<ports::SipInbound>(letter.payload).message;
    const auto from = message.from();
    const auto uri = from ? from->parsed_uri() : Result<sip::UriView>(from.error());
    const auto* domain = uri ? around_.catalog.find_domain(uri->host()) : nullptr;
    if (domain == nullptr) return false;
    const auto active = around_.directory.active(RoleKind::CallState, domain->id);
    if (!active || *active == around_.self) return false;
    letter.to = *active;
    out.send(std::move(letter));
    return true;
}

void Watchers::take_request(Now now, ports::Letter letter, ports::Outbox& out) {
    const auto& in = get<ports::SipInbound>(letter.payload);
    Asker asker;
    asker.flow = in.flow;
    if (is_b2b(around_.directory, letter.from)) {
        asker.b2b = letter.from;
        asker.request = letter.request;
    } else {
        const auto arrival = layer_.on_request(now.mono, in.message, hop_of(in.flow), wire_);
        asker.server = arrival.server;
        if (arrival.kind != sip::RequestArrival::Kind::Request) {
            deliver_layer_events(now, out);
            return emit(out);
        }
    }
    if (in.message.method() == sip::Method::Subscribe) {
        on_subscribe(now, in, asker, out);
    } else if (in.message.method() == sip::Method::Publish) {
        on_publish(now, in, asker, out);
    } else {
        refuse(now, asker, in.message, {405, {}, {}}, out);
    }
    deliver_layer_events(now, out);
    emit(out);
}

void Watchers::on_subscribe(Now now, const ports::SipInbound& in, const Asker& asker,
                            ports::Outbox& out) {
    SubscribeJudgement judged = read_subscribe(in.message);
    if (!judged.request) return refuse(now, asker, in.message, judged.refused, out);
    if (tag_of(in.message.to()).empty()) {
        subscribe(now, in, *judged.request, asker, out);
    } else {
        refresh(now, in, *judged.request, asker, out);
    }
}

// The B2B has proved who it is, and says so (RFC 3325): account and domain by their ids.
std::optional<Watchers::Asserted> Watchers::asserted_in(const sip::Message& message) const {
    const auto asserted = message.address(HeaderId::PAssertedIdentity);
    if (!asserted || !*asserted) return std::nullopt;
    const auto identity = (*asserted)->parsed_uri();
    if (!identity) return std::nullopt;
    const std::string_view ids = identity->user;  // "<account>.<domain>"
    const size_t dot = std::min(ids.find('.'), ids.size());
    const auto account = AccountId::parse(ids.substr(0, dot));
    const auto domain = DomainId::parse(ids.substr(std::min(dot + 1, ids.size())));
    if (!account || !domain || around_.catalog.find_domain(*domain) == nullptr) return std::nullopt;
    return Asserted{*domain, *account};
}

// By its login or number; nullopt: there is none, or it is disabled.
std::optional<AccountId> Watchers::account_of(DomainId domain, const std::string& user) const {
    const auto* account = store::account_by_login_or_number(around_.catalog, domain, user);
    if (account == nullptr || !account->enabled) return std::nullopt;
    return account->id;
}

Result<Subscription> Watchers::made_of(Now now, const ports::SipInbound& in,
                                       const SubscribeRequest& request) const {
    const auto who = asserted_in(in.message);
    const auto uri = in.message.parsed_request_uri();
    const auto from = in.message.from();
    if (!who || !uri || !from) return with_status(403);
    const std::string user = uri->decoded_user();
    const auto* domain = around_.catalog.find_domain(who->domain);
    const auto watched = account_of(who->domain, user);
    if (!watched) return with_status(404);
    if (!may_watch(around_.catalog, who->domain, who->account, *watched, request.package))
        return with_status(403);
    if (request.target.empty()) return with_status(400);
    Subscription made;
    do made.key = around_.rng.next();
    while (made.key == 0 || subscriptions_.contains(made.key));
    made.domain = domain->id;
    made.watcher = who->account;
    made.watched = *watched;
    made.package = request.package;
    made.event_id = request.event_id;
    made.call_id = in.message.call_id();
    made.local_tag = around_.tokens.text({ports::TokenKind::Tag, around_.self, made.key});
    made.remote_tag = from->tag();
    made.local =
        std::string(in.message.header(HeaderId::To).value_or("")) + ";tag=" + made.local_tag;
    made.remote = in.message.header(HeaderId::From).value_or("");
    made.target = request.target;
    made.entity = "sip:" + sip::escape_user(user) + "@" + std::string(domain->name);
    made.flow = in.flow;
    made.created = now.utc;
    made.expires = UtcTime{now.utc.unix_ms + int64_t{request.expires_s} * 1000};
    made.cseq = request.cseq;
    return made;
}

void Watchers::subscribe(Now now, const ports::SipInbound& in, const SubscribeRequest& request,
                         const Asker& asker, ports::Outbox& out) {
    auto made = asker.b2b ? made_of(now, in, request) : with_status(403);
    if (!made) return refuse(now, asker, in.message, {made.error().sip_status, {}, {}}, out);
    // The same phone once more, whose dialog with us was lost.
    if (const auto watched = watched_.find(made->watched); watched != watched_.end()) {
        const std::set<uint64_t> keys = watched->second.by;
        for (const uint64_t key : keys) {
            const Subscription& each = subscriptions_.at(key).is;
            if (each.call_id != made->call_id || each.remote_tag != made->remote_tag ||
                each.package != made->package || each.event_id != made->event_id)
                continue;
            forget(now, key, out);
            drop(key);
        }
    }
    const auto has = of_watcher_.find(made->watcher);
    if (subscriptions_.size() >= kSubscriptionsMax ||
        (has != of_watcher_.end() && has->second >= kSubscriptionsOfAccountMax))
        return refuse(now, asker, in.message, {503, {}, {}}, out);
    sip::Message response = sip::make_response(in.message, 200, {}, made->local_tag);
    response.append(HeaderId::Expires, std::to_string(request.expires_s));
    const uint64_t key = made->key;
    add(now, {std::move(*made)});
    Live& live = subscriptions_.at(key);
    Writing writing{asker, std::move(response), key, request.expires_s, {}};
    if (request.expires_s > 0) return save(now, live, std::move(writing), out);
    // RFC 6665 4.4.3: to look once.
    live.has_begun = true;
    live.is_over = true;
    answer(now, asker, std::move(writing.answer), key, out);
    note_due(now, live);
}

Watchers::Live* Watchers::find_dialog(const sip::Message& message) {
    const auto key = by_local_tag_.find(std::string(tag_of(message.to())));
    if (key == by_local_tag_.end()) return nullptr;
    Live& live = subscriptions_.at(key->second);
    const bool is_its = live.is.call_id == message.call_id() &&
                        live.is.remote_tag == tag_of(message.from()) && !live.is_over;
    return is_its ? &live : nullptr;
}

void Watchers::refresh(Now now, const ports::SipInbound& in, const SubscribeRequest& request,
                       const Asker& asker, ports::Outbox& out) {
    Live* live = find_dialog(in.message);
    if (live == nullptr || live->is.package != request.package ||
        live->is.event_id != request.event_id)
        return refuse(now, asker, in.message, {481, {}, {}}, out);
    // RFC 3261 12.2.2.
    if (request.cseq <= live->is.cseq) return refuse(now, asker, in.message, {500, {}, {}}, out);
    live->is.cseq = request.cseq;
    live->is.flow = in.flow;
    if (std::exchange(live->unreached, uint8_t{0}) > 0) live->next_at = now.mono;
    if (!request.target.empty()) live->is.target = request.target;
    live->is.expires = UtcTime{now.utc.unix_ms + int64_t{request.expires_s} * 1000};
    sip::Message response = sip::make_response(in.message, 200);
    response.append(HeaderId::Expires, std::to_string(request.expires_s));
    if (request.expires_s > 0)
        return save(now, *live, {asker, std::move(response), live->is.key, request.expires_s, {}},
                    out);
    live->is_over = true;
    answer(now, asker, std::move(response), live->is.key, out);
    forget(now, live->is.key, out);
    note_due(now, *live);
}

void Watchers::save(Now now, Live& live, Writing writing, ports::Outbox& out) {
    const Duration rest = std::chrono::milliseconds(live.is.expires.unix_ms - now.utc.unix_ms);
    timers_.add(now.mono + rest, live.is.key);
    store::WriterOutbox box;
    const auto ticket =
        writer_.put(now.mono, store_key_of(live.is), encode_subscription(live.is), box);
    if (!ticket) return on_saved(now, writing, false, out);
    writing_.emplace(*ticket, std::move(writing));
    flush(now, box, out);
}

void Watchers::on_saved(Now now, const Writing& done, bool is_saved, ports::Outbox& out) {
    if (done.published) return on_published(now, done, is_saved, out);
    const auto found = subscriptions_.find(done.key);
    sip::Message response = done.answer;
    if (!is_saved || found == subscriptions_.end()) {
        response.set_status(503);
        response.remove(HeaderId::Expires);
        response.append(HeaderId::RetryAfter, "5");
        if (found != subscriptions_.end() && !found->second.has_begun) drop(done.key);
        answer(now, done.asker, std::move(response), 0, out);
        return emit(out);
    }
    found->second.has_begun = true;
    answer(now, done.asker, std::move(response), done.key, out);
    note_due(now, found->second);
    emit(out);
}

// `key` 0: without a Contact.
void Watchers::answer(Now now, const Asker& asker, sip::Message response, uint64_t key,
                      ports::Outbox& out) {
    std::string token;
    if (key != 0) token = around_.tokens.text({ports::TokenKind::Contact, around_.self, key});
    if (asker.server)
        return layer_.respond(now.mono, asker.server, std::move(response), {std::move(token), {}},
                              wire_);
    ports::SipOutbound passed;
    passed.flow = asker.flow;
    passed.message = std::move(response);
    passed.contact_token = std::move(token);
    out.send(around_.self, asker.b2b, std::move(passed), asker.request);
}

void Watchers::refuse(Now now, const Asker& asker, const sip::Message& request, const Refused& why,
                      ports::Outbox& out) {
    answer(now, asker, refusal(request, why, sip::make_tag(around_.rng)), 0, out);
}

void Watchers::emit(ports::Outbox& out) {
    for (sip::Outbound& outbound : wire_.messages) {
        ports::SipOutbound sip;
        sip.flow = outbound.envelope.hop.flow<ports::Flow>();
        if (outbound.branch)
            sip.branch = around_.tokens.text(
                {ports::TokenKind::Branch, around_.self, outbound.branch.value});
        sip.contact_token = std::move(outbound.envelope.contact.token);
        sip.alternative_uri = std::move(outbound.envelope.alternative_uri);
        sip.message = std::move(outbound.message);
        const auto* own = around_.directory.find(sip.flow.gate);
        const bool is_there = own != nullptr && own->reachable;
        const auto other = is_there ? std::nullopt
                                    : around_.directory.heir(RoleKind::SipGate,
                                                             sip.flow.remote.port, sip.flow.gate);
        const ports::Instance gate = other.value_or(sip.flow.gate);
        out.send(around_.self, gate, std::move(sip));
    }
    wire_.messages.clear();
}

}  // namespace tandem::roles::call_state
