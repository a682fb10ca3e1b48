#include "sim/history/history_clients.h"

#include <utility>

namespace tandem::sim {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

SeenValue value_in(const store::RangeReply& reply) {
    return reply.items.empty() ? SeenValue() : SeenValue(reply.items.front().value);
}

store::Compare compare_of(const Operation& operation) {
    return operation.expected ? store::Compare::value_is(operation.key, *operation.expected)
                              : store::Compare::absent(operation.key);
}

}  // namespace

HistoryClients::HistoryClients(size_t clients, size_t keys, Rng& rng) : rng_(rng) {
    for (size_t i = 0; i < keys; ++i) keys_.push_back("history/" + std::to_string(i));
    clients_.resize(clients);
    for (Client& client : clients_) client.known.resize(keys);
}

std::optional<store::Request> HistoryClients::next(Instant now, size_t index) {
    Client& client = clients_.at(index);
    if (client.under_way) return std::nullopt;
    ++client.number;
    client.key = rng_.below(keys_.size());
    Operation operation;
    operation.key = keys_[client.key];
    operation.kind = static_cast<Kind>(rng_.below(3));
    operation.called = now;
    if (operation.kind != Kind::Read)
        operation.value = std::to_string(index) + "." + std::to_string(client.number);
    if (operation.kind == Kind::CompareAndSet) operation.expected = client.known[client.key];
    client.under_way = std::move(operation);
    return request_of(index);
}

store::Request HistoryClients::request_of(size_t index) {
    const Client& client = clients_[index];
    const Operation& operation = *client.under_way;
    const store::RangeRequest read{store::KeyRange::one(operation.key), 0, {}, {}};
    const store::RequestId id = (uint64_t{index} << 32) | client.number;
    if (operation.kind == Kind::Read) return {id, read};
    store::Txn txn;
    txn.then_ops.push_back(store::Put{operation.key, *operation.value, 0});
    if (operation.kind == Kind::CompareAndSet) {
        txn.compares.push_back(compare_of(operation));
        txn.else_ops.push_back(store::Get{read});
    }
    return {id, std::move(txn)};
}

void HistoryClients::on_reply(Instant now, const store::Reply& reply) {
    Client& client = clients_.at(client_of(reply.id));
    if (!client.under_way || static_cast<uint32_t>(reply.id) != client.number) {
        complaints_.emplace_back("a reply to nothing");
        return;
    }
    if (!reply.body) return on_error(reply.body.error(), client);
    const auto* range = std::get_if<store::RangeReply>(&*reply.body);
    if (range != nullptr && client.under_way->kind == Kind::Read) {
        client.under_way->value = value_in(*range);
        return finish(now, client, client.under_way->value);
    }
    const auto* txn = std::get_if<store::TxnReply>(&*reply.body);
    if (txn != nullptr && client.under_way->kind != Kind::Read) return on_txn(now, *txn, client);
    complaints_.emplace_back("a reply of the wrong kind");
}

void HistoryClients::on_error(const Error& error, Client& client) {
    const bool unknown = error.code == ErrorCode::Timeout || error.code == ErrorCode::Unavailable;
    if (!unknown) complaints_.push_back(error.message);
    Operation operation = std::move(*client.under_way);
    client.under_way.reset();
    if (operation.kind == Kind::Read) {
        ++failed_reads_;
    } else if (unknown) {
        ++unknown_;
        operation.outcome = Outcome::Unknown;
        history_.push_back(std::move(operation));
    }
}

void HistoryClients::on_txn(Instant now, const store::TxnReply& reply, Client& client) {
    Operation& operation = *client.under_way;
    if (reply.succeeded) {
        ++acknowledged_;
        return finish(now, client, operation.value);
    }
    const auto* read =
        reply.ops.size() == 1 ? std::get_if<store::RangeReply>(&reply.ops[0]) : nullptr;
    if (read == nullptr) {
        complaints_.emplace_back("a refusal without the value");
        client.under_way.reset();
        return;
    }
    operation.outcome = Outcome::Refused;
    operation.seen = value_in(*read);
    finish(now, client, operation.seen);
}

void HistoryClients::finish(Instant now, Client& client, SeenValue seen) {
    client.known[client.key] = std::move(seen);
    client.under_way->returned = now;
    history_.push_back(std::move(*client.under_way));
    client.under_way.reset();
}

void HistoryClients::on_restart(Instant now) {
    for (size_t i = 0; i < clients_.size(); ++i) {
        if (!clients_[i].under_way) continue;
        const store::RequestId id = (uint64_t{i} << 32) | clients_[i].number;
        on_reply(now, {id, make_error(ErrorCode::Unavailable, "store", "it was started anew")});
    }
}

}  // namespace tandem::sim
