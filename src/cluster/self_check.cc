#include "cluster/self_check.h"

#include <algorithm>

#include "base/check.h"
#include "cluster/limits.h"
#include "store/keys.h"

namespace tandem::cluster {

SelfCheck::SelfCheck(uint16_t channel) : exchange_(channel, store_deadline) {}

void SelfCheck::add(InstanceNumber instance, const FenceRecord& record) {
    CHECK(claims_.size() < claims_of_shard_max || claims_.contains(instance));
    claims_[instance] = {to_text(record), false};
}

void SelfCheck::remove(InstanceNumber instance) {
    claims_.erase(instance);
}

void SelfCheck::on_confirmed(Instant sent_at) {
    if (!confirmed_ || *confirmed_ < sent_at) confirmed_ = sent_at;
}

void SelfCheck::on_fenced(InstanceNumber instance) {
    const auto found = claims_.find(instance);
    if (found != claims_.end()) found->second.is_fenced = true;
}

bool SelfCheck::is_confirmed(Instant now) const {
    return confirmed_ && now - *confirmed_ <= confirmation_valid;
}

bool SelfCheck::anybody_left() const {
    return std::any_of(claims_.begin(), claims_.end(),
                       [](const auto& entry) { return !entry.second.is_fenced; });
}

Permission SelfCheck::check(Instant now, InstanceNumber instance,
                            std::vector<store::Request>& out) {
    const auto found = claims_.find(instance);
    if (found == claims_.end() || found->second.is_fenced) return Permission::Fenced;
    if (is_confirmed(now)) return Permission::MaySend;
    if (!trusts_store_) return Permission::MustAsk;
    if (!exchange_.is_waiting() && (!retry_at_ || *retry_at_ <= now)) ask(now, out);
    return Permission::MustAsk;
}

// The answer counts from the moment of the question: the store can't have read it earlier.
void SelfCheck::ask(Instant now, std::vector<store::Request>& out) {
    retry_at_.reset();
    store::Txn txn;
    asked_for_.clear();
    for (const auto& [instance, claim] : claims_) {
        if (claim.is_fenced) continue;
        const std::string key = store::keys::fence(instance.value);
        txn.compares.push_back(store::Compare::value_is(key, claim.value));
        txn.then_ops.push_back(store::Put{key, claim.value, 0});
        txn.else_ops.push_back(get_op(key));
        asked_for_.push_back(instance);
    }
    asked_at_ = now;
    ++questions_;
    out.push_back(exchange_.ask(now, std::move(txn)));
}

bool SelfCheck::on_reply(Instant now, const store::Reply& reply, std::vector<store::Request>& out) {
    const auto match = exchange_.match(reply);
    if (match != StoreExchange::Match::Awaited) return match == StoreExchange::Match::Late;
    const auto* txn = reply.body ? std::get_if<store::TxnReply>(&*reply.body) : nullptr;
    if (txn == nullptr)
        retry_at_ = now + store_pause;
    else if (txn->succeeded)
        on_confirmed(asked_at_);
    else
        on_refused(now, *txn, out);
    return true;
}

void SelfCheck::on_refused(Instant now, const store::TxnReply& reply,
                           std::vector<store::Request>& out) {
    for (size_t i = 0; i < asked_for_.size() && i < reply.ops.size(); ++i) {
        const store::KeyValue* item = item_of(reply.ops[i]);
        const auto found = claims_.find(asked_for_[i]);
        if (found == claims_.end()) continue;
        if (item == nullptr || item->value != found->second.value) found->second.is_fenced = true;
    }
    if (anybody_left()) ask(now, out);
}

void SelfCheck::on_timeout(Instant now, std::vector<store::Request>& out) {
    if (exchange_.take_timeout(now)) retry_at_ = now;
    if (!trusts_store_) return;
    const auto due = next_deadline();
    if (exchange_.is_waiting() || !due || now < *due || !anybody_left()) return;
    ask(now, out);
}

// Asks ahead of need, so that a shard whose peers are gone does not stutter.
std::optional<Instant> SelfCheck::next_deadline() const {
    if (exchange_.is_waiting()) return exchange_.next_deadline();
    if (!anybody_left() || !trusts_store_) return std::nullopt;
    if (retry_at_) return retry_at_;
    if (!confirmed_) return std::nullopt;
    return *confirmed_ + ask_after;
}

}  // namespace tandem::cluster
