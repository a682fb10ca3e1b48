// The part of the transaction layer that deals with time, ends and survival.
#include "sip/transaction/layer_snapshot.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::sip {
namespace {

template <typename Machine>
std::optional<Instant> deadline_of(const Machine& machine) {
    return std::visit([](const auto& m) { return m.next_deadline(); }, machine);
}

}  // namespace

void TransactionLayer::schedule(std::optional<Instant>& scheduled, std::optional<Instant> deadline,
                                TimerKey key) {
    if (!deadline || (scheduled && *scheduled <= *deadline)) return;
    scheduled = deadline;
    queue_.add(*deadline, key);
}

void TransactionLayer::settle_client(Instant now, Table table, Clients::iterator it,
                                     LayerOutbox& out) {
    const uint64_t key = it->first;
    Client& client = it->second;
    const bool is_invite = std::holds_alternative<InviteClientTransaction>(client.machine);
    const Method method = is_invite ? Method::Invite : Method::Other;
    for (Message& message : scratch_.messages) {
        Envelope envelope = client.envelope;
        if (message.method() == Method::Ack) envelope.contact = {};  // of a failure: no Contact
        out.messages.push_back({std::move(message), std::move(envelope), ClientKey{key}});
    }
    scratch_.messages.clear();
    bool ended = false;
    bool cancel_due = false;
    const auto tell = [&](LayerEvent::Kind kind, int status) {
        if (table == Table::Cancel) return;  // a CANCEL is nobody's but ours
        out.events.push_back({kind, ClientKey{key}, {}, client.user, method, status});
    };
    for (const TransactionEvent event : scratch_.events) {
        switch (event) {
            case TransactionEvent::Timeout:
                ++counters_.timeouts;
                tell(LayerEvent::Kind::Timeout, 408);
                break;
            case TransactionEvent::TransportError:
                tell(LayerEvent::Kind::TransportError, failure_status_);
                break;
            case TransactionEvent::CancelDue:
                cancel_due = true;
                break;
            case TransactionEvent::Terminated:
                ended = true;
                tell(LayerEvent::Kind::ClientTerminated, 0);
                break;
            case TransactionEvent::AckTimeout:
                break;
        }
    }
    scratch_.events.clear();
    if (ended) {
        table_of(table).erase(it);
        return;
    }
    schedule(client.scheduled, deadline_of(client.machine), {key, table});
    if (cancel_due) start_cancel(now, key, client, out);
}

void TransactionLayer::settle_server(Servers::iterator it, LayerOutbox& out) {
    const uint64_t key = it->first;
    Server& server = it->second;
    const bool is_invite = std::holds_alternative<InviteServerTransaction>(server.machine);
    const Method method = is_invite ? Method::Invite : Method::Other;
    for (Message& message : scratch_.messages) {
        out.messages.push_back({std::move(message), server.envelope, {}});
    }
    bool ended = false;
    const auto tell = [&](LayerEvent::Kind kind) {
        out.events.push_back({kind, {}, ServerKey{key}, server.user, method, 0});
    };
    for (const TransactionEvent event : scratch_.events) {
        if (event == TransactionEvent::AckTimeout) {
            ++counters_.timeouts;
            tell(LayerEvent::Kind::AckTimeout);
        } else if (event == TransactionEvent::Terminated) {
            ended = true;
            tell(LayerEvent::Kind::ServerTerminated);
        }
    }
    scratch_.clear();
    if (ended) {
        if (server.merge_key != 0) merges_.erase(server.merge_key);
        servers_.erase(it);
    } else {
        schedule(server.scheduled, deadline_of(server.machine), {key, Table::Server});
    }
}

void TransactionLayer::on_timeout(Instant now, LayerOutbox& out) {
    while (const auto due = queue_.pop_due(now)) fire(now, *due, out);
}

void TransactionLayer::fire(Instant now, TimerKey due, LayerOutbox& out) {
    if (due.table == Table::Server) {
        fire_server(now, due, out);
    } else {
        fire_client(now, due, out);
    }
}

// An alarm may ring for a transaction that is gone, or whose deadline has moved since.
void TransactionLayer::fire_client(Instant now, TimerKey due, LayerOutbox& out) {
    const auto it = table_of(due.table).find(due.key);
    if (it == table_of(due.table).end()) return;
    Client& client = it->second;
    client.scheduled.reset();
    const auto deadline = deadline_of(client.machine);
    if (deadline && *deadline <= now) {
        std::visit([&](auto& machine) { machine.on_timeout(now, scratch_); }, client.machine);
        counters_.retransmissions_out += scratch_.messages.size();
    }
    settle_client(now, due.table, it, out);
}

void TransactionLayer::fire_server(Instant now, TimerKey due, LayerOutbox& out) {
    const auto it = servers_.find(due.key);
    if (it == servers_.end()) return;
    Server& server = it->second;
    server.scheduled.reset();
    const auto deadline = deadline_of(server.machine);
    if (deadline && *deadline <= now) {
        std::visit([&](auto& machine) { machine.on_timeout(now, scratch_); }, server.machine);
        counters_.retransmissions_out += scratch_.messages.size();
    }
    settle_server(it, out);
}

// --- Survival.

LayerSnapshot TransactionLayer::snapshot() const {
    LayerSnapshot snapshot;
    snapshot.next_key = next_key_;
    snapshot.counters = counters_;
    const auto copy = [](const Clients& from, std::vector<LayerSnapshot::Client>& to) {
        for (const auto& [key, client] : from) {
            auto& saved = to.emplace_back();
            saved.key = key;
            std::visit([&](const auto& machine) { saved.machine = machine.snapshot(); },
                       client.machine);
            saved.envelope = client.envelope;
            saved.user = client.user;
            saved.cancel_reason = client.cancel_reason;
        }
    };
    copy(clients_, snapshot.clients);
    copy(cancels_, snapshot.cancels);
    for (const auto& [key, server] : servers_) {
        auto& saved = snapshot.servers.emplace_back();
        saved.key = key;
        std::visit([&](const auto& machine) { saved.machine = machine.snapshot(); },
                   server.machine);
        saved.envelope = server.envelope;
        saved.user = server.user;
        saved.merge_key = server.merge_key;
        saved.local_tag = server.local_tag;
    }
    return snapshot;
}

namespace {

auto machine_of(std::variant<InviteClientSnapshot, NonInviteClientSnapshot> saved)
    -> std::variant<InviteClientTransaction, NonInviteClientTransaction> {
    if (auto* invite = std::get_if<InviteClientSnapshot>(&saved)) {
        return InviteClientTransaction::restore(std::move(*invite));
    }
    return NonInviteClientTransaction::restore(std::get<NonInviteClientSnapshot>(std::move(saved)));
}

auto machine_of(std::variant<InviteServerSnapshot, NonInviteServerSnapshot> saved)
    -> std::variant<InviteServerTransaction, NonInviteServerTransaction> {
    if (auto* invite = std::get_if<InviteServerSnapshot>(&saved)) {
        return InviteServerTransaction::restore(std::move(*invite));
    }
    return NonInviteServerTransaction::restore(std::get<NonInviteServerSnapshot>(std::move(saved)));
}

}  // namespace

TransactionLayer TransactionLayer::restore(const LayerSettings& settings, LayerSnapshot snapshot) {
    TransactionLayer layer(settings);
    layer.next_key_ = snapshot.next_key;
    layer.counters_ = snapshot.counters;
    const auto copy = [&](std::vector<LayerSnapshot::Client>& from, Table table) {
        for (auto& saved : from) {
            const auto [it, added] = layer.table_of(table).emplace(
                saved.key, Client{machine_of(std::move(saved.machine)),
                                  std::move(saved.envelope),
                                  saved.user,
                                  std::move(saved.cancel_reason),
                                  {}});
            layer.schedule(it->second.scheduled, deadline_of(it->second.machine),
                           {saved.key, table});
        }
    };
    copy(snapshot.clients, Table::Client);
    copy(snapshot.cancels, Table::Cancel);
    for (auto& saved : snapshot.servers) {
        const auto [it, added] =
            layer.servers_.emplace(saved.key, Server{machine_of(std::move(saved.machine)),
                                                     std::move(saved.envelope),
                                                     saved.user,
                                                     saved.merge_key,
                                                     std::move(saved.local_tag),
                                                     {}});
        if (saved.merge_key != 0) layer.merges_.emplace(saved.merge_key, saved.key);
        layer.schedule(it->second.scheduled, deadline_of(it->second.machine),
                       {saved.key, Table::Server});
    }
    return layer;
}

}  // namespace tandem::sip
