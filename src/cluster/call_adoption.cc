#include "cluster/call_adoption.h"

#include <algorithm>
#include <utility>

#include "base/rendezvous.h"
#include "cluster/limits.h"
#include "store/keys.h"

namespace tandem::cluster {
namespace {

// The part of the id that tokens carry, so that a gate finds the adopter by reading one: 56 bits.
uint64_t key_of(CallId call) {
    return call.bits.low & (~uint64_t{0} >> 8);
}

std::optional<CallId> call_in(std::string_view key, const std::string& prefix) {
    if (!key.starts_with(prefix)) return std::nullopt;
    return CallId::parse(key.substr(prefix.size()));
}

// Reads of a move's other branch: two fences, then two for each call.
constexpr size_t fence_reads = 2;

}  // namespace

const Adopter* adopter_of(CallId call, const std::vector<Adopter>& survivors) {
    const Adopter* best = nullptr;
    uint64_t best_score = 0;
    for (const Adopter& each : survivors) {
        const uint64_t score = rendezvous_draw(key_of(call), each.number.value);
        if (best == nullptr || score > best_score) {
            best = &each;
            best_score = score;
        }
    }
    return best;
}

CallAdoption::CallAdoption(Adopter self, FenceRecord claim, uint16_t channel,
                           const FenceTable& fences)
    : self_(self),
      own_key_(store::keys::fence(self.number.value)),
      own_fence_(to_text(claim)),
      fences_(fences),
      exchange_(channel, store_deadline) {}

// --- Inputs.

void CallAdoption::set_survivors(Instant now, std::vector<Adopter> survivors, AdoptionOutbox& out) {
    std::sort(survivors.begin(), survivors.end());
    if (survivors == survivors_) return;
    survivors_ = std::move(survivors);
    // What was another's may be ours now.
    for (auto& [number, sweep] : sweeps_)
        if (sweep.phase == Phase::Waiting) sweep.next_at = now;
    proceed(now, out);
}

Result<void> CallAdoption::on_dead(Instant now, const Adopter& victim, uint32_t epoch,
                                   AdoptionOutbox& out) {
    if (is_over_ || victim.number == self_.number) return {};
    const auto swept = swept_.find(victim.number);
    if (swept != swept_.end() && epoch <= swept->second) return {};
    const auto known = sweeps_.find(victim.number);
    if (known != sweeps_.end() && known->second.epoch >= epoch) return {};
    if (known == sweeps_.end() && sweeps_.size() >= victims_max)
        return make_error(ErrorCode::TooLarge, "victim", "too many instances died at once");
    Sweep& sweep = sweeps_[victim.number];
    sweep.victim = victim;
    sweep.epoch = epoch;
    sweep.phase = Phase::Fencing;  // a batch under way keeps the fence that it began with
    sweep.next_at.reset();
    proceed(now, out);
    return {};
}

Result<void> CallAdoption::on_asked(Instant now, const Adopter& owner, CallId call,
                                    AdoptionOutbox& out) {
    if (is_over_) return make_error(ErrorCode::Unavailable, "call", "this incarnation is over");
    if (asked_.size() >= asked_calls_max)
        return make_error(ErrorCode::TooLarge, "call", "too many calls are being looked for");
    asked_.push_back({owner, call});
    proceed(now, out);
    return {};
}

void CallAdoption::on_fences(Instant now, AdoptionOutbox& out) {
    if (const FenceEntry* own = fences_.find(self_.number);
        own != nullptr && parse_fence(own_fence_)->epoch < own->record.floor())
        return stop(out);
    proceed(now, out);
}

// --- What to do next: the batch under way, then calls that somebody waits for, then the sweeps.

void CallAdoption::proceed(Instant now, AdoptionOutbox& out) {
    if (is_over_ || exchange_.is_waiting() || retry_at_) return;
    if (batch_) {
        Sweep& sweep = *find(batch_->victim);
        if (batch_->items.empty()) return read(now, sweep, batch_->wanted, out);
        return move(now, sweep, out);
    }
    if (proceed_asked(now, out)) return;
    for (auto& [number, sweep] : sweeps_)
        if (proceed_sweep(now, sweep, out)) return;
}

bool CallAdoption::proceed_asked(Instant now, AdoptionOutbox& out) {
    while (!asked_.empty()) {
        Sweep* sweep = find(asked_.front().owner.number);
        if (sweep == nullptr) {
            locate(now, out);
            return true;
        }
        if (sweep->phase == Phase::Fencing) return fence(now, *sweep, out);
        batch_ = Batch{sweep->victim.number, {asked_.front().call}, {}, true};
        read(now, *sweep, batch_->wanted, out);
        return true;
    }
    return false;
}

// True: a request is under way, or an iterator of sweeps_ is no longer good.
bool CallAdoption::proceed_sweep(Instant now, Sweep& sweep, AdoptionOutbox& out) {
    switch (sweep.phase) {
        case Phase::Fencing:
            return fence(now, sweep, out);
        case Phase::Waiting:
            if (sweep.next_at && now < *sweep.next_at) return false;
            sweep.next_at.reset();
            sweep.listed_to.clear();
            sweep.ours.clear();  // left of a pass that a second death has cut off: listed again
            sweep.found = 0;
            ++sweep.progress.passes;
            sweep.phase = Phase::Listing;
            list(now, sweep, out);
            return true;
        case Phase::Listing:
            list(now, sweep, out);
            return true;
        case Phase::Taking:
            break;
    }
    std::vector<CallId> calls;
    while (!sweep.ours.empty() && calls.size() < batch_calls_max) {
        calls.push_back(sweep.ours.front());
        sweep.ours.pop_front();
    }
    batch_ = Batch{sweep.victim.number, std::move(calls), {}, false};
    read(now, sweep, batch_->wanted, out);
    return true;
}

void CallAdoption::send(Instant now, Step step, InstanceNumber victim, store::RequestBody body,
                        AdoptionOutbox& out) {
    step_ = step;
    step_victim_ = victim;
    out.requests.push_back(exchange_.ask(now, std::move(body)));
}

// --- Fencing the victim, so that its calls can't change any more.

bool CallAdoption::fence(Instant now, Sweep& sweep, AdoptionOutbox& out) {
    const FenceEntry* entry = fences_.find(sweep.victim.number);
    if (entry == nullptr) {
        sweep.next_at = now + store_pause;  // its claim is not told yet
        return false;
    }
    const std::string key = store::keys::fence(sweep.victim.number.value);
    if (entry->record.state == FenceRecord::State::Open && entry->record.epoch <= sweep.epoch) {
        const Instant from = entry->learned + suspicion_after;  // it renewed: see SelfCheck
        if (now < from) {
            sweep.next_at = from;
            return false;
        }
        const FenceRecord over{FenceRecord::State::Fenced, entry->record.epoch, {}, self_.number};
        store::Txn txn;
        txn.compares = {store::Compare::mod_revision_is(key, entry->revision),
                        store::Compare::value_is(own_key_, own_fence_)};
        sweep.fencing = to_text(over);
        txn.then_ops = {store::Put{key, sweep.fencing, 0}};
        txn.else_ops = {get_op(key), get_op(own_key_)};
        send(now, Step::Fence, sweep.victim.number, std::move(txn), out);
        return true;
    }
    const store::KeyValue item{key, to_text(entry->record), {}, entry->revision, 0};
    look_at_fence(sweep, &item, out);
    proceed(now, out);
    return true;
}

// False: the sweep is over.
bool CallAdoption::look_at_fence(Sweep& sweep, const store::KeyValue* item, AdoptionOutbox& out) {
    const auto record = item == nullptr ? std::nullopt : parse_fence(item->value);
    if (record && record->state == FenceRecord::State::Open && record->epoch > sweep.epoch) {
        end_sweep(sweep.victim.number, AdoptionEvent::Kind::Returned, out);
        return false;
    }
    if (!record || record->state == FenceRecord::State::Open) {
        sweep.phase = Phase::Fencing;
        return true;
    }
    sweep.fence = item->value;
    if (sweep.phase == Phase::Fencing) {
        sweep.next_at.reset();
        sweep.phase = Phase::Waiting;
    }
    return true;
}

void CallAdoption::on_fence_txn(Instant now, Sweep& sweep, const store::TxnReply& reply,
                                AdoptionOutbox& out) {
    if (reply.succeeded) {
        sweep.fence = sweep.fencing;
        sweep.next_at.reset();
        sweep.phase = Phase::Waiting;
        return;
    }
    if (reply.ops.size() < fence_reads) return;
    const store::KeyValue* own = item_of(reply.ops[1]);
    if (own == nullptr || own->value != own_fence_) return stop(out);
    if (look_at_fence(sweep, item_of(reply.ops[0]), out) && sweep.phase == Phase::Fencing)
        retry_at_ = now + store_pause;  // renewed: the watch will tell
}

// --- Listing, reading, moving.

void CallAdoption::list(Instant now, Sweep& sweep, AdoptionOutbox& out) {
    store::RangeRequest request;
    request.range = store::KeyRange::prefix(store::keys::calls_of(sweep.victim.id));
    if (!sweep.listed_to.empty()) request.range.begin = sweep.listed_to + '\x01';
    request.limit = listed_max;
    request.want = store::Want::Keys;
    send(now, Step::List, sweep.victim.number, std::move(request), out);
}

bool CallAdoption::takes(const Sweep& sweep, CallId call) const {
    if (sweep.progress.passes >= take_all_from_pass) return true;
    const Adopter* adopter = adopter_of(call, survivors_);
    return adopter == nullptr || adopter->number == self_.number;
}

void CallAdoption::on_page(Instant now, Sweep& sweep, const store::RangeReply& page,
                           AdoptionOutbox& out) {
    if (sweep.phase != Phase::Listing) return;  // it died again meanwhile
    const std::string prefix = store::keys::calls_of(sweep.victim.id);
    for (const store::KeyValue& item : page.items) {
        sweep.listed_to = item.key;
        const auto call = call_in(item.key, prefix);
        if (!call) continue;
        ++sweep.found;
        if (takes(sweep, *call)) sweep.ours.push_back(*call);
    }
    if (!page.more) sweep.listed_to.clear();
    sweep.progress.left = sweep.ours.size();
    sweep.phase = Phase::Taking;
    if (sweep.ours.empty()) end_pass(now, sweep, out);
}

void CallAdoption::end_pass(Instant now, Sweep& sweep, AdoptionOutbox& out) {
    if (!sweep.listed_to.empty()) {
        sweep.phase = Phase::Listing;
        return;
    }
    if (sweep.found == 0) return end_sweep(sweep.victim.number, AdoptionEvent::Kind::Swept, out);
    sweep.phase = Phase::Waiting;
    sweep.next_at = now + sweep_again_after;
}

void CallAdoption::read(Instant now, const Sweep& sweep, const std::vector<CallId>& calls,
                        AdoptionOutbox& out) {
    store::Txn txn;
    for (const CallId call : calls) {
        txn.then_ops.push_back(get_op(store::keys::call(sweep.victim.id, call)));
        if (batch_->is_asked) txn.then_ops.push_back(get_op(store::keys::call_owner(call)));
    }
    send(now, Step::Read, sweep.victim.number, std::move(txn), out);
}

void CallAdoption::on_values(Instant now, Sweep& sweep, const store::TxnReply& reply,
                             AdoptionOutbox& out) {
    const size_t stride = batch_->is_asked ? 2 : 1;
    size_t bytes = 0;
    for (size_t i = 0; i < batch_->wanted.size() && i * stride < reply.ops.size(); ++i) {
        const store::KeyValue* item = item_of(reply.ops[i * stride]);
        if (item == nullptr) continue;  // it has ended, or somebody was asked for it
        bytes += item->value.size();
        if (bytes > batch_bytes_max && !batch_->items.empty()) {
            sweep.ours.push_back(batch_->wanted[i]);
            continue;
        }
        batch_->items.push_back({batch_->wanted[i], item->mod_revision, item->value});
    }
    if (!batch_->items.empty()) return move(now, sweep, out);
    const bool was_asked = batch_->is_asked;
    batch_.reset();
    if (!was_asked) {
        if (sweep.ours.empty()) end_pass(now, sweep, out);
        return;
    }
    const store::KeyValue* owner = reply.ops.size() > 1 ? item_of(reply.ops[1]) : nullptr;
    const auto id = owner == nullptr ? std::nullopt : RoleInstanceId::parse(owner->value);
    if (!id || *id == sweep.victim.id)
        return answer_asked(AdoptionEvent::Kind::NoSuchCall, {}, out);
    next_owner(*id, out);
}

// Who owns it now may have died, too.
void CallAdoption::next_owner(RoleInstanceId owner, AdoptionOutbox& out) {
    const Sweep* next = find_by_id(owner);
    if (next == nullptr) return answer_asked(AdoptionEvent::Kind::Elsewhere, owner, out);
    asked_.front().owner = next->victim;
}

// The sweep of its owner may be long over, and the owner may live again without this call.
void CallAdoption::locate(Instant now, AdoptionOutbox& out) {
    store::Txn txn;
    txn.then_ops = {get_op(store::keys::call_owner(asked_.front().call))};
    send(now, Step::Locate, {}, std::move(txn), out);
}

void CallAdoption::on_located(const store::TxnReply& reply, AdoptionOutbox& out) {
    const store::KeyValue* owner = reply.ops.empty() ? nullptr : item_of(reply.ops[0]);
    const auto id = owner == nullptr ? std::nullopt : RoleInstanceId::parse(owner->value);
    if (!id) return answer_asked(AdoptionEvent::Kind::OwnerLives, {}, out);
    next_owner(*id, out);
}

void CallAdoption::move(Instant now, Sweep& sweep, AdoptionOutbox& out) {
    const std::string victim_key = store::keys::fence(sweep.victim.number.value);
    store::Txn txn;
    txn.compares = {store::Compare::value_is(victim_key, sweep.fence),
                    store::Compare::value_is(own_key_, own_fence_)};
    txn.else_ops = {get_op(victim_key), get_op(own_key_)};
    for (const Item& item : batch_->items) {
        const std::string from = store::keys::call(sweep.victim.id, item.call);
        const std::string to = store::keys::call(self_.id, item.call);
        txn.compares.push_back(store::Compare::mod_revision_is(from, item.revision));
        txn.then_ops.push_back(store::Delete{from});
        txn.then_ops.push_back(store::Put{to, item.snapshot, 0});
        txn.then_ops.push_back(store::Put{store::keys::call_owner(item.call), self_.id.text(), 0});
        txn.else_ops.push_back(get_op(to, store::Want::Keys));
        txn.else_ops.push_back(get_op(from, store::Want::Keys));
    }
    send(now, Step::Move, sweep.victim.number, std::move(txn), out);
}

void CallAdoption::adopted(Sweep& sweep, Item item, AdoptionOutbox& out) {
    ++sweep.progress.adopted;
    out.events.push_back({AdoptionEvent::Kind::Adopted, sweep.victim, item.call,
                          std::move(item.snapshot), self_.id});
    if (batch_->is_asked) asked_.pop_front();
    batch_->is_asked = false;
}

// The other branch says what became of each call: ours, by an earlier try of the same batch; gone,
// by somebody else; or still there, and to be read again.
void CallAdoption::on_moved(Instant now, Sweep& sweep, const store::TxnReply& reply,
                            AdoptionOutbox& out) {
    std::vector<Item> items = std::move(batch_->items);
    batch_->items.clear();
    if (!reply.succeeded && reply.ops.size() < fence_reads + 2 * items.size()) {
        batch_->items = std::move(items);
        retry_at_ = now + store_pause;
        return;
    }
    const store::KeyValue* own = reply.succeeded ? nullptr : item_of(reply.ops[1]);
    if (!reply.succeeded && (own == nullptr || own->value != own_fence_)) return stop(out);
    std::vector<CallId> again;
    for (size_t i = 0; i < items.size(); ++i) {
        const size_t at = fence_reads + 2 * i;
        if (reply.succeeded || item_of(reply.ops[at]) != nullptr)
            adopted(sweep, std::move(items[i]), out);
        else if (item_of(reply.ops[at + 1]) != nullptr || batch_->is_asked)
            again.push_back(items[i].call);
    }
    sweep.progress.left = sweep.ours.size();
    const bool was_asked = batch_->is_asked;
    batch_.reset();
    if (!reply.succeeded && !look_at_fence(sweep, item_of(reply.ops[0]), out)) return;
    if (sweep.phase == Phase::Fencing) return;  // it will be listed again
    if (!again.empty()) {
        batch_ = Batch{sweep.victim.number, std::move(again), {}, was_asked};
        return;
    }
    if (sweep.phase == Phase::Taking && sweep.ours.empty()) end_pass(now, sweep, out);
}

void CallAdoption::answer_asked(AdoptionEvent::Kind kind, RoleInstanceId owner,
                                AdoptionOutbox& out) {
    out.events.push_back({kind, asked_.front().owner, asked_.front().call, {}, owner});
    asked_.pop_front();
}

void CallAdoption::end_sweep(InstanceNumber victim, AdoptionEvent::Kind kind, AdoptionOutbox& out) {
    const auto sweep = sweeps_.find(victim);
    out.events.push_back({kind, sweep->second.victim, {}, {}, {}});
    swept_[victim] = sweep->second.epoch;
    sweeps_.erase(sweep);
}

void CallAdoption::stop(AdoptionOutbox& out) {
    if (is_over_) return;
    is_over_ = true;
    batch_.reset();
    sweeps_.clear();
    asked_.clear();
    retry_at_.reset();
    out.events.push_back({AdoptionEvent::Kind::Fenced, self_, {}, {}, {}});
}

// --- Answers and time.

bool CallAdoption::on_reply(Instant now, const store::Reply& reply, AdoptionOutbox& out) {
    const auto match = exchange_.match(reply);
    if (match != StoreExchange::Match::Awaited) return match == StoreExchange::Match::Late;
    if (is_over_) return true;
    const Step step = std::exchange(step_, Step::None);
    if (reply.body)
        on_answer(now, step, *reply.body, out);
    else
        retry_at_ = now + store_pause;
    proceed(now, out);
    return true;
}

void CallAdoption::on_answer(Instant now, Step step, const store::ReplyBody& body,
                             AdoptionOutbox& out) {
    Sweep* sweep = find(step_victim_);
    const auto* page = std::get_if<store::RangeReply>(&body);
    const auto* txn = std::get_if<store::TxnReply>(&body);
    if (txn != nullptr && step == Step::Locate) return on_located(*txn, out);
    if (sweep == nullptr) return;
    if (page != nullptr && step == Step::List) return on_page(now, *sweep, *page, out);
    if (txn != nullptr && step == Step::Fence) return on_fence_txn(now, *sweep, *txn, out);
    if (txn != nullptr && step == Step::Read) return on_values(now, *sweep, *txn, out);
    if (txn != nullptr && step == Step::Move) return on_moved(now, *sweep, *txn, out);
    retry_at_ = now + store_pause;
}

void CallAdoption::on_timeout(Instant now, AdoptionOutbox& out) {
    exchange_.take_timeout(now);
    if (retry_at_ && *retry_at_ <= now) retry_at_.reset();
    proceed(now, out);
}

std::optional<Instant> CallAdoption::next_deadline() const {
    if (is_over_) return std::nullopt;
    if (exchange_.is_waiting()) return exchange_.next_deadline();
    if (retry_at_) return retry_at_;
    std::optional<Instant> earliest;
    for (const auto& [number, sweep] : sweeps_) earlier(earliest, sweep.next_at);
    return earliest;
}

std::optional<AdoptionProgress> CallAdoption::progress(InstanceNumber victim) const {
    const auto found = sweeps_.find(victim);
    return found == sweeps_.end() ? std::nullopt : std::optional(found->second.progress);
}

bool CallAdoption::is_idle() const {
    return sweeps_.empty() && asked_.empty() && !batch_;
}

CallAdoption::Sweep* CallAdoption::find(InstanceNumber victim) {
    const auto found = sweeps_.find(victim);
    return found == sweeps_.end() ? nullptr : &found->second;
}

const CallAdoption::Sweep* CallAdoption::find_by_id(RoleInstanceId id) const {
    const auto found = std::find_if(sweeps_.begin(), sweeps_.end(), [&](const auto& entry) {
        return entry.second.victim.id == id;
    });
    return found == sweeps_.end() ? nullptr : &found->second;
}

}  // namespace tandem::cluster
