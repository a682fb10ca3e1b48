// Which incarnations may act. Each role instance claims an epoch at its start, in fence/<instance>;
// whoever takes over from it fences that epoch in the transaction of the take-over. The table, fed
// by a watch, is what SG, MG, SR and MGC ask before they believe a letter.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "cluster/identity.h"
#include "cluster/records.h"
#include "cluster/store_exchange.h"
#include "store/kv.h"

namespace tandem::cluster {

struct FenceEntry {
    FenceRecord record;
    store::Revision revision;  // of the key: a renewal raises it and leaves the record as it is
    Instant learned;           // when this revision was heard of
    ShardRun home;             // where the incarnation lives, or lived before it was fenced
    friend bool operator==(const FenceEntry&, const FenceEntry&) = default;
};

// One a node. Bounded by the number of instances that a system can have.
class FenceTable {
 public:
    // A key below fence/ as read or watched. Older news than what is known are ignored; a key that
    // was deleted leaves its epoch behind, because epochs only rise.
    void learn(Instant now, const store::KeyValue& item);
    void on_watch(Instant now, const store::WatchBatch& batch);

    // False: drop what comes from it. An instance that was never heard of is admitted: its claim is
    // on its way.
    bool admits(Incarnation who) const;
    const FenceEntry* find(InstanceNumber instance) const;
    // The open incarnations that live in this run of a shard or in an earlier one.
    std::vector<Incarnation> living_in(const ShardRun& run) const;
    size_t size() const { return entries_.size(); }

 private:
    std::map<InstanceNumber, FenceEntry> entries_;
};

// Raises the epoch of an instance in the store; only then it may start.
class IncarnationClaim {
 public:
    IncarnationClaim(InstanceNumber instance, const ShardRun& home, uint16_t channel);

    // Requests for the store are appended.
    void start(Instant now, std::vector<store::Request>& out);
    bool on_reply(Instant now, const store::Reply& reply, std::vector<store::Request>& out);
    void on_timeout(Instant now, std::vector<store::Request>& out);
    std::optional<Instant> next_deadline() const;

    // Ends the incarnation by its own will: others may take what it has. Repeated until it is so.
    void give_up(Instant now, std::vector<store::Request>& out);
    bool is_given_up() const { return is_given_up_; }

    // The record in the store, once it is ours.
    const std::optional<FenceRecord>& claimed() const { return claimed_; }

 private:
    void read(Instant now, std::vector<store::Request>& out);
    void look_at(Instant now, const store::KeyValue* item, std::vector<store::Request>& out);

    InstanceNumber instance_;
    ShardRun home_;
    StoreExchange exchange_;
    std::optional<Instant> retry_at_;
    std::optional<FenceRecord> tried_;
    std::optional<FenceRecord> claimed_;
    bool gives_up_ = false;
    bool is_given_up_ = false;
};

}  // namespace tandem::cluster
