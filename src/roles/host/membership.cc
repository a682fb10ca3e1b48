#include "roles/host/membership.h"

#include <algorithm>
#include <set>

#include "cluster/limits.h"
#include "roles/host/limits.h"
#include "store/keys.h"

namespace tandem::roles::host {
namespace {

using cluster::FenceEntry;
using cluster::FenceRecord;
using cluster::LeaderRecord;
using cluster::ShardRun;

constexpr std::string_view kLeaderPrefix = "leader/";
// Channels of request ids (the upper 16 bits): 0 is the host's own.
constexpr uint16_t kReadChannel = 1;
constexpr uint16_t kSelfCheckChannel = 2;
constexpr uint16_t kFirstFreeChannel = 16;
constexpr store::RequestId kWatchRequests = uint64_t{kReadChannel} << 48 | uint64_t{1} << 47;
constexpr store::WatchId kFirstWatch = uint64_t{1} << 40;  // the catalog's count up from 1

std::string group_of(const Placement& placement) {
    std::string name(ports::code_of(placement.kind));
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    return name + "-" + std::to_string(placement.group);
}

cluster::InstanceNumber number_of(ports::Instance instance) {
    return {instance.number};
}

bool is_open(const FenceEntry* entry) {
    return entry != nullptr && entry->record.state == FenceRecord::State::Open;
}

}  // namespace

Membership::Membership(uint16_t node, uint16_t shard)
    : node_(node),
      shard_(shard),
      reading_(kReadChannel, cluster::store_deadline),
      self_check_(kSelfCheckChannel),
      turns_(ports::shards_max),
      channel_(kFirstFreeChannel) {}

uint16_t Membership::next_channel() {
    if (++channel_ < kFirstFreeChannel) channel_ = kFirstFreeChannel;
    return channel_;
}

Membership::Hosted* Membership::find(ports::Instance instance) {
    const auto found = hosted_.find(instance.number);
    return found == hosted_.end() || found->second.is_over ? nullptr : &found->second;
}

const ReachableNode* Membership::node(uint16_t number) const {
    const auto found = std::ranges::find(nodes_, number, &ReachableNode::node);
    return found == nodes_.end() ? nullptr : &*found;
}

// ---- Reading and following the store.

void Membership::start(Now now, uint32_t run) {
    run_ = run;
    read(now);
    begin_liveness(now);
}

void Membership::reread(Now now) {
    if (run_ != 0) read(now);
}

// Both ranges as of one revision, from which the watches go on.
void Membership::read(Now now) {
    read_again_.reset();
    reading_.forget();
    store::Txn txn;
    for (const std::string_view prefix : {store::keys::fence_prefix, kLeaderPrefix}) {
        txn.then_ops.emplace_back(store::Get{{store::KeyRange::prefix(prefix), 0, {}, {}}});
    }
    requests_.push_back(reading_.ask(now.mono, std::move(txn)));
}

void Membership::on_read(Now now, const store::TxnReply& reply) {
    for (const store::OpReply& op : reply.ops) {
        const auto* range = std::get_if<store::RangeReply>(&op);
        if (range == nullptr) continue;
        for (const store::KeyValue& item : range->items) {
            if (item.key.starts_with(kLeaderPrefix)) {
                learn_leader(item);
            } else {
                learn_fence(now, item);
            }
        }
    }
    // Watches of before, if any, are told apart by their numbers.
    first_watch_ = first_watch_ == 0 ? kFirstWatch : first_watch_ + 2;
    uint64_t watch = first_watch_;
    for (const std::string_view prefix : {store::keys::fence_prefix, kLeaderPrefix}) {
        requests_.push_back(
            {kWatchRequests | ++watch_requests_,
             store::WatchCreate{watch++, store::KeyRange::prefix(prefix), reply.revision}});
    }
    const bool first = !std::exchange(is_known_, true);
    for (auto& [number, hosted] : hosted_) {
        if (first && hosted.claim && !hosted.record) hosted.claim->start(now.mono, requests_);
        if (first || !hosted.leadership) continue;
        cluster::LeadershipOutbox out;
        hosted.leadership->refresh(now, out);
        take(hosted, out);
    }
    unsettled_ = true;
    changed_ = true;
}

void Membership::learn_leader(const store::KeyValue& item) {
    const auto record = cluster::parse_leader(item.value);
    const std::string group = item.key.substr(kLeaderPrefix.size());
    if (!record) return;
    LeaderRecord& known = leaders_[group];
    if (record->epoch < known.epoch) return;
    const bool moved =
        known.holder != record->holder && record->state == LeaderRecord::State::Active;
    known = *record;
    changed_ = true;
    if (!moved || shard_ != 0 || !is_known_) return;
    const uint16_t holder = record->holder.instance.value;
    news_.push_back({EventKind::Leader, holder,
                     "instance " + std::to_string(holder) + " is the active one of " + group +
                         " (epoch " + std::to_string(record->epoch) + ")"});
}

void Membership::learn_fence(Now now, const store::KeyValue& item) {
    fences_.learn(now.mono, item);
    changed_ = true;
    unsettled_ = true;
    const std::string text = item.key.substr(store::keys::fence_prefix.size());
    const cluster::InstanceNumber number{static_cast<uint16_t>(std::atoi(text.c_str()))};
    const FenceEntry* entry = fences_.find(number);
    if (entry == nullptr || liveness_ == nullptr) return;
    if (!entry->home.shard.node || entry->home.shard.node.value == node_) return;
    cluster::LivenessOutbox out;
    if (entry->record.state == FenceRecord::State::Open) {
        liveness_->expect(now.mono, entry->home, out);
    } else if (entry->record.by != number) {  // else it has given up, and its node lives
        liveness_->on_fenced(now.mono, entry->home, out);
    }
    take(out);
}

void Membership::on_watch(Now now, const store::WatchBatch& batch) {
    if (first_watch_ == 0 || batch.watch < first_watch_ || batch.watch > first_watch_ + 1) return;
    if (batch.kind == store::WatchBatch::Kind::Compacted) return read(now);
    for (const store::WatchEvent& event : batch.events) {
        if (event.kind != store::WatchEvent::Kind::Put) continue;
        if (event.entry.key.starts_with(kLeaderPrefix)) {
            learn_leader(event.entry);
        } else {
            learn_fence(now, event.entry);
        }
    }
    for (auto& [number, hosted] : hosted_) {
        if (!hosted.leadership || hosted.is_over) continue;
        cluster::LeadershipOutbox out;
        hosted.leadership->on_watch(now, batch, out);
        take(hosted, out);
    }
    settle(now);
}

bool Membership::on_reply(Now now, const store::Reply& reply) {
    if ((reply.id & kWatchRequests) == kWatchRequests && reply.id >> 48 == kReadChannel) {
        if (!reply.body) read_again_ = now.mono + store_retry_pause;
        return true;
    }
    const auto match = reading_.match(reply);
    if (match == cluster::StoreExchange::Match::Late) return true;
    if (match == cluster::StoreExchange::Match::Awaited) {
        const auto* txn = reply.body ? std::get_if<store::TxnReply>(&*reply.body) : nullptr;
        if (txn != nullptr) {
            on_read(now, *txn);
        } else {
            read_again_ = now.mono + store_retry_pause;
        }
        settle(now);
        return true;
    }
    if (self_check_.on_reply(now.mono, reply, requests_)) {
        // What it has found out the watch may tell later: words that wait must not be said
        // meanwhile.
        for (auto& [number, hosted] : hosted_) {
            if (hosted.record && !hosted.gives_up && self_check_.is_fenced({number}))
                on_fenced(hosted);
        }
        return true;
    }
    for (auto& [number, hosted] : hosted_) {
        if (hosted.claim && hosted.claim->on_reply(now.mono, reply, requests_)) {
            look_at_claim(now, hosted);
            settle(now);
            return true;
        }
        cluster::LeadershipOutbox leads;
        if (hosted.leadership && hosted.leadership->on_reply(now, reply, leads)) {
            take(hosted, leads);
            settle(now);
            return true;
        }
        cluster::AdoptionOutbox adopts;
        if (hosted.adoption && hosted.adoption->on_reply(now.mono, reply, adopts)) {
            take(hosted, adopts);
            settle(now);
            return true;
        }
    }
    return false;
}

// ---- The instances of this shard.

void Membership::claim(Now now, const Placement& placement) {
    Hosted& hosted = hosted_[placement.instance.number];
    hosted = {};
    hosted.placement = placement;
    hosted.claim = std::make_unique<cluster::IncarnationClaim>(
        number_of(placement.instance), ShardRun{{{node_}, static_cast<uint8_t>(shard_)}, run_},
        next_channel());
    if (is_known_) hosted.claim->start(now.mono, requests_);
}

void Membership::release(ports::Instance instance) {
    self_check_.remove(number_of(instance));
    hosted_.erase(instance.number);
    changed_ = true;
}

void Membership::on_claimed(Now now, Hosted& hosted) {
    const Placement& placement = hosted.placement;
    hosted.record = hosted.claim->claimed();
    const FenceRecord& record = *hosted.record;
    const cluster::InstanceNumber number = number_of(placement.instance);
    self_check_.add(number, record);
    MembershipEvent event{MembershipEvent::Kind::Claimed, placement.instance, record.epoch, {}, {}};
    event.guards = {store::Compare::value_is(store::keys::fence(number.value), to_text(record))};
    events_.push_back(std::move(event));
    if (ports::is_active_passive(placement.kind)) {
        const cluster::Leadership::Settings settings{
            group_of(placement), {number, record.epoch}, record, next_channel()};
        hosted.leadership = std::make_unique<cluster::Leadership>(settings, fences_);
        cluster::LeadershipOutbox out;
        hosted.leadership->start(now, out);
        take(hosted, out);
    }
    if (placement.kind == ports::RoleKind::B2bua) {
        hosted.adoption = std::make_unique<cluster::CallAdoption>(
            cluster::Adopter{number, placement.id}, record, next_channel(), fences_);
    }
    unsettled_ = true;
    changed_ = true;
}

void Membership::look_at_claim(Now now, Hosted& hosted) {
    if (!hosted.record && hosted.claim->claimed()) return on_claimed(now, hosted);
    if (!hosted.gives_up || !hosted.claim->is_given_up() || std::exchange(hosted.is_over, true))
        return;
    self_check_.on_fenced(number_of(hosted.placement.instance));
    events_.push_back({MembershipEvent::Kind::GivenUp, hosted.placement.instance, 0, {}, {}});
    changed_ = true;
}

void Membership::give_up(Now now, ports::Instance instance) {
    Hosted* hosted = find(instance);
    if (hosted == nullptr || !hosted->record || hosted->is_over || hosted->gives_up) return;
    hosted->gives_up = true;
    hosted->claim->give_up(now.mono, requests_);
}

void Membership::on_fenced(Hosted& hosted) {
    if (std::exchange(hosted.is_over, true)) return;
    is_over_ = true;  // who fences an instance knows its run to be dead
    self_check_.on_fenced(number_of(hosted.placement.instance));
    events_.push_back({MembershipEvent::Kind::Fenced, hosted.placement.instance, 0, {}, {}});
    changed_ = true;
}

void Membership::take(Hosted& hosted, cluster::LeadershipOutbox& out) {
    for (store::Request& request : out.requests) requests_.push_back(std::move(request));
    using Kind = cluster::LeaderEvent::Kind;
    for (const cluster::LeaderEvent& event : out.events) {
        MembershipEvent told{MembershipEvent::Kind::Elected, hosted.placement.instance, 0, {}, {}};
        changed_ = true;
        switch (event.kind) {
            case Kind::Elected:
                told.guards = hosted.leadership->guards();
                break;
            case Kind::Hand:
                told.kind = MembershipEvent::Kind::Handing;
                break;
            case Kind::SteppedDown:
                told.kind = MembershipEvent::Kind::Deposed;
                break;
            case Kind::LeaderIs:
                continue;
            case Kind::Fenced:
                on_fenced(hosted);
                continue;
        }
        events_.push_back(std::move(told));
    }
}

void Membership::take(Hosted& hosted, cluster::AdoptionOutbox& out) {
    for (store::Request& request : out.requests) requests_.push_back(std::move(request));
    using Kind = cluster::AdoptionEvent::Kind;
    for (cluster::AdoptionEvent& event : out.events) {
        if (event.kind == Kind::Fenced) on_fenced(hosted);
        if (event.kind != Kind::Adopted) continue;
        events_.push_back({MembershipEvent::Kind::Adopted,
                           hosted.placement.instance,
                           0,
                           {},
                           {event.call, {event.victim.number.value}, std::move(event.snapshot)}});
    }
}

bool Membership::hand_over(Now now, const cluster::Handover& order, ports::Instance instance) {
    Hosted* hosted = find(instance);
    if (hosted == nullptr || !hosted->leadership) return false;
    cluster::LeadershipOutbox out;
    const bool done = hosted->leadership->hand_over(now, order, out).has_value();
    take(*hosted, out);
    return done;
}

void Membership::on_flushed(Now now, ports::Instance instance) {
    Hosted* hosted = find(instance);
    if (hosted == nullptr || !hosted->leadership) return;
    cluster::LeadershipOutbox out;
    hosted->leadership->on_flushed(now, out);
    take(*hosted, out);
}

std::vector<cluster::Candidate> Membership::candidates_of(const Placement& placement) const {
    std::vector<cluster::Candidate> candidates;
    for (const Placement& each : layout_) {
        if (each.kind != placement.kind || each.group != placement.group) continue;
        const Standing there = standing(each);
        const bool is_self = each.instance == placement.instance;
        candidates.push_back({number_of(each.instance), each.order,
                              is_self || (there.reachable && !there.suspected)});
    }
    return candidates;
}

std::vector<cluster::Adopter> Membership::survivors() const {
    std::vector<cluster::Adopter> adopters;
    for (const Placement& each : layout_) {
        if (each.kind != ports::RoleKind::B2bua) continue;
        const Standing there = standing(each);
        if (there.reachable && !there.suspected) {
            adopters.push_back({number_of(each.instance), each.id});
        }
    }
    return adopters;
}

// Tells the machines of our instances what has changed around them, until nothing does any more.
void Membership::settle(Now now) {
    while (std::exchange(unsettled_, false)) {
        for (auto& [number, hosted] : hosted_) {
            if (!hosted.record || hosted.is_over) continue;
            const bool admits =
                fences_.admits({number_of(hosted.placement.instance), hosted.record->epoch});
            if (!admits && hosted.gives_up) continue;  // by ourselves: the answer is on its way
            if (!admits) {
                on_fenced(hosted);
                continue;
            }
            if (hosted.leadership) {
                cluster::LeadershipOutbox out;
                hosted.leadership->on_fences(now, out);
                hosted.leadership->set_candidates(now, candidates_of(hosted.placement), out);
                take(hosted, out);
            }
            if (hosted.adoption) {
                cluster::AdoptionOutbox out;
                hosted.adoption->on_fences(now.mono, out);
                hosted.adoption->set_survivors(now.mono, survivors(), out);
                take(hosted, out);
            }
        }
        look_for_dead(now);
    }
}

void Membership::look_for_dead(Now now) {
    if (shard_ != 0) return;
    const auto look = [&](ports::Instance instance) {
        const FenceEntry* entry = fences_.find(number_of(instance));
        if (entry == nullptr) return;
        if (is_open(entry) && !is_gone(entry->record.home)) return;
        on_dead(now, instance, *entry);
    };
    for (const Placement& placement : layout_) look(placement.instance);
    for (const Placement& placement : leaving_) look(placement.instance);
    for (const auto& [group, record] : leaders_) look({record.holder.instance.value});
}

const Placement* Membership::placement_of(ports::Instance instance) const {
    for (const auto* list : {&layout_, &leaving_}) {
        const auto found = std::ranges::find(*list, instance, &Placement::instance);
        if (found != list->end()) return &*found;
    }
    return nullptr;
}

void Membership::on_dead(Now now, ports::Instance instance, const FenceEntry& entry) {
    const Placement* placed = placement_of(instance);
    for (auto& [number, hosted] : hosted_) {
        if (!hosted.record || hosted.is_over) continue;
        if (hosted.leadership) {
            cluster::LeadershipOutbox out;
            hosted.leadership->on_dead(now, {number_of(instance), entry.record.epoch}, out);
            take(hosted, out);
        }
        if (hosted.adoption && placed != nullptr && placed->kind == hosted.placement.kind) {
            cluster::AdoptionOutbox out;
            const cluster::Adopter victim{number_of(instance), placed->id};
            // Too many dead at once: they are told again with the next change.
            (void)hosted.adoption->on_dead(now.mono, victim, entry.record.epoch, out);
            take(hosted, out);
        }
    }
}

// ---- Time.

void Membership::on_timeout(Now now) {
    if (reading_.take_timeout(now.mono)) read(now);
    if (read_again_ && *read_again_ <= now.mono) read(now);
    if (liveness_ != nullptr) {
        cluster::LivenessOutbox out;
        liveness_->on_timeout(now.mono, out);
        take(out);
        judge_store(now);
    }
    self_check_.on_timeout(now.mono, requests_);
    for (auto& [number, hosted] : hosted_) {
        if (hosted.is_over) continue;
        if (hosted.claim) hosted.claim->on_timeout(now.mono, requests_);
        if (hosted.leadership) {
            cluster::LeadershipOutbox out;
            hosted.leadership->on_timeout(now, out);
            take(hosted, out);
        }
        if (hosted.adoption) {
            cluster::AdoptionOutbox out;
            hosted.adoption->on_timeout(now.mono, out);
            take(hosted, out);
        }
    }
    settle(now);
}

std::optional<Instant> Membership::next_deadline() const {
    std::optional<Instant> earliest = reading_.next_deadline();
    cluster::earlier(earliest, read_again_);
    if (liveness_ != nullptr) cluster::earlier(earliest, liveness_->next_deadline());
    if (liveness_ != nullptr) cluster::earlier(earliest, self_check_.next_deadline());
    for (const auto& [number, hosted] : hosted_) {
        if (hosted.is_over) continue;
        if (hosted.claim) cluster::earlier(earliest, hosted.claim->next_deadline());
        if (hosted.leadership) cluster::earlier(earliest, hosted.leadership->next_deadline());
        if (hosted.adoption) cluster::earlier(earliest, hosted.adoption->next_deadline());
    }
    return earliest;
}

// ---- Questions.

Standing Membership::standing(const Placement& placement) const {
    Standing out;
    const FenceEntry* entry = fences_.find(number_of(placement.instance));
    const ReachableNode* home_node = node(placement.node);
    if (!is_open(entry)) return out;
    const ShardRun& home = entry->record.home;
    out.epoch = entry->record.epoch;
    out.reachable = home_node != nullptr && home.shard.node.value == placement.node &&
                    home.shard.shard < home_node->runs.size() &&
                    home.run == home_node->runs[home.shard.shard] && !is_gone(home);
    out.suspected = is_suspected(home);
    const auto own = hosted_.find(placement.instance.number);
    if (own != hosted_.end() && own->second.leadership) {
        // Who hands its post over takes no more work.
        out.is_active = own->second.leadership->post() == cluster::Post::Active &&
                        own->second.placement.group == placement.group;
        return out;
    }
    const auto leader = leaders_.find(group_of(placement));
    out.is_active =
        leader != leaders_.end() && leader->second.state == LeaderRecord::State::Active &&
        leader->second.holder == cluster::Incarnation{number_of(placement.instance), out.epoch};
    return out;
}

// A run that was declared dead wakes, makes its links again, and does not know yet: what its
// instances say to ours would go on to phones.
bool Membership::admits(ports::Instance from, uint16_t node) const {
    const ReachableNode* there = this->node(node);
    const uint32_t run = there == nullptr || there->runs.empty() ? 0 : there->runs.front();
    if (run != 0 && node != node_ && liveness_ != nullptr && liveness_->is_dead({{{node}, 0}, run}))
        return false;
    const FenceEntry* entry = fences_.find(number_of(from));
    return entry == nullptr || !is_open(entry) || entry->record.home.shard.node.value == node;
}

// Whether the word of the store is a reason to speak.
void Membership::judge_store(Now now) {
    self_check_.trust_store(keeps_store_ || !liveness_->is_cut_off(now.mono));
}

cluster::Permission Membership::may_speak(Now now, ports::Instance instance) {
    // Whoever tells us so has also heard our last heartbeat: it confirms nothing.
    if (is_over_) return cluster::Permission::Fenced;
    if (liveness_ == nullptr) return cluster::Permission::MaySend;  // nobody else can act for us
    if (const auto at = liveness_->confirmed_at(now.mono)) self_check_.on_confirmed(*at);
    judge_store(now);
    return self_check_.check(now.mono, number_of(instance), requests_);
}

}  // namespace tandem::roles::host
