#include "roles/host/node_host.h"

#include <algorithm>

#include "cluster/limits.h"
#include "roles/host/limits.h"
#include "store/kv.h"

namespace tandem::roles::host {
namespace {

constexpr uint64_t kFeedRequests = uint64_t{1} << 32;  // request ids of the feed begin here

uint64_t question_key(ports::Instance from, uint64_t request) {
    return uint64_t{from.number} << 48 ^ request;
}

ports::HarmReply no_drills() {
    return {make_error(ErrorCode::Forbidden, "",
                       "drills are not allowed on this server: its bootstrap file does not have "
                       "drills_allowed = true"),
            0};
}

std::string epoch_key(uint16_t node, uint16_t shard) {
    return "epoch/" + std::to_string(node) + "/" + std::to_string(shard);
}

}  // namespace

NodeHost::NodeHost(HostSettings settings, const ports::TokenMint& tokens, Rng& rng,
                   RoleFactory& factory)
    : settings_(std::move(settings)),
      tokens_(tokens),
      rng_(rng),
      factory_(factory),
      events_(settings_.node, settings_.shard),
      reader_(settings_.shard == 0 ? CatalogReader::Scope::AllLayers
                                   : CatalogReader::Scope::WithoutDomains),
      membership_(settings_.node, settings_.shard) {}

NodeHost::~NodeHost() = default;

void NodeHost::start(Now now) {
    phase_ = Phase::Reading;
    reader_.restart(now);
    for (store::Request& request : reader_.take_requests()) {
        outbox_.send(self(), ports::kKeyValue, std::move(request), kFeedRequests);
    }
}

// Whoever keeps the store has lost our watches with it, and perhaps an answer that we wait for.
void NodeHost::on_store_returned(Now now) {
    if (phase_ != Phase::Running) return start(now);
    reader_.restart(now);
    membership_.reread(now);
    for (ports::Letter& over : watches_.end_all()) {
        if (find(over.to) != nullptr) queue_.push_back(std::move(over));
    }
    for (store::Request& request : reader_.take_requests()) {
        outbox_.send(self(), ports::kKeyValue, std::move(request), kFeedRequests);
    }
    follow_membership(now);
}

std::vector<ports::Letter> NodeHost::run(Now now) {
    std::vector<ports::Letter> leaving;
    std::vector<ports::Letter> batch;
    const auto flush = [&] {
        // A letter that is refused adds one.
        for (size_t next = 0; next < outbox_.letters().size(); ++next) {
            ports::Letter letter = std::move(outbox_.letters()[next]);
            route(now, std::move(letter), leaving);
        }
        outbox_.letters().clear();
    };
    for (ports::Letter& letter : std::exchange(unspoken_, {})) {
        speak(now, std::move(letter), leaving);
    }
    tell_directory(now);
    flush();
    // Bounded, so that a flood between neighbours can't keep the shard from its sockets.
    for (size_t handled = 0; !queue_.empty() && handled < letters_per_run_max;) {
        batch.clear();
        batch.swap(queue_);
        handled += batch.size();
        for (ports::Letter& letter : batch) {
            dispatch(now, std::move(letter));
            tell_directory(now);
            flush();
        }
    }
    remove_idle(now);
    follow_membership(now);
    flush();
    return leaving;
}

void NodeHost::tell_directory(Now now) {
    if (phase_ != Phase::Running || directory_told_ == directory_.generation()) return;
    directory_told_ = directory_.generation();
    for (Hosted& hosted : hosted_) {
        if (hosted.role) hosted.role->on_directory(now, outbox_);
    }
}

void NodeHost::dispatch(Now now, ports::Letter letter) {
    ++letters_handled_;
    // The last words of one that was fenced, on their way to a gate of this shard.
    const Hosted* speaker =
        holds_alternative<ports::SipOutbound>(letter.payload) ? hosted(letter.from) : nullptr;
    if (speaker != nullptr && speaker->role == nullptr) return;
    if (letter.request != 0) awaited_.erase(question_key(letter.to, letter.request));
    if (letter.to == self()) return on_own_letter(now, std::move(letter));
    // Neighbours may be faster: nobody is missing yet, whoever is meant has not been started.
    ports::Role* role = find(letter.to);
    const bool is_early =
        phase_ != Phase::Running || (role == nullptr && hosted(letter.to) != nullptr);
    if (is_early && held_.size() < letters_held_max) {
        held_.push_back(std::move(letter));
        return;
    }
    if (role != nullptr) {
        if (waits_for_next_life(*hosted(letter.to), letter))
            return held_.push_back(std::move(letter));
        if (pass_on(*hosted(letter.to), letter)) return;
        watches_.note_batch(letter);
        return role->on_letter(now, std::move(letter), outbox_);
    }
    // It came before we knew that another shard of this node has that instance, or from such a
    // shard before we knew which node does.
    const ports::DirectoryEntry* entry = directory_.find(letter.to);
    const bool is_neighbours =
        entry != nullptr && entry->node == settings_.node && !belongs_here(entry->kind);
    const bool leaves = entry != nullptr && entry->node != settings_.node && is_ours(letter.from);
    if (!is_neighbours && !leaves) return refuse(letter);
    outbox_.send(std::move(letter));
}

void NodeHost::on_own_letter(Now now, ports::Letter letter) {
    if (const auto* reply = get_if<store::Reply>(&letter.payload)) {
        on_store_reply(now, *reply);
    } else if (const auto* batch = get_if<store::WatchBatch>(&letter.payload)) {
        reader_.on_watch(now, *batch);
        membership_.on_watch(now, *batch);
    } else if (holds_alternative<ports::StatusQuery>(letter.payload)) {
        outbox_.reply(letter, ports::StatusReply{status_json(now)});
    } else if (const auto* asked = get_if<ports::EntityRequest>(&letter.payload)) {
        outbox_.reply(letter, events_for(*asked));
    } else if (auto* line = get_if<ports::LogLine>(&letter.payload)) {
        const auto* teller = find(letter.from);
        const EventKind kind = teller == nullptr ? EventKind::Store : EventKind::Trunk;
        const uint16_t who = teller == nullptr ? uint16_t{0} : letter.from.number;
        tell(now, {kind, who, std::move(line->text)}, line->level);
    } else if (const auto* harm = get_if<ports::HarmRequest>(&letter.payload)) {
        outbox_.reply(letter, harm_ ? harm_(*harm) : no_drills());
    } else if (auto* level = get_if<ports::LogLevelSet>(&letter.payload)) {
        outbox_.send(self(), ports::kJournal, std::move(*level));
    } else if (holds_alternative<ports::ServerJoined>(letter.payload)) {
        if (shell_answers_) shell_answers_(now, letter);
    } else if (holds_alternative<ports::Unreachable>(letter.payload)) {
        retry_at_ = now.mono + store_retry_pause;
    }
    for (store::Request& request : reader_.take_requests()) {
        outbox_.send(self(), ports::kKeyValue, std::move(request), kFeedRequests);
    }
    if (!reader_.is_loaded()) return;
    if (phase_ == Phase::Reading) return claim_epoch(now);
    if (phase_ == Phase::Running && take_catalog()) {
        apply_placements(now);
        for (Hosted& hosted : hosted_) {
            if (hosted.role) hosted.role->on_catalog(now, outbox_);
        }
    }
    follow_membership(now);
}

void NodeHost::on_store_reply(Now now, const store::Reply& reply) {
    if (reader_.on_reply(now, reply) || membership_.on_reply(now, reply)) return;
    if (phase_ != Phase::Claiming || reply.id != claim_request_) return;
    if (!reply.body.has_value()) {
        retry_at_ = now.mono + store_retry_pause;
        return;
    }
    on_epoch(now, *reply.body);
}

// The epoch is raised in the store before any instance starts, so that two incarnations of a shard
// can never carry the same one.
void NodeHost::claim_epoch(Now now) {
    phase_ = Phase::Claiming;
    retry_at_ = now.mono + store_reply_max;  // an answer may be lost with whoever was to give it
    store::RangeRequest read;
    read.range = store::KeyRange::one(epoch_key(settings_.node, settings_.shard));
    send_store(std::move(read));
}

void NodeHost::on_epoch(Now now, const store::ReplyBody& reply) {
    const std::string key = epoch_key(settings_.node, settings_.shard);
    if (const auto* range = std::get_if<store::RangeReply>(&reply)) {
        store::Txn txn;
        epoch_ = 1;
        if (range->items.empty()) {
            txn.compares.push_back(store::Compare::absent(key));
        } else {
            epoch_ = static_cast<uint32_t>(std::stoul(range->items[0].value)) + 1;
            txn.compares.push_back(
                store::Compare::mod_revision_is(key, range->items[0].mod_revision));
        }
        txn.then_ops.push_back(store::Put{key, std::to_string(epoch_)});
        retry_at_ = now.mono + store_reply_max;
        return send_store(std::move(txn));
    }
    const auto* txn = std::get_if<store::TxnReply>(&reply);
    if (txn == nullptr) return;
    if (!txn->succeeded) return claim_epoch(now);
    phase_ = Phase::Running;
    retry_at_.reset();
    take_catalog();
    membership_.start(now, epoch_);
    apply_placements(now);
    for (ports::Letter& letter : std::exchange(held_, {})) queue_.push_back(std::move(letter));
}

bool NodeHost::take_catalog() {
    if (!reader_.take_changed()) return false;
    catalog_ = reader_.snapshot();
    return true;
}

void NodeHost::send_store(store::RequestBody body) {
    outbox_.send(self(), ports::kKeyValue, store::Request{next_request_, std::move(body)},
                 next_request_);
    claim_request_ = next_request_++;
}

bool NodeHost::is_mine(const Placement& placement) const {
    return placement.enabled && placement.node == settings_.node && belongs_here(placement.kind);
}

bool NodeHost::is_ours(ports::Instance instance) const {
    if (const auto host = ports::node_of_host(instance)) return *host == settings_.node;
    const ports::DirectoryEntry* entry = directory_.find(instance);
    return entry != nullptr && entry->node == settings_.node;
}

bool NodeHost::belongs_here(ports::RoleKind kind) const {
    if (settings_.is_alone_on_node) return true;
    return (kind == ports::RoleKind::MediaGate) == (settings_.shard == 1);
}

void NodeHost::apply_placements(Now now) {
    const std::vector<Placement> placements = placements_of(catalog_);
    for (Hosted& hosted : hosted_) {
        const bool stays = std::ranges::any_of(placements, [&](const Placement& placement) {
            return placement.instance == hosted.instance && placement.kind == hosted.kind &&
                   placement.group == hosted.group && is_mine(placement);
        });
        if (!stays) drain_instance(now, hosted);
        hosted.returns = stays && hosted.draining;
    }
    membership_.set_layout(now, placements, homes_of(catalog_));
    for (const Placement& placement : placements) {
        if (draining_ || !is_mine(placement) || hosted(placement.instance) != nullptr) continue;
        hosted_.push_back({placement.instance, placement.kind, placement.group});
        membership_.claim(now, placement);
    }
    rebuild_directory(now);
    follow_membership(now);
    if (!load_at_) load_at_ = now.mono;
    if (hosted_.empty()) serving_ = true;  // a node without instances serves as it is
}

NodeHost::Hosted* NodeHost::hosted(ports::Instance instance) {
    const auto found = std::ranges::find(hosted_, instance, &Hosted::instance);
    return found == hosted_.end() ? nullptr : &*found;
}

// The directory first: an instance that is told of its post finds itself there.
void NodeHost::follow_membership(Now now) {
    for (store::Request& request : membership_.take_requests()) {
        const uint64_t id = request.id;
        outbox_.send(self(), ports::kKeyValue, std::move(request), id);
    }
    if (membership_.take_changed()) rebuild_directory(now);
    for (MembershipEvent& event : membership_.take_events()) on_event(now, std::move(event));
    for (Event& event : membership_.take_news()) tell(now, std::move(event));
}

void NodeHost::on_event(Now now, MembershipEvent event) {
    Hosted* of = hosted(event.instance);
    if (of == nullptr) return;
    using Kind = MembershipEvent::Kind;
    if (event.kind == Kind::Claimed) return start_instance(now, *of, std::move(event));
    if (of->role == nullptr) return;
    switch (event.kind) {
        case Kind::Claimed:
            break;
        case Kind::Elected:
            return of->role->on_elected(now, event.guards, outbox_);
        case Kind::Handing:
            of->handing = true;
            return;
        case Kind::Deposed:
            of->handing = false;
            return;
        case Kind::Adopted:
            return of->role->on_adopted(now, event.call, outbox_);
        case Kind::GivenUp:
            tell(now, {EventKind::Stopped, of->instance.number,
                       name_of(*of) + " has left its calls to others"});
            of->role.reset();
            membership_.release(of->instance);
            std::erase_if(hosted_, [&](const Hosted& each) { return &each == of; });
            return apply_placements(now);  // it may be wanted again by now
        case Kind::Fenced:
            break;
    }
    tell(now,
         {EventKind::Replaced, of->instance.number,
          name_of(*of) + " was taken over from while it could not be heard"},
         ports::LogLine::Level::Warn);
    unspoken_.clear();  // it may be its words
    of->role.reset();
}

void NodeHost::start_instance(Now now, Hosted& hosted, MembershipEvent claimed) {
    hosted.surroundings = std::make_unique<ports::Surroundings>(
        ports::Surroundings{hosted.instance, directory_, catalog_, tokens_, rng_, claimed.epoch,
                            std::move(claimed.guards)});
    hosted.role = factory_.make(hosted.kind, *hosted.surroundings);
    hosted.role->start(now, outbox_);
    tell(now, {EventKind::Started, hosted.instance.number, "started " + name_of(hosted)});
    for (ports::Letter& letter : std::exchange(held_, {})) queue_.push_back(std::move(letter));
    serving_ = serving_ || std::ranges::all_of(
                               hosted_, [](const Hosted& each) { return each.role != nullptr; });
}

// An active copy gives its post away first, if there is another copy.
void NodeHost::drain_instance(Now now, Hosted& hosted) {
    if (hosted.draining) return;
    hosted.draining = true;
    if (hosted.role == nullptr) return;
    tell(now, {EventKind::Draining, hosted.instance.number, name_of(hosted) + " drains"});
    (void)membership_.hand_over(now, {{}, cluster::Urgency::AtOnce}, hosted.instance);
    hosted.role->drain(now, outbox_);
}

// A B2B that drains does not wait until its callers have finished, if another one can go on.
void NodeHost::leave_calls(Now now) {
    for (Hosted& hosted : hosted_) {
        const bool is_ready = hosted.draining && hosted.kind == ports::RoleKind::B2bua &&
                              !hosted.leaving && hosted.role != nullptr &&
                              !hosted.role->is_idle() && hosted.role->is_flushed();
        if (!is_ready || !directory_.heir(hosted.kind, 0, hosted.instance)) continue;
        hosted.leaving = true;
        membership_.give_up(now, hosted.instance);
    }
}

// What comes for a call of one that leaves waits at its heir until that one has the call.
bool NodeHost::pass_on(const Hosted& hosted, ports::Letter& letter) {
    auto* in = get_if<ports::SipInbound>(&letter.payload);
    if (!hosted.leaving || in == nullptr) return false;
    const auto heir =
        directory_.heir(hosted.kind, in->owner_key >> ports::leg_bits, hosted.instance);
    if (!heir || in->owner_key == 0) return false;
    in->previous_owner = hosted.instance;
    outbox_.send(hosted.instance, *heir, std::move(*in));
    return true;
}

// A registrar that was switched off and on again has its post, or is getting it, and takes no more
// REGISTERs: they wait until it has been started anew.
bool NodeHost::waits_for_next_life(const Hosted& hosted, const ports::Letter& letter) const {
    return hosted.returns && hosted.kind == ports::RoleKind::Registrar && !draining_ &&
           holds_alternative<ports::SipInbound>(letter.payload) && held_.size() < letters_held_max;
}

void NodeHost::remove_idle(Now now) {
    for (Hosted& hosted : hosted_) {
        if (hosted.handing && hosted.role->is_flushed()) {
            membership_.on_flushed(now, hosted.instance);
        }
    }
    leave_calls(now);
    const auto is_done = [&](const Hosted& hosted) {
        return hosted.draining && !draining_ && !hosted.handing &&
               (hosted.role == nullptr || hosted.role->is_idle());
    };
    for (const Hosted& hosted : hosted_) {
        if (!is_done(hosted)) continue;
        membership_.release(hosted.instance);
        if (hosted.role != nullptr)
            tell(now, {EventKind::Stopped, hosted.instance.number, "stopped " + name_of(hosted)});
    }
    if (std::erase_if(hosted_, is_done) == 0) return;
    apply_placements(now);
    for (ports::Letter& letter : std::exchange(held_, {})) queue_.push_back(std::move(letter));
}

std::vector<ports::DirectoryEntry> NodeHost::draining_instances() const {
    std::vector<ports::DirectoryEntry> draining;
    for (const Hosted& each : hosted_) {
        if (!each.draining) continue;
        draining.push_back({each.instance, each.kind, epoch_, 0, true, settings_.node});
        draining.back().is_active = !ports::is_active_passive(each.kind);
        draining.back().group = each.group;
    }
    return draining;
}

const ReachableNode* NodeHost::reachable(uint16_t node) const {
    const auto found = std::ranges::find(reachable_, node, &ReachableNode::node);
    return found == reachable_.end() ? nullptr : &*found;
}

void NodeHost::set_reachable_nodes(Now now, std::vector<ReachableNode> nodes) {
    std::swap(reachable_, nodes);
    for (const ReachableNode& before : nodes) {
        const ReachableNode* after = reachable(before.node);
        const auto instance = &ports::DirectoryEntry::instance;
        if (after != nullptr &&
            !std::ranges::equal(before.draining, after->draining, {}, instance, instance))
            std::erase_if(departures_,
                          [&](const Departure& each) { return each.entry.node == before.node; });
    }
    membership_.set_nodes(now, reachable_);
    rebuild_directory(now);
    follow_membership(now);
    std::erase_if(awaited_, [&](auto& entry) {
        if (reachable(entry.second.node) != nullptr) return false;
        tell_unreachable(entry.second.asked_without_payload);
        return true;
    });
}

void NodeHost::on_process_ended(Now now, uint16_t node) {
    membership_.on_process_ended(now, node);
    follow_membership(now);
}

void NodeHost::on_heartbeat(Now now, const cluster::Heartbeat& beat) {
    membership_.on_heartbeat(now, beat);
    for (size_t i = 0; i < std::min(beat.loads.size(), cluster::loads_max); ++i) {
        const ports::DirectoryEntry* entry = directory_.find({beat.loads[i].instance.value});
        if (entry != nullptr && entry->node == beat.node.value)
            load_shift_.note(beat.loads[i].instance, beat.loads[i].permille / 1000.0);
    }
    follow_membership(now);
}

// To the outside only while others, or the store, have confirmed that we live: an instance that was
// paused or cut off may have been replaced meanwhile.
void NodeHost::speak(Now now, ports::Letter letter, std::vector<ports::Letter>& leaving) {
    switch (membership_.may_speak(now, letter.from)) {
        case cluster::Permission::MaySend:
            return leaving.push_back(std::move(letter));
        case cluster::Permission::MustAsk:
            return hold(std::move(letter));
        case cluster::Permission::Fenced:
            return;
    }
}

void NodeHost::hold(ports::Letter letter) {
    if (unspoken_.size() < letters_held_max) unspoken_.push_back(std::move(letter));
}

void NodeHost::route(Now now, ports::Letter letter, std::vector<ports::Letter>& leaving) {
    // Also to one that is being claimed: it is kept until that has started.
    if (letter.to == self() || hosted(letter.to) != nullptr) {
        queue_.push_back(std::move(letter));
        return;
    }
    const ports::DirectoryEntry* entry = directory_.find(letter.to);
    const auto host_node = ports::node_of_host(letter.to);
    const uint16_t node = entry != nullptr ? entry->node : host_node.value_or(0);
    const bool is_runtime = letter.to.number > ports::instances_max && !host_node;
    if (!is_runtime && node == 0) return refuse(letter);
    if (node != 0 && node != settings_.node) {
        if (reachable(node) == nullptr) return refuse(letter);
        note_question(letter, node);
    }
    if (letter.from != self()) watches_.note_request(letter);
    if (letter.to == ports::kTransport) return speak(now, std::move(letter), leaving);
    leaving.push_back(std::move(letter));
}

void NodeHost::note_question(const ports::Letter& letter, uint16_t node) {
    if (letter.request == 0 || !ports::is_question(letter.payload)) return;
    if (awaited_.size() >= questions_awaited_max) return;  // the asker's own deadline remains
    awaited_[question_key(letter.from, letter.request)] = {
        node, ports::Letter{letter.from, letter.to, letter.request, ports::Unreachable{}}};
}

// An answer, or what nobody waits for, ends where it can't be delivered. A request for a phone on a
// connection is not sent again by itself (RFC 3261 17.1.2.2): its transaction has to know.
void NodeHost::refuse(const ports::Letter& letter) {
    const auto* sip = get_if<ports::SipOutbound>(&letter.payload);
    if (sip != nullptr && sip->message.is_request() && ports::is_reliable(sip->flow.transport))
        outbox_.send(letter.to, letter.from, ports::SipUndeliverable{sip->branch, 430});
    if (letter.request != 0 && ports::is_question(letter.payload)) tell_unreachable(letter);
}

void NodeHost::tell_unreachable(const ports::Letter& question) {
    if (question.from == question.to) return;
    outbox_.send({question.to, question.from, question.request, ports::Unreachable{question.to}});
}

ports::Role* NodeHost::find(ports::Instance instance) const {
    for (const Hosted& hosted : hosted_) {
        if (hosted.instance == instance) return hosted.role.get();
    }
    return nullptr;
}

void NodeHost::on_timeout(Now now) {
    if (retry_at_ && *retry_at_ <= now.mono) {
        retry_at_.reset();
        if (phase_ == Phase::Claiming) claim_epoch(now);
        if (phase_ == Phase::Reading) start(now);
    }
    reader_.on_timeout(now);
    for (store::Request& request : reader_.take_requests()) {
        outbox_.send(self(), ports::kKeyValue, std::move(request), kFeedRequests);
    }
    membership_.on_timeout(now);
    follow_membership(now);
    if (load_at_ && *load_at_ <= now.mono) follow_load(now);
    if (!departures_.empty() && departures_.front().until <= now.mono) rebuild_directory(now);
    for (Hosted& hosted : hosted_) {
        if (hosted.role == nullptr) continue;
        const auto deadline = hosted.role->next_deadline();
        if (deadline && *deadline <= now.mono) hosted.role->on_timeout(now, outbox_);
    }
}

std::optional<Instant> NodeHost::next_deadline() const {
    std::optional<Instant> earliest = retry_at_;
    const auto consider = [&](std::optional<Instant> deadline) {
        if (deadline && (!earliest || *deadline < *earliest)) earliest = deadline;
    };
    consider(reader_.next_deadline());
    consider(membership_.next_deadline());
    consider(load_at_);
    if (!departures_.empty()) consider(departures_.front().until);
    for (const Hosted& hosted : hosted_) {
        if (hosted.role) consider(hosted.role->next_deadline());
    }
    if (!queue_.empty() || !outbox_.empty()) consider(Instant{});
    return earliest;
}

void NodeHost::drain(Now now) {
    draining_ = true;
    for (Hosted& hosted : hosted_) drain_instance(now, hosted);
}

bool NodeHost::is_idle() const {
    return std::ranges::all_of(hosted_, [](const Hosted& each) {
        return !each.handing && (each.role == nullptr || each.role->is_idle());
    });
}

}  // namespace tandem::roles::host
