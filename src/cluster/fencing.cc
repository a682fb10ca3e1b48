#include "cluster/fencing.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "cluster/limits.h"
#include "store/keys.h"

namespace tandem::cluster {
namespace {

std::optional<InstanceNumber> instance_of(std::string_view key) {
    if (!key.starts_with(store::keys::fence_prefix)) return std::nullopt;
    key.remove_prefix(store::keys::fence_prefix.size());
    InstanceNumber instance;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), instance.value);
    if (error != std::errc() || end != key.data() + key.size() || !instance) return std::nullopt;
    return instance;
}

}  // namespace

void FenceTable::learn(Instant now, const store::KeyValue& item) {
    const auto instance = instance_of(item.key);
    const auto record = parse_fence(item.value);
    if (!instance || !record) return;
    FenceEntry& entry = entries_[*instance];
    if (item.mod_revision <= entry.revision) return;
    if (record->floor() < entry.record.floor()) return;  // written by hand, or restored
    const bool is_open = record->state == FenceRecord::State::Open;
    const ShardRun lived = entry.record.epoch == record->epoch ? entry.home : ShardRun{};
    entry = {*record, item.mod_revision, now, is_open ? record->home : lived};
}

void FenceTable::on_watch(Instant now, const store::WatchBatch& batch) {
    for (const store::WatchEvent& event : batch.events)
        if (event.kind == store::WatchEvent::Kind::Put) learn(now, event.entry);
}

bool FenceTable::admits(Incarnation who) const {
    const FenceEntry* entry = find(who.instance);
    return entry == nullptr || who.epoch >= entry->record.floor();
}

const FenceEntry* FenceTable::find(InstanceNumber instance) const {
    const auto found = entries_.find(instance);
    return found == entries_.end() ? nullptr : &found->second;
}

std::vector<Incarnation> FenceTable::living_in(const ShardRun& run) const {
    std::vector<Incarnation> living;
    for (const auto& [instance, entry] : entries_) {
        const FenceRecord& record = entry.record;
        if (record.state == FenceRecord::State::Open && record.home.shard == run.shard &&
            record.home.run <= run.run)
            living.push_back({instance, record.epoch});
    }
    return living;
}

IncarnationClaim::IncarnationClaim(InstanceNumber instance, const ShardRun& home, uint16_t channel)
    : instance_(instance), home_(home), exchange_(channel, store_deadline) {}

void IncarnationClaim::start(Instant now, std::vector<store::Request>& out) {
    read(now, out);
}

void IncarnationClaim::read(Instant now, std::vector<store::Request>& out) {
    retry_at_.reset();
    const auto key = store::KeyRange::one(store::keys::fence(instance_.value));
    out.push_back(exchange_.ask(now, store::RangeRequest{key, 1, {}, {}}));
}

// A try whose outcome is unknown may yet be applied. Then the key holds exactly what we tried, and
// nobody else can have written that: the run is ours alone.
void IncarnationClaim::look_at(Instant now, const store::KeyValue* item,
                               std::vector<store::Request>& out) {
    const std::string key = store::keys::fence(instance_.value);
    if (item != nullptr && tried_ && item->value == to_text(*tried_)) {
        claimed_ = tried_;
        return;
    }
    const auto known = item == nullptr ? FenceRecord{} : parse_fence(item->value);
    const uint32_t epoch = known ? known->epoch + 1 : 1;
    tried_ = FenceRecord{FenceRecord::State::Open, epoch, home_, {}};
    store::Txn txn;
    txn.compares.push_back(item == nullptr
                               ? store::Compare::absent(key)
                               : store::Compare::mod_revision_is(key, item->mod_revision));
    txn.then_ops.push_back(store::Put{key, to_text(*tried_), 0});
    txn.else_ops.push_back(get_op(key));
    out.push_back(exchange_.ask(now, std::move(txn)));
}

void IncarnationClaim::give_up(Instant now, std::vector<store::Request>& out) {
    CHECK(claimed_);
    gives_up_ = true;
    retry_at_.reset();
    const std::string key = store::keys::fence(instance_.value);
    const FenceRecord over{FenceRecord::State::Fenced, claimed_->epoch, {}, instance_};
    store::Txn txn;
    txn.compares.push_back(store::Compare::value_is(key, to_text(*claimed_)));
    txn.then_ops.push_back(store::Put{key, to_text(over), 0});
    out.push_back(exchange_.ask(now, std::move(txn)));
}

bool IncarnationClaim::on_reply(Instant now, const store::Reply& reply,
                                std::vector<store::Request>& out) {
    const auto match = exchange_.match(reply);
    if (match != StoreExchange::Match::Awaited) return match == StoreExchange::Match::Late;
    if (!reply.body) {
        retry_at_ = now + store_pause;
    } else if (gives_up_) {  // whoever compares in vain has done so before, or was fenced
        is_given_up_ = true;
    } else if (const auto* range = std::get_if<store::RangeReply>(&*reply.body)) {
        look_at(now, range->items.empty() ? nullptr : &range->items.front(), out);
    } else if (const auto* txn = std::get_if<store::TxnReply>(&*reply.body)) {
        if (txn->succeeded)
            claimed_ = tried_;
        else if (!txn->ops.empty())
            look_at(now, item_of(txn->ops.front()), out);
        else
            retry_at_ = now + store_pause;
    } else {
        retry_at_ = now + store_pause;
    }
    return true;
}

void IncarnationClaim::on_timeout(Instant now, std::vector<store::Request>& out) {
    const bool is_due = exchange_.take_timeout(now) || (retry_at_ && *retry_at_ <= now);
    if (!is_due) return;
    if (gives_up_) return give_up(now, out);
    read(now, out);
}

std::optional<Instant> IncarnationClaim::next_deadline() const {
    std::optional<Instant> earliest = exchange_.next_deadline();
    earlier(earliest, retry_at_);
    return earliest;
}

}  // namespace tandem::cluster
