#include "cluster/leadership.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "cluster/limits.h"
#include "store/keys.h"

namespace tandem::cluster {

Leadership::Leadership(Settings settings, const FenceTable& fences)
    : settings_(std::move(settings)),
      fences_(fences),
      key_(store::keys::leader(settings_.group)),
      floor_key_(store::keys::leader_floor(settings_.group)),
      own_fence_(to_text(settings_.claim)),
      exchange_(settings_.channel, store_deadline) {}

void Leadership::start(Now now, LeadershipOutbox& out) {
    look(now, out);
}

// --- Knowing the key.

void Leadership::refresh(Now now, LeadershipOutbox& out) {
    wants_look_ = true;
    if (!exchange_.is_waiting()) look(now, out);
}

void Leadership::look(Now now, LeadershipOutbox& out) {
    wants_look_ = false;
    retry_at_.reset();
    poll_at_ = now.mono + poll_interval;
    store::Txn txn;
    txn.then_ops = {get_op(key_), get_op(floor_key_)};
    step_ = Step::Reading;
    out.requests.push_back(exchange_.ask(now.mono, std::move(txn)));
}

void Leadership::on_watch(Now now, const store::WatchBatch& batch, LeadershipOutbox& out) {
    if (batch.kind == store::WatchBatch::Kind::Compacted) return refresh(now, out);
    for (const store::WatchEvent& event : batch.events) {
        if (event.entry.key != key_) continue;
        const bool put = event.kind == store::WatchEvent::Kind::Put;
        learn(now, put ? &event.entry : nullptr, event.entry.mod_revision, out);
    }
}

// News come by two ways, by watch and by answers, so older ones may come later.
void Leadership::learn(Now now, const store::KeyValue* item, store::Revision at,
                       LeadershipOutbox& out) {
    if (at < known_at_) return;
    known_at_ = at;
    const store::Revision revision = item == nullptr ? store::Revision{} : item->mod_revision;
    if (is_known_ && revision == revision_) return;
    is_known_ = true;
    revision_ = revision;
    value_ = item == nullptr ? std::string() : item->value;
    record_ = item == nullptr ? std::nullopt : parse_leader(item->value);
    if (record_ && record_->epoch > epoch_seen_) {
        epoch_seen_ = record_->epoch;
        floor_value_ = std::to_string(epoch_seen_);  // both are put in one transaction
    }
    learned_ = now.mono;
    try_at_.reset();
    on_changed(now, out);
}

void Leadership::learn_floor(const store::KeyValue* item) {
    floor_value_ = item == nullptr ? std::string() : item->value;
    uint64_t floor = 0;
    std::from_chars(floor_value_.data(), floor_value_.data() + floor_value_.size(), floor);
    epoch_seen_ = std::max(epoch_seen_, floor);
}

bool Leadership::is_ours() const {
    return record_ && record_->state == LeaderRecord::State::Active &&
           record_->holder == settings_.self;
}

// The store says who holds the post; also when it is the late effect of a try that we had given up.
void Leadership::on_changed(Now now, LeadershipOutbox& out) {
    if (is_ours()) {
        if (post_ == Post::Passive) become_active(now, out);
    } else if (post_ == Post::Active || post_ == Post::Handing) {
        const bool handed =
            post_ == Post::Handing && record_ && record_->state == LeaderRecord::State::Released;
        step_down(handed ? "handed over" : "the post is another's", out);
    } else if (post_ == Post::Passive) {
        out.events.push_back(
            {LeaderEvent::Kind::LeaderIs, record_.value_or(LeaderRecord{}), "it has changed"});
    }
    reconsider(now, out);
}

void Leadership::become_active(Now now, LeadershipOutbox& out) {
    post_ = Post::Active;
    tried_.reset();
    try_at_.reset();
    elected_ = now.mono;
    elected_value_ = value_;
    out.events.push_back({LeaderEvent::Kind::Elected, *record_, "elected"});
}

void Leadership::step_down(std::string_view reason, LeadershipOutbox& out) {
    post_ = Post::Passive;
    order_.reset();
    hand_at_.reset();
    flush_until_.reset();
    flushed_ = false;
    out.events.push_back(
        {LeaderEvent::Kind::SteppedDown, record_.value_or(LeaderRecord{}), reason});
}

void Leadership::become_fenced(LeadershipOutbox& out) {
    if (post_ == Post::Fenced) return;
    post_ = Post::Fenced;
    try_at_.reset();
    order_.reset();
    hand_at_.reset();
    flush_until_.reset();
    out.events.push_back({LeaderEvent::Kind::Fenced, record_.value_or(LeaderRecord{}),
                          "another has taken over from this incarnation"});
}

// --- Whether to take the post.

void Leadership::set_candidates(Now now, std::vector<Candidate> candidates, LeadershipOutbox& out) {
    if (candidates.size() > candidates_max) candidates.resize(candidates_max);
    candidates_ = std::move(candidates);
    std::erase_if(dead_through_, [&](const auto& entry) {
        return std::none_of(candidates_.begin(), candidates_.end(),
                            [&](const auto& each) { return each.instance == entry.first; }) &&
               !(record_ && record_->holder.instance == entry.first);
    });
    reconsider(now, out);
}

void Leadership::on_dead(Now now, Incarnation who, LeadershipOutbox& out) {
    const bool is_candidate =
        std::any_of(candidates_.begin(), candidates_.end(),
                    [&](const Candidate& each) { return each.instance == who.instance; });
    const bool is_holder = record_ && record_->holder.instance == who.instance;
    if (!is_candidate && !is_holder) return;
    uint32_t& through = dead_through_[who.instance];
    through = std::max(through, who.epoch);
    reconsider(now, out);
}

void Leadership::on_fences(Now now, LeadershipOutbox& out) {
    if (!fences_.admits(settings_.self)) return become_fenced(out);
    reconsider(now, out);
}

bool Leadership::is_over(Incarnation who) const {
    const auto dead = dead_through_.find(who.instance);
    if (dead != dead_through_.end() && who.epoch <= dead->second) return true;
    return !fences_.admits(who);
}

// How many living copies go before this one; nullopt: it does not stand.
std::optional<size_t> Leadership::rank() const {
    const auto self = std::find_if(candidates_.begin(), candidates_.end(), [&](const auto& each) {
        return each.instance == settings_.self.instance;
    });
    if (self == candidates_.end() || !self->is_alive) return std::nullopt;
    const auto goes_before = [&](const Candidate& other) {
        if (!other.is_alive || other.instance == self->instance) return false;
        if (record_ && record_->holder.instance == other.instance) return false;
        return std::pair(other.order, other.instance) < std::pair(self->order, self->instance);
    };
    return static_cast<size_t>(std::count_if(candidates_.begin(), candidates_.end(), goes_before));
}

// When this copy may try; nullopt: the post is held.
std::optional<Instant> Leadership::takeable_from(Instant now) const {
    const auto place = rank();
    if (!place || !is_known_) return std::nullopt;
    const Duration turn = candidate_stagger * static_cast<int64_t>(*place);
    if (!record_) return learned_ + turn;
    if (record_->state == LeaderRecord::State::Released) {
        if (record_->holder == settings_.self) return learned_ + released_rest + turn;
        if (record_->next == settings_.self.instance) return learned_;
        return learned_ + turn + (record_->next ? 2 * candidate_stagger : Duration{0});
    }
    if (record_->holder == settings_.self) return std::nullopt;
    if (record_->holder.instance == settings_.self.instance) return learned_;  // our former life
    if (!is_over(record_->holder)) return std::nullopt;
    // A renewal of its fence shows that it lived a moment ago: it may speak for 200 ms on it.
    const FenceEntry* fence = fences_.find(record_->holder.instance);
    const bool is_open = fence != nullptr && fence->record.state == FenceRecord::State::Open &&
                         fence->record.epoch == record_->holder.epoch;
    const Instant from = std::min(try_at_.value_or(now + turn), now + turn);
    return is_open ? std::max(from, fence->learned + suspicion_after) : from;
}

void Leadership::reconsider(Now now, LeadershipOutbox& out) {
    if (post_ != Post::Passive) return;
    try_at_ = takeable_from(now.mono);
    if (!try_at_ || *try_at_ > now.mono || !can_try()) return;
    exchange_.forget();  // a look that is under way must not delay the take-over
    take(now, out);
}

// The same try again has the same value, so that it does not matter which of them was applied.
void Leadership::take(Now now, LeadershipOutbox& out) {
    const uint64_t epoch = epoch_seen_ + 1;
    const bool is_first = !tried_ || tried_->epoch != epoch;
    if (is_first)
        tried_ = LeaderRecord{LeaderRecord::State::Active, epoch, settings_.self, now.utc, {}};
    store::Txn txn;
    txn.compares.push_back(revision_.is_none() ? store::Compare::absent(key_)
                                               : store::Compare::mod_revision_is(key_, revision_));
    txn.compares.push_back(floor_value_.empty()
                               ? store::Compare::absent(floor_key_)
                               : store::Compare::value_is(floor_key_, floor_value_));
    const std::string own_key = store::keys::fence(settings_.self.instance.value);
    txn.compares.push_back(store::Compare::value_is(own_key, own_fence_));
    txn.then_ops.push_back(store::Put{key_, to_text(*tried_), 0});
    txn.then_ops.push_back(store::Put{floor_key_, std::to_string(epoch), 0});
    const bool held = record_ && record_->state == LeaderRecord::State::Active &&
                      record_->holder.instance != settings_.self.instance;
    const FenceEntry* fence = held ? fences_.find(record_->holder.instance) : nullptr;
    if (fence != nullptr) {
        const std::string key = store::keys::fence(record_->holder.instance.value);
        txn.compares.push_back(store::Compare::mod_revision_is(key, fence->revision));
        if (fence->record.floor() <= record_->holder.epoch) {
            const FenceRecord over{
                FenceRecord::State::Fenced, record_->holder.epoch, {}, settings_.self.instance};
            txn.then_ops.push_back(store::Put{key, to_text(over), 0});
        }
    }
    txn.else_ops = {get_op(key_), get_op(floor_key_), get_op(own_key)};
    step_ = Step::Taking;
    ++tries_;
    out.requests.push_back(
        exchange_.ask(now.mono, std::move(txn), is_first ? first_try_deadline : store_deadline));
}

// --- Giving it away.

Result<void> Leadership::hand_over(Now now, const Handover& order, LeadershipOutbox& out) {
    if (post_ != Post::Active || order_)
        return make_error(ErrorCode::Conflict, "group", "this copy does not hold the post");
    const auto is_other = [&](const Candidate& each) {
        return each.instance != settings_.self.instance && (!order.to || each.instance == order.to);
    };
    if (std::none_of(candidates_.begin(), candidates_.end(), is_other))
        return make_error(ErrorCode::NotFound, "to", "there is no such other copy in the group");
    order_ = order;
    const bool waits = order.urgency == Urgency::AfterPostMin;
    hand_at_ = waits ? std::max(now.mono, elected_ + post_min) : now.mono;
    if (*hand_at_ <= now.mono) begin_handing(now, out);
    return {};
}

void Leadership::begin_handing(Now now, LeadershipOutbox& out) {
    hand_at_.reset();
    post_ = Post::Handing;
    flushed_ = false;
    flush_until_ = now.mono + flush_max;
    out.events.push_back({LeaderEvent::Kind::Hand, *record_, "to be handed over"});
}

void Leadership::on_flushed(Now now, LeadershipOutbox& out) {
    if (post_ != Post::Handing || flushed_) return;
    flushed_ = true;
    flush_until_.reset();
    if (!exchange_.is_waiting() && !retry_at_) release(now, out);
}

void Leadership::release(Now now, LeadershipOutbox& out) {
    CHECK(post_ == Post::Handing && is_ours() && order_);
    LeaderRecord released = *record_;
    released.state = LeaderRecord::State::Released;
    released.since = now.utc;
    released.next = order_->to;
    store::Txn txn;
    txn.compares.push_back(store::Compare::mod_revision_is(key_, revision_));
    txn.then_ops.push_back(store::Put{key_, to_text(released), 0});
    txn.else_ops = {get_op(key_), get_op(floor_key_)};
    step_ = Step::Releasing;
    out.requests.push_back(exchange_.ask(now.mono, std::move(txn)));
}

std::vector<store::Compare> Leadership::guards() const {
    return {
        store::Compare::value_is(key_, elected_value_),
        store::Compare::value_is(store::keys::fence(settings_.self.instance.value), own_fence_)};
}

// --- Answers and time.

bool Leadership::on_reply(Now now, const store::Reply& reply, LeadershipOutbox& out) {
    const auto match = exchange_.match(reply);
    if (match != StoreExchange::Match::Awaited) return match == StoreExchange::Match::Late;
    const auto* txn = reply.body ? std::get_if<store::TxnReply>(&*reply.body) : nullptr;
    if (txn == nullptr)
        retry_later(now);
    else
        on_txn(now, *txn, out);
    if (wants_look_ && !exchange_.is_waiting()) look(now, out);
    return true;
}

// The outcome is unknown, or there was none: the next thing is to look.
void Leadership::retry_later(Now now) {
    step_ = Step::None;
    retry_at_ = now.mono + store_pause;
}

void Leadership::on_txn(Now now, const store::TxnReply& reply, LeadershipOutbox& out) {
    const Step step = std::exchange(step_, Step::None);
    if (step == Step::Reading || !reply.succeeded) return on_read(now, reply, out);
    // Ours was applied. The answer does not hold the key, but we know what it has become: unless
    // the watch has told of something later.
    if (step == Step::Releasing || reply.revision < known_at_ || !tried_) return look(now, out);
    const store::KeyValue item{key_, to_text(*tried_), {}, reply.revision, 0};
    learn(now, &item, reply.revision, out);
}

void Leadership::on_read(Now now, const store::TxnReply& reply, LeadershipOutbox& out) {
    if (reply.ops.size() < 2) return retry_later(now);
    if (reply.ops.size() >= 3) {  // of a try to take: the third is our own fence
        const store::KeyValue* fence = item_of(reply.ops[2]);
        if (fence == nullptr || fence->value != own_fence_) become_fenced(out);
    }
    if (reply.revision >= known_at_) learn_floor(item_of(reply.ops[1]));
    const store::Revision before = revision_;
    learn(now, item_of(reply.ops[0]), reply.revision, out);
    if (exchange_.is_waiting()) return;
    if (post_ == Post::Handing && flushed_) return release(now, out);
    if (post_ != Post::Passive) return;
    // A try that failed though the key is as it was: the former holder's fence is younger than
    // what the table has. The watch will tell.
    if (reply.ops.size() >= 3 && before == revision_)
        retry_at_ = now.mono + store_pause;
    else
        reconsider(now, out);
}

bool Leadership::can_try() const {
    return post_ == Post::Passive && !retry_at_ &&
           (!exchange_.is_waiting() || step_ == Step::Reading);
}

void Leadership::on_timeout(Now now, LeadershipOutbox& out) {
    if (exchange_.take_timeout(now.mono)) return look(now, out);
    if (can_try() && try_at_ && *try_at_ <= now.mono) return reconsider(now, out);
    if (exchange_.is_waiting()) return;
    if (retry_at_ && *retry_at_ <= now.mono) return look(now, out);
    if (hand_at_ && *hand_at_ <= now.mono && post_ == Post::Active) begin_handing(now, out);
    if (flush_until_ && *flush_until_ <= now.mono) return on_flushed(now, out);
    if (post_ != Post::Fenced && poll_at_ <= now.mono && !retry_at_) look(now, out);
}

std::optional<Instant> Leadership::next_deadline() const {
    std::optional<Instant> earliest = exchange_.next_deadline();
    if (can_try()) earlier(earliest, try_at_);
    if (exchange_.is_waiting()) return earliest;
    earlier(earliest, retry_at_);
    earlier(earliest, hand_at_);
    earlier(earliest, flush_until_);
    if (post_ != Post::Fenced && !retry_at_) earlier(earliest, poll_at_);
    return earliest;
}

}  // namespace tandem::cluster
