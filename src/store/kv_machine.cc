#include "store/kv_machine.h"

#include <algorithm>

#include "base/check.h"
#include "store/limits.h"

namespace tandem::store {
namespace {

constexpr size_t page_items =
    256;  // of a scan: a page of small values is about one disk read-ahead

size_t bytes_of(const Change& change) {
    size_t total = sizeof(Change) + change.key.size();
    if (change.before) total += change.before->key.size() + change.before->value.size();
    if (change.after) total += change.after->key.size() + change.after->value.size();
    return total;
}

void add(RangeReply& reply, const RangeRequest& request, KeyValue item) {
    ++reply.count;
    if (request.want == Want::Count) return;
    if (request.want == Want::Keys) item.value.clear();
    reply.items.push_back(std::move(item));
}

bool is_full(const RangeReply& reply, const RangeRequest& request) {
    return request.limit != 0 && request.want != Want::Count && reply.count == request.limit;
}

}  // namespace

KvMachine::KvMachine(KvTable& table, Revision revision)
    : table_(table),
      generation_(revision.generation),
      number_(revision.number),
      compacted_(revision.number),
      mark_number_(revision.number) {}

void KvMachine::restore_lease(Instant now, LeaseId lease, Duration ttl,
                              std::vector<std::string> keys) {
    Lease& restored = leases_[lease];
    restored.ttl = ttl;
    restored.deadline = now + ttl;
    restored.keys.insert(keys.begin(), keys.end());
}

Reply KvMachine::apply(Instant now, const Request& request) {
    revision_open_ = false;
    Reply reply;
    reply.id = request.id;
    reply.body = std::visit([&](const auto& body) { return answer(now, body); }, request.body);
    trim();
    return reply;
}

// Reading.

Result<ReplyBody> KvMachine::answer(Instant, const RangeRequest& request) {
    if (request.at.is_none() || request.at == revision()) return ReplyBody(read_now(request));
    if (request.at.generation != generation_ || request.at.number < compacted_)
        return make_error(ErrorCode::NotFound, "revision", "the revision is compacted");
    if (request.at.number > number_)
        return make_error(ErrorCode::OutOfRange, "revision", "the revision does not exist yet");
    return ReplyBody(read_past(request));
}

RangeReply KvMachine::read_now(const RangeRequest& request) {
    RangeReply reply;
    reply.revision = revision();
    if (request.want == Want::Count) {
        reply.count = table_.count(request.range);
        return reply;
    }
    const size_t wanted = request.limit == 0 ? SIZE_MAX : request.limit + 1;
    for (KeyValue& item : table_.page(request.range, wanted, request.want)) {
        if (is_full(reply, request)) {
            reply.more = true;
            break;
        }
        add(reply, request, stamped(std::move(item)));
    }
    return reply;
}

// The newest state with the changes since `at` taken back: for each key its oldest `before`.
RangeReply KvMachine::read_past(const RangeRequest& request) {
    std::map<std::string, const std::optional<KeyValue>*, std::less<>> undone;
    for (const Change& change : history_)
        if (change.revision.number > request.at.number && request.range.contains(change.key))
            undone.emplace(change.key, &change.before);

    RangeReply reply;
    reply.revision = request.at;
    auto undo = undone.begin();
    const auto give = [&](KeyValue item) {
        reply.more = is_full(reply, request);
        if (!reply.more) add(reply, request, std::move(item));
        return !reply.more;
    };
    const auto give_undone_below = [&](std::string_view key) {
        for (; undo != undone.end() && undo->first < key; ++undo)
            if (*undo->second && !give(**undo->second)) return false;
        return true;
    };
    KeyRange rest = request.range;
    while (true) {
        const auto page = table_.page(rest, page_items, Want::KeysAndValues);
        for (const KeyValue& item : page) {
            if (!give_undone_below(item.key)) return reply;
            if (!undone.contains(item.key) && !give(stamped(item))) return reply;
        }
        if (page.size() < page_items || rest.end.empty()) break;
        rest.begin = page.back().key + '\0';
    }
    give_undone_below(after_all_keys);
    return reply;
}

// Transactions.

Result<ReplyBody> KvMachine::answer(Instant, const Txn& txn) {
    TRY(check_txn(txn));
    TxnReply reply;
    reply.succeeded = std::all_of(txn.compares.begin(), txn.compares.end(), [&](const Compare& c) {
        if (c.kind == Compare::Kind::NoneInRange) return table_.count(c.range()) == 0;
        auto current = table_.get(c.key);
        if (current) current = stamped(std::move(*current));
        return holds(c, current ? &*current : nullptr);
    });
    const std::vector<Op>& ops = reply.succeeded ? txn.then_ops : txn.else_ops;
    TRY(check_leases(ops));
    reply.ops.reserve(ops.size());
    for (const Op& op : ops) reply.ops.push_back(run(op));
    reply.revision = revision();
    return ReplyBody(std::move(reply));
}

Result<void> KvMachine::check_leases(const std::vector<Op>& ops) const {
    for (const Op& op : ops) {
        const auto* put = std::get_if<Put>(&op);
        if (put != nullptr && put->lease != 0 && !leases_.contains(put->lease))
            return make_error(ErrorCode::NotFound, "lease", "the lease does not exist");
    }
    return {};
}

OpReply KvMachine::run(const Op& op) {
    if (const auto* put = std::get_if<Put>(&op)) {
        put_key(*put);
        return PutReply{};
    }
    if (const auto* erase = std::get_if<Delete>(&op))
        return DeleteReply{erase_key(erase->key) ? 1u : 0u};
    if (const auto* range = std::get_if<DeleteRange>(&op))
        return DeleteReply{erase_range(range->range)};
    return read_now(std::get<Get>(op).range);
}

void KvMachine::put_key(const Put& put) {
    next_revision();
    Change change;
    change.revision = revision();
    change.key = put.key;
    change.before = table_.get(put.key);
    KeyValue item{put.key, put.value, revision(), revision(), put.lease};
    if (change.before) {
        change.before = stamped(std::move(*change.before));
        item.create_revision = change.before->create_revision;
    }
    table_.put(item);
    change.after = std::move(item);
    record(std::move(change));
}

bool KvMachine::erase_key(std::string_view key) {
    auto before = table_.get(key);
    if (!before) return false;
    next_revision();
    table_.erase(key);
    Change change;
    change.revision = revision();
    change.key = key;
    change.before = stamped(std::move(*before));
    record(std::move(change));
    return true;
}

uint64_t KvMachine::erase_range(const KeyRange& range) {
    uint64_t erased = 0;
    while (true) {
        const auto page = table_.page(range, page_items, Want::Keys);
        uint64_t hit = 0;
        for (const KeyValue& item : page) hit += erase_key(item.key) ? 1 : 0;
        erased += hit;
        if (hit == 0 || page.size() < page_items) return erased;
    }
}

void KvMachine::next_revision() {
    if (revision_open_) return;
    revision_open_ = true;
    ++number_;
}

void KvMachine::record(Change change) {
    if (change.before) detach(change.before->lease, change.key);
    if (change.after) attach(change.after->lease, change.key);
    history_bytes_ += bytes_of(change);
    history_.push_back(std::move(change));
}

void KvMachine::attach(LeaseId lease, const std::string& key) {
    const auto found = leases_.find(lease);
    if (found != leases_.end()) found->second.keys.insert(key);
}

void KvMachine::detach(LeaseId lease, const std::string& key) {
    const auto found = leases_.find(lease);
    if (found != leases_.end()) found->second.keys.erase(key);
}

KeyValue KvMachine::stamped(KeyValue item) const {
    item.create_revision.generation = generation_;
    item.mod_revision.generation = generation_;
    return item;
}

// Leases.

Result<ReplyBody> KvMachine::answer(Instant now, const LeaseGrant& grant) {
    if (grant.lease == 0 || leases_.contains(grant.lease))
        return make_error(ErrorCode::Conflict, "lease", "the lease exists already");
    if (grant.ttl < lease_ttl_min || grant.ttl > lease_ttl_max)
        return make_error(ErrorCode::OutOfRange, "ttl", "a lease lasts from 1 s to a day");
    if (leases_.size() >= leases_max)
        return make_error(ErrorCode::TooLarge, "lease", "there are too many leases");
    lease_undo_.push_back({grant.lease, std::nullopt});
    leases_[grant.lease] = Lease{grant.ttl, now + grant.ttl, {}};
    table_.put_lease(grant.lease, grant.ttl);
    return ReplyBody(DoneReply{revision()});
}

Result<ReplyBody> KvMachine::answer(Instant, const LeaseRevoke& revoke) {
    if (!leases_.contains(revoke.lease))
        return make_error(ErrorCode::NotFound, "lease", "the lease does not exist");
    end_lease(revoke.lease);
    return ReplyBody(DoneReply{revision()});
}

Result<ReplyBody> KvMachine::answer(Instant now, const LeaseKeepAlive& keep_alive) {
    const auto found = leases_.find(keep_alive.lease);
    if (found == leases_.end())
        return make_error(ErrorCode::NotFound, "lease", "the lease does not exist");
    found->second.deadline = now + found->second.ttl;
    return ReplyBody(DoneReply{revision()});
}

void KvMachine::end_lease(LeaseId lease) {
    const auto found = leases_.find(lease);
    const std::set<std::string, std::less<>> keys = found->second.keys;
    for (const std::string& key : keys) erase_key(key);
    lease_undo_.push_back({lease, found->second.ttl});
    leases_.erase(lease);
    table_.erase_lease(lease);
}

void KvMachine::expire(Instant now) {
    std::vector<LeaseId> due;
    for (const auto& [id, lease] : leases_)
        if (lease.deadline <= now) due.push_back(id);
    for (const LeaseId id : due) {
        revision_open_ = false;
        end_lease(id);
    }
    trim();
}

std::optional<Instant> KvMachine::next_deadline() const {
    std::optional<Instant> first;
    for (const auto& [id, lease] : leases_)
        if (!first || lease.deadline < *first) first = lease.deadline;
    return first;
}

// Watches and history.

Result<ReplyBody> KvMachine::answer(Instant, const WatchCreate& create) {
    if (watches_.contains(create.watch))
        return make_error(ErrorCode::Conflict, "watch", "the watch exists already");
    if (watches_.size() >= watches_max)
        return make_error(ErrorCode::TooLarge, "watch", "there are too many watches");
    Watch watch{create.range, number_, false};
    if (!create.after.is_none()) {
        watch.told = create.after.number;
        watch.compacted =
            create.after.generation != generation_ || create.after.number < compacted_;
        if (!watch.compacted && create.after.number > number_)
            return make_error(ErrorCode::OutOfRange, "revision", "the revision does not exist yet");
    }
    watches_.emplace(create.watch, std::move(watch));
    return ReplyBody(DoneReply{revision()});
}

Result<ReplyBody> KvMachine::answer(Instant, const WatchCancel& cancel) {
    if (watches_.erase(cancel.watch) == 0)
        return make_error(ErrorCode::NotFound, "watch", "the watch does not exist");
    return ReplyBody(DoneReply{revision()});
}

Result<ReplyBody> KvMachine::answer(Instant, const Compact& compact) {
    if (compact.through.generation != generation_ || compact.through.number < compacted_)
        return make_error(ErrorCode::NotFound, "revision", "the revision is compacted");
    if (compact.through.number > number_)
        return make_error(ErrorCode::OutOfRange, "revision", "the revision does not exist yet");
    forget_through(compact.through.number);
    return ReplyBody(DoneReply{revision()});
}

// Whole revisions only, and none that a rollback could still need.
void KvMachine::trim() {
    while (history_.size() > history_changes_max || history_bytes_ > history_bytes_max) {
        const int64_t oldest = history_.front().revision.number;
        if (oldest > mark_number_) return;
        forget_through(oldest);
    }
}

void KvMachine::forget_through(int64_t number) {
    for (auto& [id, watch] : watches_)
        if (watch.told < number) watch.compacted = true;
    while (!history_.empty() && history_.front().revision.number <= number) {
        if (history_.front().revision.number > mark_number_) break;
        history_bytes_ -= bytes_of(history_.front());
        history_.pop_front();
    }
    compacted_ = std::max(compacted_, number);
}

void KvMachine::tell_watches(Outbox& out) {
    for (auto it = watches_.begin(); it != watches_.end();) {
        tell(it->first, it->second, out);
        it = it->second.compacted ? watches_.erase(it) : std::next(it);
    }
}

// Batches end between revisions, so that `revision` holds for each.
void KvMachine::tell(WatchId id, Watch& watch, Outbox& out) {
    if (watch.compacted) {
        out.watches.push_back({id, WatchBatch::Kind::Compacted, revision(), {}});
        return;
    }
    if (watch.told == number_) return;
    auto change = std::partition_point(history_.begin(), history_.end(), [&](const Change& c) {
        return c.revision.number <= watch.told;
    });
    WatchBatch batch{id, WatchBatch::Kind::Events, revision(), {}};
    Revision last;
    for (; change != history_.end(); ++change) {
        if (!watch.range.contains(change->key)) continue;
        if (batch.events.size() >= watch_batch_events_max && last != change->revision) {
            batch.revision = last;
            out.watches.push_back(
                std::exchange(batch, {id, WatchBatch::Kind::Events, revision(), {}}));
        }
        last = change->revision;
        if (change->after)
            batch.events.push_back({WatchEvent::Kind::Put, *change->after});
        else
            batch.events.push_back(
                {WatchEvent::Kind::Delete, KeyValue{change->key, {}, {}, change->revision, 0}});
    }
    watch.told = number_;
    if (!batch.events.empty()) out.watches.push_back(std::move(batch));
}

// Undoing.

void KvMachine::begin() {
    mark_number_ = number_;
    lease_undo_.clear();
}

void KvMachine::rollback(Instant now) {
    for (auto undo = lease_undo_.rbegin(); undo != lease_undo_.rend(); ++undo) {
        if (undo->ttl)
            leases_[undo->lease] = Lease{*undo->ttl, now + *undo->ttl, {}};
        else
            leases_.erase(undo->lease);
    }
    lease_undo_.clear();
    while (!history_.empty() && history_.back().revision.number > mark_number_) {
        const Change& change = history_.back();
        if (change.after) detach(change.after->lease, change.key);
        if (change.before) attach(change.before->lease, change.key);
        history_bytes_ -= bytes_of(change);
        history_.pop_back();
    }
    number_ = mark_number_;
    for (auto& [id, watch] : watches_)
        if (watch.told > number_) watch.compacted = true;
    compacted_ = std::min(compacted_, number_);
}

}  // namespace tandem::store
