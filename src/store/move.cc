#include "store/move.h"

#include <algorithm>
#include <utility>

#include "store/keys.h"
#include "store/limits.h"

namespace tandem::store {
namespace {

// Numbers of requests and of the watch: nobody else's at either store.
constexpr uint64_t prefix = uint64_t{0xfffe} << 48;

constexpr std::string_view frozen_word = "frozen ";
constexpr std::string_view sealed_word = "sealed ";

Op get_op(std::string_view key) {
    return Get{{KeyRange::one(std::string(key)), 1, Want::KeysAndValues, {}}};
}
// What the Get at `index` has read; empty: there is no such key.
std::string value_in(const TxnReply& reply, size_t index) {
    if (index >= reply.ops.size()) return {};
    const auto* range = std::get_if<RangeReply>(&reply.ops[index]);
    return range == nullptr || range->items.empty() ? std::string() : range->items.front().value;
}
Compare is(std::string_view key, const std::string& value) {
    return value.empty() ? Compare::absent(std::string(key))
                         : Compare::value_is(std::string(key), value);
}
// Not inline: g++ 12 warns of the members of the variant's other alternatives where it is.
[[gnu::noinline]] RequestBody cancel_body(WatchId watch) {
    return WatchCancel{watch};
}
bool is_of_store(std::string_view key) {
    return key.starts_with(keys::store_prefix);
}
Error broken(std::string_view what) {
    return make_error(ErrorCode::Conflict, "store", what);
}

}  // namespace

std::optional<Closure> parse_closure(std::string_view text) {
    if (text.starts_with(frozen_word)) return Closure{Closure::Kind::Frozen, {}};
    if (!text.starts_with(sealed_word)) return std::nullopt;
    const size_t line = text.find('\n');
    const auto place = line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
    return Closure{Closure::Kind::Sealed, std::string(place)};
}

Move::Move(MoveSettings settings) : settings_(std::move(settings)) {}

std::string Move::counter(uint64_t number) const {
    return settings_.id + " " + std::to_string(number);
}
std::string Move::attempt_text() const {
    return settings_.id + " " + std::to_string(freezes_);
}
std::string Move::frozen_text() const {
    return std::string(frozen_word) + attempt_text();
}
std::string Move::sealed_text() const {
    return std::string(sealed_word) + attempt_text() + "\n" + settings_.place;
}

// --- Asking. One request to each store is under way; it is repeated until its outcome is known.

void Move::ask(Instant now, Side& side, RequestBody body, std::vector<Request>& out) {
    side.asked = {prefix | ++requests_, std::move(body)};
    side.waiting = true;
    side.deadline = now + move_reply_max;
    out.push_back(side.asked);
}

void Move::ask_source(Instant now, RequestBody body, MoveOutbox& out) {
    ask(now, source_, std::move(body), out.to_source);
}

void Move::ask_target(Instant now, RequestBody body, MoveOutbox& out) {
    ask(now, target_, std::move(body), out.to_target);
}

void Move::try_again(Instant now, Side& side, std::vector<Request>& out) {
    if (auto* create = std::get_if<WatchCreate>(&side.asked.body)) create->watch = ++watch_;
    ask(now, side, std::move(side.asked.body), out);
}

const ReplyBody* Move::taken(Instant now, Side& side, const Reply& reply, MoveOutbox& out) {
    if (!side.waiting || reply.id != side.asked.id) return nullptr;
    if (reply.body.has_value()) {
        side.waiting = false;
        side.deadline.reset();
        errors_ = 0;
        return &*reply.body;
    }
    const Error& error = reply.body.error();
    const bool unknown = error.code == ErrorCode::Timeout || error.code == ErrorCode::Unavailable;
    // A seal whose outcome is unknown must become known, and so must a thaw.
    const bool must_know = phase_ == Phase::Sealing || phase_ == Phase::Thawing;
    if (must_know || phase_ == Phase::Finishing || (unknown && ++errors_ < move_errors_max)) {
        side.asked.id = 0;  // a late answer is none
        side.deadline = now + move_pause;
    } else {
        side.waiting = false;
        fail(now, error, out);
    }
    return nullptr;
}

void Move::start(Instant now, MoveOutbox& out) {
    examine(now, out);
}

void Move::on_source_reply(Instant now, const Reply& reply, MoveOutbox& out) {
    const ReplyBody* body = taken(now, source_, reply, out);
    if (body == nullptr) return;
    if (const auto* txn = std::get_if<TxnReply>(body)) return on_source_txn(now, *txn, out);
    if (const auto* page = std::get_if<RangeReply>(body)) return on_page(now, *page, out);
    phase_ = Phase::Copying;  // the watch has begun
    read_page(now, out);
}

void Move::on_target_reply(Instant now, const Reply& reply, MoveOutbox& out) {
    const ReplyBody* body = taken(now, target_, reply, out);
    const auto* txn = body == nullptr ? nullptr : std::get_if<TxnReply>(body);
    if (txn != nullptr) on_target_txn(now, *txn, out);
}

void Move::on_source_txn(Instant now, const TxnReply& reply, MoveOutbox& out) {
    switch (phase_) {
        case Phase::Examining:
            return on_examined(now, reply, out);
        case Phase::Opening:
            return reply.succeeded ? claim(now, out) : examine(now, out);
        case Phase::Freezing:
            return on_frozen(now, reply, out);
        case Phase::Sealing:
            return on_sealed(now, reply, out);
        case Phase::Thawing:
            return on_thawed(now, reply, out);
        case Phase::Claiming:
        case Phase::Clearing:
        case Phase::Watching:
        case Phase::Copying:
        case Phase::Following:
        case Phase::Draining:
        case Phase::Finishing:
        case Phase::Over:
            return;
    }
}

void Move::on_target_txn(Instant now, const TxnReply& reply, MoveOutbox& out) {
    switch (phase_) {
        case Phase::Claiming:
            return on_claimed(now, reply, out);
        case Phase::Clearing:
            return claim(now, out);
        case Phase::Copying:
        case Phase::Following:
        case Phase::Freezing:
        case Phase::Draining:
        case Phase::Thawing:
            return on_applied(now, reply, out);
        case Phase::Finishing:
            return end(out);
        case Phase::Examining:
        case Phase::Opening:
        case Phase::Watching:
        case Phase::Sealing:
        case Phase::Over:
            return;
    }
}

// --- Before the copy: the source must be open, the target empty.

void Move::examine(Instant now, MoveOutbox& out) {
    phase_ = Phase::Examining;
    ask_source(now, Txn{{}, {get_op(keys::store_closed), get_op(keys::store_attempt)}, {}}, out);
}

// Taking the attempt over keeps a freeze of an earlier mover, who died, from coming late; what such
// a one left frozen is opened.
void Move::on_examined(Instant now, const TxnReply& reply, MoveOutbox& out) {
    const std::string closed = value_in(reply, 0);
    const auto closure = parse_closure(closed);
    if (!closed.empty() && (!closure || closure->kind == Closure::Kind::Sealed))
        return fail(now, broken("the data have been moved away from this store"), out);
    phase_ = Phase::Opening;
    Txn txn;
    txn.compares = {is(keys::store_closed, closed), is(keys::store_attempt, value_in(reply, 1))};
    attempt_ = settings_.id + " begins";
    txn.then_ops = {Put{std::string(keys::store_attempt), attempt_, 0}};
    if (!closed.empty()) txn.then_ops.push_back(Delete{std::string(keys::store_closed)});
    ask_source(now, std::move(txn), out);
}

void Move::claim(Instant now, MoveOutbox& out) {
    phase_ = Phase::Claiming;
    Txn txn;
    txn.compares = {Compare::none_in(KeyRange::prefix(""))};
    txn.then_ops = {Put{std::string(keys::store_copying), counter(number_), 0}};
    txn.else_ops = {get_op(keys::store_copying), get_op(keys::store_closed)};
    ask_target(now, std::move(txn), out);
}

// A target that was being copied to, or that was moved away from, is nobody's.
void Move::on_claimed(Instant now, const TxnReply& reply, MoveOutbox& out) {
    if (reply.succeeded) return watch(now, out);
    const std::string copying = value_in(reply, 0);
    const auto closure = parse_closure(value_in(reply, 1));
    const bool was_left = closure && closure->kind == Closure::Kind::Sealed;
    if (copying.empty() && !was_left)
        return fail(now, broken("the store to move to holds other data"), out);
    phase_ = Phase::Clearing;
    Txn txn;
    txn.compares = {copying.empty() ? Compare::exists(std::string(keys::store_closed))
                                    : is(keys::store_copying, copying)};
    txn.then_ops = {DeleteRange{KeyRange::prefix("")}};
    txn.else_ops = {get_op(keys::store_copying)};
    ask_target(now, std::move(txn), out);
}

// --- Copying: pages of the newest state, which need not be of one revision, as all changes since
// before the first page are applied afterwards.

void Move::watch(Instant now, MoveOutbox& out) {
    phase_ = Phase::Watching;
    watch_ = prefix | 1;
    ask_source(now, WatchCreate{watch_, KeyRange::prefix(""), {}}, out);
}

void Move::read_page(Instant now, MoveOutbox& out) {
    RangeRequest request;
    request.range = KeyRange::prefix("");
    if (!listed_to_.empty()) request.range.begin = listed_to_ + '\0';
    request.limit = move_page_keys;
    ask_source(now, std::move(request), out);
}

void Move::on_page(Instant now, const RangeReply& page, MoveOutbox& out) {
    if (phase_ != Phase::Copying) return;
    for (const KeyValue& item : page.items) {
        if (item.lease == 0 && !is_of_store(item.key)) page_.push_back(item);
    }
    if (!page.items.empty()) listed_to_ = page.items.back().key;
    all_read_ = !page.more;
    std::reverse(page_.begin(), page_.end());  // taken from the back
    proceed(now, out);
}

void Move::on_source_watch(Instant now, const WatchBatch& batch, MoveOutbox& out) {
    if (batch.watch != watch_ || phase_ == Phase::Over) return;
    if (batch.kind == WatchBatch::Kind::Compacted) {
        const bool is_done = phase_ == Phase::Sealing || phase_ == Phase::Finishing;
        if (!is_done) fail(now, broken("the store forgot what changed during the copy"), out);
        return;
    }
    for (const WatchEvent& event : batch.events) note(event);
    if (changes_.size() > move_changes_max)
        return fail(now, broken("more is written than can be copied"), out);
    proceed(now, out);
}

void Move::note(const WatchEvent& event) {
    const bool is_put = event.kind == WatchEvent::Kind::Put;
    if (is_put && event.entry.key == keys::store_closed && event.entry.value == frozen_text())
        barrier_seen_ = true;
    if (is_of_store(event.entry.key)) return;
    const bool stays = is_put && event.entry.lease == 0;
    changes_[event.entry.key] =
        stays ? std::optional<std::string>(event.entry.value) : std::nullopt;
    ++followed_;
}

// --- What to do next, whenever something has come.

void Move::proceed(Instant now, MoveOutbox& out) {
    if (phase_ == Phase::Copying && page_.empty() && all_read_ && !target_.waiting)
        phase_ = Phase::Following;
    if (phase_ == Phase::Copying) {
        if (target_.waiting) return;
        if (!page_.empty()) return apply(now, out);
        if (!source_.waiting) read_page(now, out);
        return;
    }
    if (is_frozen() && now >= *frozen_at_ + settings_.freeze_max) return thaw(now, out);
    if (freeze_not_before_ && *freeze_not_before_ <= now) freeze_not_before_.reset();
    if (phase_ == Phase::Following && changes_.size() <= move_freeze_below && !freeze_not_before_)
        freeze(now, out);
    if (phase_ != Phase::Following && !is_frozen()) return;
    if (target_.waiting) return;
    if (!changes_.empty()) return apply(now, out);
    if (phase_ == Phase::Draining && barrier_seen_) seal(now, out);
}

// Each transaction of the target has a number: one that comes late finds another one.
void Move::apply(Instant now, MoveOutbox& out) {
    Txn txn;
    txn.compares = {is(keys::store_copying, counter(number_))};
    txn.then_ops = next_ops();
    txn.then_ops.push_back(Put{std::string(keys::store_copying), counter(number_ + 1), 0});
    txn.else_ops = {get_op(keys::store_copying)};
    ask_target(now, std::move(txn), out);
}

std::vector<Op> Move::next_ops() {
    std::vector<Op> ops;
    size_t bytes = 0;
    while (phase_ == Phase::Copying && !page_.empty() && ops.size() + 1 < txn_ops_max) {
        KeyValue& item = page_.back();
        bytes += item.key.size() + item.value.size();
        if (bytes > move_txn_bytes && !ops.empty()) break;
        ops.emplace_back(Put{std::move(item.key), std::move(item.value), 0});
        page_.pop_back();
        ++copied_;
    }
    while (phase_ != Phase::Copying && !changes_.empty() && ops.size() + 1 < txn_ops_max) {
        auto& [key, value] = *changes_.begin();
        bytes += key.size() + (value ? value->size() : 0);
        if (bytes > move_txn_bytes && !ops.empty()) break;
        if (value) {
            ops.emplace_back(Put{key, std::move(*value), 0});
        } else {
            ops.emplace_back(Delete{key});
        }
        changes_.erase(changes_.begin());
    }
    return ops;
}

void Move::on_applied(Instant now, const TxnReply& reply, MoveOutbox& out) {
    if (!reply.succeeded && value_in(reply, 0) != counter(number_ + 1))
        return fail(now, broken("another move has taken the store to move to"), out);
    ++number_;
    proceed(now, out);
}

// --- Freezing, sealing, thawing.

void Move::freeze(Instant now, MoveOutbox& out) {
    if (++freezes_ > move_freezes_max)
        return fail(now, broken("writes could not be frozen for short enough"), out);
    phase_ = Phase::Freezing;
    frozen_at_ = now;
    barrier_seen_ = false;
    Txn txn;
    txn.compares = {Compare::absent(std::string(keys::store_closed)),
                    is(keys::store_attempt, attempt_)};
    txn.then_ops = {Put{std::string(keys::store_closed), frozen_text(), 0},
                    Put{std::string(keys::store_attempt), attempt_text(), 0}};
    txn.else_ops = {get_op(keys::store_closed)};
    out.events.push_back({MoveEvent::Kind::Freeze, {}});
    ask_source(now, std::move(txn), out);
}

void Move::on_frozen(Instant now, const TxnReply& reply, MoveOutbox& out) {
    if (!reply.succeeded && value_in(reply, 0) != frozen_text())
        return fail(now, broken("another move has closed this store"), out);
    attempt_ = attempt_text();
    phase_ = Phase::Draining;
    proceed(now, out);
}

void Move::seal(Instant now, MoveOutbox& out) {
    phase_ = Phase::Sealing;
    Txn txn;
    txn.compares = {is(keys::store_closed, frozen_text())};
    txn.then_ops = {Put{std::string(keys::store_closed), sealed_text(), 0}};
    txn.else_ops = {get_op(keys::store_closed)};
    ask_source(now, std::move(txn), out);
}

void Move::on_sealed(Instant now, const TxnReply& reply, MoveOutbox& out) {
    if (!reply.succeeded && value_in(reply, 0) != sealed_text()) {
        phase_ = Phase::Draining;
        return fail(now, broken("another move has opened this store"), out);
    }
    frozen_for_ = now - *frozen_at_;
    phase_ = Phase::Finishing;
    out.events.push_back({MoveEvent::Kind::Moved, {}});
    ask_target(now, Txn{{}, {Delete{std::string(keys::store_copying)}}, {}}, out);
}

// Also where the freeze may not have been applied: raising the attempt keeps it from coming late.
void Move::thaw(Instant now, MoveOutbox& out) {
    phase_ = Phase::Thawing;
    const std::string opened = attempt_text() + " opened";
    Txn txn;
    txn.compares = {is(keys::store_closed, frozen_text())};
    txn.then_ops = {Delete{std::string(keys::store_closed)},
                    Put{std::string(keys::store_attempt), opened, 0}};
    txn.else_ops = {Put{std::string(keys::store_attempt), opened, 0}, get_op(keys::store_closed)};
    ask_source(now, std::move(txn), out);
}

void Move::on_thawed(Instant now, const TxnReply& reply, MoveOutbox& out) {
    attempt_ = attempt_text() + " opened";
    const bool is_closed = !reply.succeeded && !value_in(reply, 1).empty();
    if (is_closed && !failing_) failing_ = broken("another move has closed this store");
    out.events.push_back({MoveEvent::Kind::Thaw, {}});
    if (failing_) {
        out.events.push_back({MoveEvent::Kind::Failed, *failing_});
        return end(out);
    }
    phase_ = Phase::Following;
    freeze_not_before_ = now + move_freeze_again;
    proceed(now, out);
}

void Move::fail(Instant now, Error why, MoveOutbox& out) {
    if (phase_ == Phase::Over || failing_) return;
    failing_ = std::move(why);
    if (is_frozen()) return thaw(now, out);
    if (phase_ == Phase::Thawing) return;  // ends with it
    out.events.push_back({MoveEvent::Kind::Failed, *failing_});
    end(out);
}

void Move::end(MoveOutbox& out) {
    phase_ = Phase::Over;
    for (WatchId each = prefix | 1; each <= watch_; ++each)
        out.to_source.push_back({prefix | ++requests_, cancel_body(each)});
}

std::string_view Move::phase_name() const {
    switch (phase_) {
        case Phase::Examining:
        case Phase::Opening:
        case Phase::Claiming:
        case Phase::Clearing:
        case Phase::Watching:
            return "preparing";
        case Phase::Copying:
            return "copying";
        case Phase::Following:
            return "following";
        case Phase::Freezing:
        case Phase::Draining:
            return "frozen";
        case Phase::Sealing:
        case Phase::Finishing:
            return "sealing";
        case Phase::Thawing:
            return "thawing";
        case Phase::Over:
            return "over";
    }
    return {};
}

// --- Time.

void Move::on_timeout(Instant now, MoveOutbox& out) {
    if (phase_ == Phase::Over) return;
    if (source_.waiting && *source_.deadline <= now) try_again(now, source_, out.to_source);
    if (target_.waiting && *target_.deadline <= now) try_again(now, target_, out.to_target);
    if (phase_ == Phase::Following || is_frozen()) proceed(now, out);
}

std::optional<Instant> Move::next_deadline() const {
    if (phase_ == Phase::Over) return std::nullopt;
    std::optional<Instant> next;
    const auto consider = [&](std::optional<Instant> other) {
        if (other && (!next || *other < *next)) next = other;
    };
    if (source_.waiting) consider(source_.deadline);
    if (target_.waiting) consider(target_.deadline);
    if (phase_ == Phase::Following) consider(freeze_not_before_);
    if (is_frozen()) consider(*frozen_at_ + settings_.freeze_max);
    return next;
}

}  // namespace tandem::store
