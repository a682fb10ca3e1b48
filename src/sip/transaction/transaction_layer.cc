#include "sip/transaction/transaction_layer.h"

#include <algorithm>

#include "base/bytes.h"
#include "sip/status.h"
#include "sip/transaction/match_key.h"

namespace tandem::sip {
namespace {

// Requests that begin something new: refused first when the layer fills up.
bool begins_anew(const Message& request) {
    const auto to = request.to();
    return to && to->tag().empty();
}

bool asks_for_credentials(int status) {
    return status == 401 || status == 407;
}

std::string_view to_tag(const Message& message) {
    const auto to = message.to();
    return to ? to->tag() : std::string_view{};
}

bool follows_rfc_2543(const Message& request) {
    const auto via = request.top_via();
    return !via || !via->has_magic_cookie();
}

}  // namespace

TransactionLayer::TransactionLayer(const LayerSettings& settings)
    : settings_(settings), next_key_(settings.first_key) {}

bool TransactionLayer::has_room_for_new_calls() const {
    const size_t most = settings_.transactions_max;
    return size() < most - most / transactions_reserve_divisor;
}

uint64_t TransactionLayer::new_key() {
    if (next_key_ == 0) next_key_ = 1;
    return next_key_++;
}

// --- Requests that come in.

RequestArrival TransactionLayer::on_request(Instant now, const Message& request, const Hop& hop,
                                            LayerOutbox& out) {
    using Kind = RequestArrival::Kind;
    ++counters_.requests_in;
    if (request.method() == Method::Ack) return on_ack(now, request, out);
    if (request.method() == Method::Cancel) return on_cancel(request, hop, out);

    const uint64_t key = server_match_key(settings_.hash_key, request, MatchAs::ItsMethod);
    if (const auto it = servers_.find(key); it != servers_.end()) {
        repeat_answer(now, it, out);
        return {};
    }
    const bool full =
        begins_anew(request) ? !has_room_for_new_calls() : size() >= settings_.transactions_max;
    if (full) {
        ++counters_.refused;
        answer_directly(request, 503, hop, out);
        return {};
    }
    const uint64_t merge = merge_key(settings_.hash_key, request);
    if (merge != 0 && !merges_.emplace(merge, key).second) {
        ++counters_.merged;  // RFC 3261 8.2.2.2
        answer_directly(request, 482, hop, out);
        return {};
    }
    const auto it = open_server(now, request, hop, key);
    it->second.merge_key = merge;
    settle_server(it, out);
    return {Kind::Request, ServerKey{key}, 0};
}

void TransactionLayer::repeat_answer(Instant now, Servers::iterator it, LayerOutbox& out) {
    ++counters_.retransmissions_in;
    std::visit([&](auto& machine) { machine.on_retransmission(now, scratch_); },
               it->second.machine);
    counters_.retransmissions_out += scratch_.messages.size();
    settle_server(it, out);
}

TransactionLayer::Servers::iterator TransactionLayer::open_server(Instant now,
                                                                  const Message& request,
                                                                  const Hop& hop, uint64_t key) {
    const auto reliability = hop.reliability();
    Envelope envelope{hop, {}, {}};
    if (request.method() == Method::Invite) {
        InviteServerTransaction machine(now, request, reliability, settings_.timers);
        return servers_.emplace(key, Server{std::move(machine), std::move(envelope)}).first;
    }
    NonInviteServerTransaction machine(now, request, reliability, settings_.timers);
    return servers_.emplace(key, Server{std::move(machine), std::move(envelope)}).first;
}

// RFC 3261 17.2.3: the ACK of a failure belongs to the INVITE's transaction, that of a 2xx to none.
RequestArrival TransactionLayer::on_ack(Instant now, const Message& ack, LayerOutbox& out) {
    using Kind = RequestArrival::Kind;
    const auto it = servers_.find(server_match_key(settings_.hash_key, ack, MatchAs::Invite));
    if (it == servers_.end()) return {Kind::Ack, {}, 0};
    Server& server = it->second;
    const bool other_tag = follows_rfc_2543(ack) && to_tag(ack) != server.local_tag;
    auto* invite = std::get_if<InviteServerTransaction>(&server.machine);
    if (invite == nullptr || other_tag) return {Kind::Ack, {}, 0};
    const RequestArrival for_user{Kind::Ack, ServerKey{it->first}, server.user};
    const Verdict verdict = invite->on_ack(now, scratch_);
    settle_server(it, out);
    return verdict == Verdict::ForUser ? for_user : RequestArrival{};
}

// RFC 3261 9.2. Answered without a transaction: the same CANCEL again gets the same answer.
RequestArrival TransactionLayer::on_cancel(const Message& cancel, const Hop& hop,
                                           LayerOutbox& out) {
    using Kind = RequestArrival::Kind;
    const auto it = servers_.find(server_match_key(settings_.hash_key, cancel, MatchAs::Invite));
    if (it == servers_.end()) {
        answer_directly(cancel, 481, hop, out);
        return {};
    }
    const Server& server = it->second;
    // The To tag should be that of our responses to the INVITE.
    const std::string tag = server.local_tag.empty() ? own_tag(cancel) : server.local_tag;
    out.messages.push_back({make_response(cancel, 200, {}, tag), Envelope{hop, {}, {}}, {}});
    ++counters_.responses_out;
    if (!is_open(ServerKey{it->first})) return {};
    return {Kind::Cancelled, ServerKey{it->first}, server.user};
}

void TransactionLayer::answer_directly(const Message& request, int status, const Hop& hop,
                                       LayerOutbox& out) {
    Message response = make_response(request, status, {}, own_tag(request));
    // Long enough for the transactions of a burst to end, over UDP.
    if (status == 503) response.append(HeaderId::RetryAfter, "5");
    out.messages.push_back({std::move(response), Envelope{hop, {}, {}}, {}});
    ++counters_.responses_out;
}

// A tag that is the same for the same request, as a stateless server needs it (RFC 3261 8.2.7).
std::string TransactionLayer::own_tag(const Message& request) const {
    const uint64_t hash = server_match_key(settings_.hash_key, request, MatchAs::Invite);
    return hex_encode(BytesView(reinterpret_cast<const uint8_t*>(&hash), sizeof hash));
}

// --- Our responses.

void TransactionLayer::respond(Instant now, ServerKey key, Message response,
                               const OurContact& contact, LayerOutbox& out) {
    const auto it = servers_.find(key.value);
    if (it == servers_.end()) return;
    Server& server = it->second;
    const int status = response.status();
    const bool is_invite = std::holds_alternative<InviteServerTransaction>(server.machine);
    if (is_invite && server.local_tag.empty()) server.local_tag = to_tag(response);
    server.envelope.contact = contact;
    std::visit([&](auto& machine) { machine.respond(now, std::move(response), scratch_); },
               server.machine);
    counters_.responses_out += scratch_.messages.size();
    // INTEROP: some phones repeat a challenged request with credentials but without a new CSeq.
    // Those are not merged requests.
    if (asks_for_credentials(status) && server.merge_key != 0) {
        merges_.erase(std::exchange(server.merge_key, 0));
    }
    settle_server(it, out);
}

void TransactionLayer::adopt(ServerKey key, UserKey user) {
    const auto it = servers_.find(key.value);
    if (it != servers_.end()) it->second.user = user;
}

void TransactionLayer::forget(ServerKey key) {
    servers_.erase(key.value);
}

bool TransactionLayer::is_open(ServerKey key) const {
    const auto it = servers_.find(key.value);
    if (it == servers_.end()) return false;
    if (const auto* invite = std::get_if<InviteServerTransaction>(&it->second.machine)) {
        return invite->state() == InviteServerState::Proceeding;
    }
    const auto state = std::get<NonInviteServerTransaction>(it->second.machine).state();
    return state == NonInviteServerState::Trying || state == NonInviteServerState::Proceeding;
}

const Hop* TransactionLayer::hop_of(ServerKey key) const {
    const auto it = servers_.find(key.value);
    return it == servers_.end() ? nullptr : &it->second.envelope.hop;
}

// --- Our requests.

ClientKey TransactionLayer::send_request(Instant now, Message request, Envelope envelope,
                                         UserKey user, LayerOutbox& out) {
    if (size() >= settings_.transactions_max) return {};
    ++counters_.requests_out;
    const uint64_t key = new_key();
    const auto reliability = envelope.hop.reliability();
    const auto& timers = settings_.timers;
    if (request.method() == Method::Invite) {
        InviteClientTransaction machine(now, std::move(request), reliability, timers, scratch_);
        clients_.emplace(key, Client{std::move(machine), std::move(envelope), user, {}, {}});
    } else {
        NonInviteClientTransaction machine(now, std::move(request), reliability, timers, scratch_);
        clients_.emplace(key, Client{std::move(machine), std::move(envelope), user, {}, {}});
    }
    settle_client(now, Table::Client, clients_.find(key), out);
    return ClientKey{key};
}

void TransactionLayer::resume_invite(Instant now, SentInvite sent, LayerOutbox& out) {
    InviteClientSnapshot snapshot;
    snapshot.reliability = sent.envelope.hop.reliability();
    snapshot.timers = settings_.timers;
    snapshot.invite = std::move(sent.invite);
    if (snapshot.reliability == Reliability::Reliable) {
        snapshot.state = InviteClientState::Proceeding;
    } else {
        snapshot.interval_a = settings_.timers.t1;
        snapshot.timer_a = now;
        snapshot.timer_b = now + settings_.timers.times_64();
    }
    clients_.insert_or_assign(sent.key.value,
                              Client{InviteClientTransaction::restore(std::move(snapshot)),
                                     std::move(sent.envelope),
                                     sent.user,
                                     {},
                                     {}});
    settle_client(now, Table::Client, clients_.find(sent.key.value), out);
}

ClientKey TransactionLayer::send_ack(Message ack, Envelope envelope, LayerOutbox& out,
                                     ClientKey again) {
    const ClientKey key = again ? again : ClientKey{new_key()};
    out.messages.push_back({std::move(ack), std::move(envelope), key});
    return key;
}

bool TransactionLayer::cancel(Instant now, ClientKey key, std::string_view reason,
                              LayerOutbox& out) {
    const auto it = clients_.find(key.value);
    if (it == clients_.end()) return false;
    auto* invite = std::get_if<InviteClientTransaction>(&it->second.machine);
    if (invite == nullptr) return false;
    const bool pending = invite->state() == InviteClientState::Calling ||
                         invite->state() == InviteClientState::Proceeding;
    if (!pending) return false;
    it->second.cancel_reason = reason;
    invite->cancel(now, scratch_);
    settle_client(now, Table::Client, it, out);
    return true;
}

void TransactionLayer::start_cancel(Instant now, uint64_t key, Client& invite, LayerOutbox& out) {
    Message cancel = make_cancel(std::get<InviteClientTransaction>(invite.machine).invite());
    if (!invite.cancel_reason.empty()) cancel.append(HeaderId::Reason, invite.cancel_reason);
    Envelope envelope = invite.envelope;
    envelope.contact = {};  // RFC 3261 9.1: a CANCEL has none
    ++counters_.requests_out;
    const auto reliability = envelope.hop.reliability();
    NonInviteClientTransaction machine(now, std::move(cancel), reliability, settings_.timers,
                                       scratch_);
    cancels_.insert_or_assign(key, Client{std::move(machine), std::move(envelope), 0, {}, {}});
    settle_client(now, Table::Cancel, cancels_.find(key), out);
}

ResponseArrival TransactionLayer::on_response(Instant now, ClientKey key, const Message& response,
                                              LayerOutbox& out) {
    using Kind = ResponseArrival::Kind;
    ++counters_.responses_in;
    // RFC 3261 17.1.3: branch and CSeq method; a CANCEL shares its INVITE's branch.
    const auto cseq = response.cseq();
    const bool to_cancel = cseq && cseq->method == Method::Cancel;
    const Table table = to_cancel ? Table::Cancel : Table::Client;
    const auto it = table_of(table).find(key.value);
    if (it == table_of(table).end() || !cseq) {
        ++counters_.strays;
        return {Kind::Stray, key, 0};
    }
    Client& client = it->second;
    const bool is_invite = std::holds_alternative<InviteClientTransaction>(client.machine);
    if (is_invite != (cseq->method == Method::Invite)) return {};
    const UserKey user = client.user;
    const Verdict verdict =
        std::visit([&](auto& machine) { return machine.on_response(now, response, scratch_); },
                   client.machine);
    settle_client(now, table, it, out);
    if (verdict == Verdict::Absorbed || to_cancel) return {};
    return {Kind::Response, key, user};
}

void TransactionLayer::on_undeliverable(Instant now, ClientKey key, int status, LayerOutbox& out) {
    failure_status_ = status;
    for (const Table table : {Table::Cancel, Table::Client}) {
        const auto it = table_of(table).find(key.value);
        if (it == table_of(table).end()) continue;
        std::visit([&](auto& machine) { machine.on_transport_error(now, scratch_); },
                   it->second.machine);
        settle_client(now, table, it, out);
    }
    failure_status_ = 503;
}

void TransactionLayer::on_connections_lost(Instant now,
                                           const std::function<bool(const Hop&)>& is_lost,
                                           LayerOutbox& out) {
    std::vector<uint64_t> lost;
    for (const auto& [key, client] : clients_) {
        const auto* invite = std::get_if<InviteClientTransaction>(&client.machine);
        if (invite != nullptr && begins_anew(invite->invite())) continue;
        const Hop& hop = client.envelope.hop;
        if (hop.reliability() == Reliability::Reliable && is_lost(hop)) lost.push_back(key);
    }
    std::ranges::sort(lost);  // the oldest first, in each run
    for (const uint64_t key : lost) on_undeliverable(now, {key}, 430, out);
}

}  // namespace tandem::sip
