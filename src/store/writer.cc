#include "store/writer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "store/keys.h"

namespace tandem::store {
namespace {

// Room in every batch for seq and the guards.
constexpr size_t guards_max = 4;
constexpr size_t own_compares_max = 1 + guards_max;
constexpr size_t own_bytes = 8 * 1024;

std::string_view key_of(const Op& op) {
    if (const auto* put = std::get_if<Put>(&op)) return put->key;
    if (const auto* erase = std::get_if<Delete>(&op)) return erase->key;
    return {};
}

bool has_range(const Member& member) {
    return std::any_of(member.ops.begin(), member.ops.end(),
                       [](const Op& op) { return std::holds_alternative<DeleteRange>(op); });
}

// The compares' keys are sent twice: the refused branch reads them.
size_t bytes_of(const Member& member) {
    size_t total = store::bytes_of(Txn{member.compares, member.ops, {}});
    for (const Compare& compare : member.compares) {
        const KeyRange range = compare.range();
        total += range.begin.size() + range.end.size();
    }
    return total;
}

const KeyValue* first_item(const OpReply& reply) {
    const auto* range = std::get_if<RangeReply>(&reply);
    return range == nullptr || range->items.empty() ? nullptr : &range->items.front();
}

Op get_of(KeyRange range) {
    return Get{RangeRequest{std::move(range), 1, {}, {}}};
}

}  // namespace

Writer::Writer(std::string name, uint16_t channel, WriterOptions options)
    : sequence_key_(keys::sequence(name)),
      request_prefix_(static_cast<uint64_t>(channel) << 48),
      options_(options) {}

void Writer::set_guard(Compare guard) {
    guards_.assign(1, std::move(guard));
}

void Writer::reopen(std::vector<Compare> guards) {
    set_guards(std::move(guards));
    if (phase_ != Phase::Fenced) return;
    phase_ = Phase::Unknown;
    started_ = false;
    uncertain_ = false;
    burning_ = false;
    solo_ = 0;
    in_flight_ = 0;
}

void Writer::set_guards(std::vector<Compare> guards) {
    CHECK(guards.size() <= guards_max);
    guards_ = std::move(guards);
}

// A batch and a burn of the same number leave different values, so that a read tells which it was.
std::string Writer::batch_value() const {
    return std::to_string(sequence_ + 1);
}
std::string Writer::burn_value() const {
    return std::to_string(sequence_ + 1) + "-";
}

Result<Ticket> Writer::put(Instant now, std::string key, std::string value, WriterOutbox& out) {
    Member member;
    member.ops.push_back(Put{std::move(key), std::move(value), 0});
    return txn(now, std::move(member), out);
}

Result<Ticket> Writer::del(Instant now, std::string key, WriterOutbox& out) {
    Member member;
    member.ops.push_back(Delete{std::move(key)});
    return txn(now, std::move(member), out);
}

Result<Ticket> Writer::txn(Instant now, Member member, WriterOutbox& out) {
    if (phase_ == Phase::Fenced)
        return make_error(ErrorCode::Forbidden, "writer", "another instance has taken over");
    if (queue_.size() >= writer_queue_max)
        return make_error(ErrorCode::Unavailable, "writer", "too many writes are waiting");
    for (const Op& op : member.ops)
        if (std::holds_alternative<Get>(op))
            return make_error(ErrorCode::Malformed, "txn", "a write does not read");
    TRY(check_txn(Txn{member.compares, member.ops, {}}));
    Queued next{++tickets_issued_, std::move(member), 0};
    next.bytes = bytes_of(next.member);
    if (next.member.ops.size() + 1 > options_.batch_ops_max ||
        next.member.compares.size() + own_compares_max > txn_compares_max ||
        next.bytes + own_bytes > options_.batch_bytes_max)
        return make_error(ErrorCode::TooLarge, "txn", "the write does not fit into a transaction");
    const Ticket ticket = next.ticket;
    queue_.push_back(std::move(next));
    pump(now, out);
    return ticket;
}

std::optional<Instant> Writer::next_deadline() const {
    return deadline_;
}

bool Writer::on_reply(Instant now, const Reply& reply, WriterOutbox& out) {
    constexpr uint64_t number_mask = (uint64_t{1} << 48) - 1;
    if ((reply.id & ~number_mask) != request_prefix_) return false;
    if ((reply.id & number_mask) > requests_sent_ || (reply.id & number_mask) == 0) return false;
    if (reply.id != in_flight_) return true;  // late: its outcome has been looked up
    in_flight_ = 0;
    deadline_.reset();
    if (!reply.body) {
        on_error(now, reply.body.error(), out);
    } else if (const auto* range = std::get_if<RangeReply>(&*reply.body)) {
        on_sequence(now, *range, out);
    } else if (const auto* txn = std::get_if<TxnReply>(&*reply.body)) {
        on_txn(now, *txn, out);
    } else {
        on_error(now, make_error(ErrorCode::Unavailable, "store", "an answer of the wrong kind"),
                 out);
    }
    return true;
}

void Writer::on_timeout(Instant now, WriterOutbox& out) {
    if (!deadline_ || now < *deadline_) return;
    in_flight_ = 0;
    deadline_.reset();
    read_sequence(now, out);
}

// Sending.

void Writer::pump(Instant now, WriterOutbox& out) {
    if (queue_.empty()) return;
    if (phase_ == Phase::Unknown) read_sequence(now, out);
    if (phase_ != Phase::Idle) return;
    form_batch();
    send_batch(now, out);
}

void Writer::form_batch() {
    CHECK(batch_.members.empty() && !uncertain_);
    batch_ = Batch{};
    while (!queue_.empty() && fits(queue_.front())) {
        add_to_batch(std::move(queue_.front()));
        queue_.pop_front();
    }
}

// Compares see the state before the batch, and no key may be written twice in it: a member that
// touches what an earlier one writes waits for the next batch.
bool Writer::fits(const Queued& next) const {
    if (batch_.members.empty()) return true;
    if (solo_ > 0 || batch_.alone || has_range(next.member)) return false;
    if (batch_.ops + next.member.ops.size() + 1 > options_.batch_ops_max) return false;
    if (batch_.compares + next.member.compares.size() + own_compares_max > txn_compares_max)
        return false;
    if (batch_.bytes + next.bytes + own_bytes > options_.batch_bytes_max) return false;
    const auto is_written = [&](std::string_view key) {
        return batch_.keys.contains(std::string(key));
    };
    const auto is_written_in = [&](const KeyRange& range) {
        if (range.end.empty()) return is_written(range.begin);
        return std::any_of(batch_.keys.begin(), batch_.keys.end(),
                           [&](const std::string& key) { return range.contains(key); });
    };
    return std::none_of(next.member.ops.begin(), next.member.ops.end(),
                        [&](const Op& op) { return is_written(key_of(op)); }) &&
           std::none_of(next.member.compares.begin(), next.member.compares.end(),
                        [&](const Compare& compare) { return is_written_in(compare.range()); });
}

void Writer::add_to_batch(Queued next) {
    batch_.ops += next.member.ops.size();
    batch_.compares += next.member.compares.size();
    batch_.bytes += next.bytes;
    batch_.alone = has_range(next.member);
    for (const Op& op : next.member.ops) batch_.keys.emplace(key_of(op));
    batch_.members.push_back(std::move(next));
}

void Writer::return_to_queue() {
    for (auto it = batch_.members.rbegin(); it != batch_.members.rend(); ++it)
        queue_.push_front(std::move(*it));
    batch_ = Batch{};
}

void Writer::send(Instant now, RequestBody body, WriterOutbox& out) {
    in_flight_ = request_prefix_ | ++requests_sent_;
    deadline_ = now + options_.deadline;
    out.requests.push_back(Request{in_flight_, std::move(body)});
}

Txn Writer::txn_of(std::string next_value) const {
    Txn txn;
    txn.compares.push_back(sequence_value_.empty()
                               ? Compare::absent(sequence_key_)
                               : Compare::value_is(sequence_key_, sequence_value_));
    txn.else_ops.push_back(get_of(KeyRange::one(sequence_key_)));
    for (const Compare& guard : guards_) {
        txn.compares.push_back(guard);
        txn.else_ops.push_back(get_of(guard.range()));
    }
    txn.then_ops.push_back(Put{sequence_key_, std::move(next_value), 0});
    return txn;
}

void Writer::send_batch(Instant now, WriterOutbox& out) {
    Txn txn = txn_of(batch_value());
    for (const Queued& queued : batch_.members) {
        for (const Compare& compare : queued.member.compares) {
            txn.compares.push_back(compare);
            txn.else_ops.push_back(get_of(compare.range()));
        }
        txn.then_ops.insert(txn.then_ops.end(), queued.member.ops.begin(), queued.member.ops.end());
    }
    phase_ = Phase::Writing;
    burning_ = false;
    send(now, std::move(txn), out);
}

void Writer::burn(Instant now, WriterOutbox& out) {
    phase_ = Phase::Burning;
    burning_ = true;
    send(now, txn_of(burn_value()), out);
}

void Writer::read_sequence(Instant now, WriterOutbox& out) {
    const bool first = phase_ == Phase::Unknown || !started_;
    if (phase_ == Phase::Writing) uncertain_ = true;
    phase_ = first ? Phase::Reading : Phase::Resolving;
    send(now, RangeRequest{KeyRange::one(sequence_key_), 1, {}, {}}, out);
}

// Answers.

void Writer::on_sequence(Instant now, const RangeReply& reply, WriterOutbox& out) {
    const KeyValue* item = reply.items.empty() ? nullptr : &reply.items.front();
    if (phase_ == Phase::Resolving) return resolve(now, item, out);
    sequence_value_ = item == nullptr ? "" : item->value;
    sequence_ = 0;
    std::from_chars(sequence_value_.data(), sequence_value_.data() + sequence_value_.size(),
                    sequence_);
    // Whoever wrote under this name before may have a batch under way: it must not come after us.
    burn(now, out);
}

// The sequence number tells what became of the tries before.
void Writer::resolve(Instant now, const KeyValue* sequence, WriterOutbox& out) {
    const std::string_view value = sequence == nullptr ? std::string_view() : sequence->value;
    if (value == sequence_value_) {
        if (burning_) return burn(now, out);
        uncertain_ = true;
        return send_batch(now, out);
    }
    if (value == burn_value()) return on_burnt(now, out);
    if (value == batch_value() && !batch_.members.empty())
        return complete_batch(now, sequence->mod_revision, out);
    fence("another writer uses this name", out);
}

void Writer::on_burnt(Instant now, WriterOutbox& out) {
    sequence_value_ = burn_value();
    ++sequence_;
    started_ = true;
    uncertain_ = false;
    phase_ = Phase::Idle;
    if (batch_.members.empty()) return pump(now, out);
    send_batch(now, out);
}

void Writer::on_txn(Instant now, const TxnReply& reply, WriterOutbox& out) {
    if (!reply.succeeded) return on_refused(now, reply, out);
    if (phase_ == Phase::Burning) return on_burnt(now, out);
    complete_batch(now, reply.revision, out);
}

// One of the compares failed; the else branch has read all their keys.
void Writer::on_refused(Instant now, const TxnReply& reply, WriterOutbox& out) {
    if (reply.ops.empty()) {
        const Error empty = make_error(ErrorCode::Unavailable, "store", "an answer without reads");
        return on_error(now, empty, out);
    }
    const KeyValue* sequence = first_item(reply.ops.front());
    const std::string_view value = sequence == nullptr ? std::string_view() : sequence->value;
    if (value != sequence_value_) {
        if (!started_) return read_sequence(now, out);
        return resolve(now, sequence, out);
    }
    for (size_t i = 0; i < guards_.size() && i + 1 < reply.ops.size(); ++i)
        if (!holds(guards_[i], first_item(reply.ops[i + 1])))
            return fence("the epoch has passed to another instance", out);
    // Before the batch changes, its earlier try must have become impossible.
    if (uncertain_) return burn(now, out);
    split_conflicts(now, reply, out);
}

void Writer::split_conflicts(Instant now, const TxnReply& reply, WriterOutbox& out) {
    size_t at = 1 + guards_.size();
    std::vector<Queued> good;
    const size_t before = batch_.members.size();
    for (Queued& queued : batch_.members) {
        bool holding = true;
        for (const Compare& compare : queued.member.compares) {
            const KeyValue* item = at < reply.ops.size() ? first_item(reply.ops[at]) : nullptr;
            holding = holds(compare, item) && holding;
            ++at;
        }
        if (holding)
            good.push_back(std::move(queued));
        else
            out.completions.push_back(
                {queued.ticket, make_error(ErrorCode::Conflict, "", "it has changed meanwhile")});
    }
    const bool none = good.size() == before;
    batch_.members = std::move(good);
    return_to_queue();
    phase_ = Phase::Idle;
    // A store that refuses without a reason must not be asked in a tight loop.
    if (none) {
        phase_ = Phase::Resolving;
        burning_ = true;
        deadline_ = now + options_.pause;
        return;
    }
    pump(now, out);
}

void Writer::on_error(Instant now, const Error& error, WriterOutbox& out) {
    if (error.code == ErrorCode::Timeout) return read_sequence(now, out);
    const bool unknown = error.code == ErrorCode::Unavailable || phase_ != Phase::Writing;
    if (!unknown) return on_member_error(now, error, out);
    deadline_ = now + options_.pause;  // then on_timeout() reads
}

// The store refuses the batch for what it is: one by one shows whose fault it was.
void Writer::on_member_error(Instant now, const Error& error, WriterOutbox& out) {
    if (uncertain_) return burn(now, out);
    phase_ = Phase::Idle;
    if (batch_.members.size() == 1) {
        out.completions.push_back({batch_.members.front().ticket, error});
        batch_ = Batch{};
        solo_ -= solo_ > 0 ? 1 : 0;
    } else {
        solo_ = batch_.members.size();
        return_to_queue();
    }
    pump(now, out);
}

void Writer::complete_batch(Instant now, Revision revision, WriterOutbox& out) {
    for (const Queued& queued : batch_.members)
        out.completions.push_back({queued.ticket, revision});
    solo_ -= std::min(solo_, batch_.members.size());
    batch_ = Batch{};
    sequence_value_ = batch_value();
    ++sequence_;
    uncertain_ = false;
    phase_ = Phase::Idle;
    pump(now, out);
}

void Writer::fence(std::string_view why, WriterOutbox& out) {
    const ErrorCode code = uncertain_ ? ErrorCode::Timeout : ErrorCode::Forbidden;
    for (const Queued& queued : batch_.members)
        out.completions.push_back({queued.ticket, make_error(code, "writer", why)});
    for (const Queued& queued : queue_)
        out.completions.push_back({queued.ticket, make_error(ErrorCode::Forbidden, "writer", why)});
    batch_ = Batch{};
    queue_.clear();
    phase_ = Phase::Fenced;
    deadline_.reset();
}

}  // namespace tandem::store
