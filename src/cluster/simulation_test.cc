// A site in one process: liveness, leadership, fencing, self check and adoption of calls together,
// over a store and a network that fail in all the ways that they do. A failure prints its seed:
// TANDEM_SIM_FIRST=<seed> TANDEM_SIM_SEEDS=1 runs it again.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "cluster/call_adoption.h"
#include "cluster/fencing.h"
#include "cluster/leadership.h"
#include "cluster/limits.h"
#include "cluster/liveness.h"
#include "cluster/self_check.h"
#include "store/keys.h"
#include "store/memory_store.h"
#include "store/writer.h"

namespace tandem::cluster {
namespace {

constexpr std::string_view group = "sr-1";
constexpr uint16_t leader_base = 10;  // instance numbers: the A-P role of node n is 10 + n
constexpr uint16_t b2b_base = 100;    // its B2B is 100 + n

RoleInstanceId id_of(uint16_t number) {
    return RoleInstanceId{{0, number}};
}
std::optional<uint16_t> number_of(RoleInstanceId id) {
    return static_cast<uint16_t>(id.bits.low);
}

// What all seeds together have seen. Rare paths must not stay untested.
struct Tally {
    uint64_t elected = 0;
    uint64_t elections_by_late_effect = 0;
    uint64_t handed = 0;
    uint64_t deposed_unaware = 0;  // a write of a deposed leader was refused by its guard
    uint64_t fenced_leaders = 0;
    uint64_t adopted = 0;
    uint64_t adopted_asked = 0;
    uint64_t elsewhere = 0;
    uint64_t no_such_call = 0;
    uint64_t owner_lives = 0;
    uint64_t returned = 0;
    uint64_t victims_swept = 0;
    uint64_t adopters_died = 0;  // calls that were adopted at least twice
    uint64_t died_agreed = 0;
    uint64_t died_store = 0;
    uint64_t died_told = 0;
    uint64_t died_restarted = 0;
    uint64_t suspected_only = 0;  // suspected, and alive again
    uint64_t told_own_death = 0;
    uint64_t must_ask = 0;
    uint64_t asked_after_wake = 0;
    uint64_t fenced_after_wake = 0;
    uint64_t renewals = 0;
    uint64_t sends = 0;
    uint64_t sends_when_fenced = 0;
    uint64_t sends_when_fenced_dropped = 0;  // by the tables of those who would have believed them
    uint64_t late_applied = 0;               // requests applied after their deadline
    uint64_t unknown_outcomes = 0;
    uint64_t writes_acknowledged = 0;
    std::vector<double> clean_switch_ms;   // from the last heartbeat, nothing else wrong
    std::vector<double> stormy_switch_ms;  // faults all around
    std::vector<double> command_switch_ms;
    std::vector<double> heal_ms;  // from the end of all faults to a leader
};

struct Kinds {  // what may go wrong in a seed
    bool storm = true;
    int nodes_min = 3;
    int nodes_max = 7;
};

class Site;

struct Node {
    uint16_t number = 0;
    bool up = false;
    bool paused = false;
    uint64_t life = 0;  // counts starts: events of a former one are dropped
    uint32_t run = 0;
    Duration offset{0};
    double rate = 1;
    std::vector<std::function<void()>> backlog;
    uint64_t timer = 0;
    std::optional<Instant> timer_at;

    // What it runs.
    std::unique_ptr<Liveness> live;
    std::unique_ptr<FenceTable> fences;
    std::unique_ptr<SelfCheck> check;
    std::unique_ptr<IncarnationClaim> leader_claim, b2b_claim;
    std::unique_ptr<Leadership> leadership;
    std::unique_ptr<CallAdoption> adoption;
    std::unique_ptr<store::Writer> leader_writer, b2b_writer;
    std::map<store::Ticket, std::string> leader_tickets;
    std::map<CallId, int> calls;  // in memory
    std::set<CallId> asked;
    uint16_t channel = 100;
    uint64_t turns = 0;
    uint64_t written = 0;
    Instant next_work;
    bool booted = false;

    // What the site knows about it.
    std::deque<store::WatchBatch> watch_inbox;
    Instant store_contact;
    Instant woke_at;
    Duration last_pause{0};
    Instant proof_at;  // somebody has learnt that it lives
};

class Site {
 public:
    Site(uint64_t seed, Kinds kinds, Tally& tally)
        : rng(seed), seed_(seed), kinds_(kinds), tally(tally) {
        count_ = kinds.nodes_min + static_cast<int>(rng.below(static_cast<uint64_t>(
                                       kinds.nodes_max - kinds.nodes_min + 1)));
        nodes.resize(static_cast<size_t>(count_) + 1);
        for (uint16_t n = 1; n <= count_; ++n) {
            nodes[n].number = n;
            nodes[n].offset = std::chrono::seconds(rng.below(100000));
            nodes[n].rate = 1 + (static_cast<double>(rng.below(401)) - 200) * 1e-6;
        }
        cut.assign(nodes.size(), std::vector<int>(nodes.size(), 0));
        store::Outbox out;
        store.apply(at, {1, store::WatchCreate{god_watch, store::KeyRange::prefix(""), {}}}, out);
        for (uint16_t n = 1; n <= count_; ++n) later(pick_ms(0, 40), [this, n] { start(n); });
    }

    void run_until(Instant end) {
        while (!events.empty() && events.top().at <= end && !failed()) {
            auto event = std::move(const_cast<Event&>(events.top()));
            events.pop();
            at = event.at;
            event.what();
        }
        at = std::max(at, end);
    }
    void later(Duration after, std::function<void()> what) {
        events.push({at + after, ++order, std::move(what)});
    }
    Duration pick_ms(uint64_t low, uint64_t high) {
        return std::chrono::microseconds(low * 1000 + rng.below((high - low) * 1000 + 1));
    }
    bool chance(unsigned percent) { return rng.below(100) < percent; }
    bool failed() const { return !failure.empty(); }
    void fail(const std::string& text) {
        if (failure.empty())
            failure =
                "seed " + std::to_string(seed_) + " at " + ms(at.since_epoch) + " ms: " + text;
    }
    static std::string ms(Duration d) {
        return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
    }

    // --- Clocks of nodes.
    Instant local(const Node& node) const {
        return Instant{node.offset + Duration(static_cast<int64_t>(
                                         static_cast<double>(at.since_epoch.count()) * node.rate))};
    }
    Instant true_time(const Node& node, Instant local) const {
        const auto since = static_cast<double>((local.since_epoch - node.offset).count());
        return Instant{Duration(static_cast<int64_t>(since / node.rate) + 1)};
    }
    Now now(const Node& node) const {
        return {local(node),
                UtcTime{1'700'000'000'000 + local(node).since_epoch.count() / 1'000'000}};
    }

    // --- Processes.
    void start(uint16_t n) {
        Node& node = nodes[n];
        if (node.up) return;
        node.up = true;
        node.paused = false;
        node.backlog.clear();
        ++node.life;
        node.run = ++runs[n];
        node.live = std::make_unique<Liveness>(NodeNumber{n}, std::vector<uint32_t>{node.run});
        std::vector<Member> members;
        for (uint16_t m = 1; m <= count_; ++m) members.push_back({{m}, {m}, 1});
        node.live->set_members(local(node), members);
        node.fences = std::make_unique<FenceTable>();
        node.check = std::make_unique<SelfCheck>(5);
        const ShardRun home{{{n}, 0}, node.run};
        node.leader_claim = std::make_unique<IncarnationClaim>(
            InstanceNumber{static_cast<uint16_t>(leader_base + n)}, home, 1);
        node.b2b_claim = std::make_unique<IncarnationClaim>(
            InstanceNumber{static_cast<uint16_t>(b2b_base + n)}, home, 2);
        node.booted = false;
        node.next_work = local(node);
        touch(n);
        boot(n, node.life);
    }
    // The first reading of the fences, and the watch: the shell's work.
    void boot(uint16_t n, uint64_t life) {
        Node& node = nodes[n];
        if (!node.up || node.life != life) return;
        if (!reaches_store(n) || store_down || node.paused)
            return later(30ms, [this, n, life] { boot(n, life); });
        node.watch_inbox.clear();
        store::Outbox out;
        store.apply(at, {2, store::RangeRequest{store::KeyRange::prefix("fence/"), 0, {}, {}}},
                    out);
        for (const auto& item : std::get<store::RangeReply>(*out.replies.at(0).body).items)
            node.fences->learn(local(node), item);
        for (const char* prefix : {"fence/", "leader/"}) {
            out = {};
            watch_owner[++last_watch] = {n, life};
            store.apply(
                at, {3, store::WatchCreate{last_watch, store::KeyRange::prefix(prefix), {}}}, out);
        }
        node.booted = true;
        std::vector<store::Request> requests;
        node.leader_claim->start(local(node), requests);
        node.b2b_claim->start(local(node), requests);
        ask_store(n, std::move(requests));
        touch(n);
    }
    void stop(uint16_t n) {
        Node& node = nodes[n];
        if (!node.up) return;
        node.up = false;
        ++node.life;
        node.live.reset();
        node.check.reset();
        node.leader_claim.reset();
        node.b2b_claim.reset();
        node.leadership.reset();
        node.adoption.reset();
        node.leader_writer.reset();
        node.b2b_writer.reset();
        node.leader_tickets.clear();
        node.fences.reset();
        node.calls.clear();
        node.asked.clear();
        node.backlog.clear();
        node.watch_inbox.clear();
    }
    void restart(uint16_t n, Duration after) {
        stop(n);
        later(after, [this, n] { start(n); });
    }
    void pause(uint16_t n, Duration how_long) {
        Node& node = nodes[n];
        if (!node.up || node.paused) return;
        node.paused = true;
        const uint64_t life = node.life;
        later(how_long, [this, n, life, how_long] {
            Node& sleeper = nodes[n];
            if (!sleeper.up || sleeper.life != life) return;
            sleeper.paused = false;
            sleeper.woke_at = at;
            sleeper.last_pause = how_long;
            if (how_long > 300ms) ++tally.asked_after_wake;
            // What lay in its sockets, before or after its timers.
            if (chance(50)) timers(n);
            auto backlog = std::exchange(sleeper.backlog, {});
            for (auto& each : backlog) deliver(n, life, std::move(each));
            deliver(n, life, [] {});
        });
    }
    // Runs `what` in the node, unless it has died; later, if it is paused.
    void deliver(uint16_t n, uint64_t life, std::function<void()> what) {
        Node& node = nodes[n];
        if (!node.up || node.life != life) return;
        if (node.paused) {
            if (node.backlog.size() < 3000) node.backlog.push_back(std::move(what));
            return;
        }
        what();
        if (node.up && node.life == life) timers(n);
    }

    // --- Network.
    Duration transit() {
        if (kinds_.storm && chance(2)) return pick_ms(2, 60);
        return std::chrono::microseconds(100 + rng.below(900));
    }
    void send_heartbeat(uint16_t from, const Heartbeat& beat) {
        const Instant sent = at;
        for (uint16_t to = 1; to <= count_; ++to) {
            if (to == from || cut[from][to] > 0 || (loss > 0 && chance(loss))) continue;
            const uint64_t life = nodes[to].life;
            later(transit(), [this, from, to, life, beat, sent] {
                deliver(to, life, [this, from, to, beat, sent] {
                    Node& node = nodes[to];
                    nodes[from].proof_at = std::max(nodes[from].proof_at, sent);
                    LivenessOutbox out;
                    node.live->on_heartbeat(local(node), beat, out);
                    live_out(to, out);
                });
            });
        }
    }
    bool reaches_store(uint16_t n) const { return cut_store[n] <= 0; }

    // --- Store.
    void ask_store(uint16_t n, std::vector<store::Request> requests) {
        for (store::Request& request : requests) {
            const uint64_t life = nodes[n].life;
            if (!reaches_store(n) || (loss > 0 && chance(loss))) {
                ++tally.unknown_outcomes;
                continue;
            }
            Duration delay = store_delay();
            if (kinds_.storm && chance(1)) delay = pick_ms(50, 400);  // a retransmission
            later(delay, [this, n, life, delay, request = std::move(request)] {
                on_store(n, life, delay, request);
            });
        }
    }
    Duration store_delay() { return std::chrono::microseconds(300 + rng.below(3000)); }

    void on_store(uint16_t n, uint64_t life, Duration delay, const store::Request& request) {
        if (store_down) {
            if (chance(50)) return;
            later(transit(), [this, n, life, id = request.id] {
                reply(n, life, {id, make_error(ErrorCode::Unavailable, "store", "no quorum")});
            });
            return;
        }
        if (delay > store_deadline) ++tally.late_applied;
        store::Outbox out;
        store.apply(at, request, out);
        count_refused(n, request, out);
        tell(out);
        if (!reaches_store(n) || (loss > 0 && chance(loss))) {
            ++tally.unknown_outcomes;
            return;
        }
        for (store::Reply& answer : out.replies)
            later(store_delay(), [this, n, life, answer = std::move(answer)] {
                if (reaches_store(n)) reply(n, life, answer);
            });
    }
    // A leader's batch, after another has taken its post.
    void count_refused(uint16_t n, const store::Request& request, const store::Outbox& out) {
        constexpr uint64_t first_writer = 100;
        if (request.id >> 48 <= first_writer || out.replies.empty()) return;
        const auto& body = out.replies.front().body;
        const auto* txn = body ? std::get_if<store::TxnReply>(&*body) : nullptr;
        if (txn != nullptr && !txn->succeeded && leading_node() != n) ++tally.deposed_unaware;
    }
    void reply(uint16_t n, uint64_t life, const store::Reply& answer) {
        deliver(n, life, [this, n, answer] { on_reply(n, answer); });
    }
    void tell(store::Outbox& out) {
        for (store::WatchBatch& batch : out.watches) {
            if (batch.watch == god_watch) {
                for (const store::WatchEvent& event : batch.events) observe(event);
                continue;
            }
            const auto [n, life] = watch_owner[batch.watch];
            if (!nodes[n].up || nodes[n].life != life) continue;
            nodes[n].watch_inbox.push_back(std::move(batch));
            later(transit(), [this, n = n, life = life] { flush_watch(n, life); });
        }
    }
    void flush_watch(uint16_t n, uint64_t life) {
        if (!nodes[n].up || nodes[n].life != life || nodes[n].watch_inbox.empty()) return;
        if (!reaches_store(n) || store_down)
            return later(15ms, [this, n, life] { flush_watch(n, life); });
        auto batches = std::exchange(nodes[n].watch_inbox, {});
        deliver(n, life, [this, n, batches = std::move(batches)] {
            for (const store::WatchBatch& batch : batches) on_watch(n, batch);
        });
    }

    // --- What a node does: the shell around the machines.
    void on_reply(uint16_t n, const store::Reply& answer) {
        Node& node = nodes[n];
        const Instant t = local(node);
        std::vector<store::Request> requests;
        const uint64_t life = node.life;
        if (node.leader_claim->on_reply(t, answer, requests)) {
            ask_store(n, std::move(requests));
            if (node.leader_claim->claimed() && !node.leadership) begin_leadership(n);
            return;
        }
        if (node.b2b_claim->on_reply(t, answer, requests)) {
            ask_store(n, std::move(requests));
            if (node.b2b_claim->claimed() && !node.adoption) begin_b2b(n);
            return;
        }
        if (node.check->on_reply(t, answer, requests)) return ask_store(n, std::move(requests));
        if (node.leadership) {
            LeadershipOutbox out;
            const bool match = node.leadership->on_reply(now(node), answer, out);
            lead_out(n, out);
            if (match || node.life != life) return;
        }
        if (node.adoption) {
            AdoptionOutbox out;
            const bool match = node.adoption->on_reply(t, answer, out);
            adopt_out(n, out);
            if (match || node.life != life) return;
        }
        store::WriterOutbox out;
        if (node.leader_writer && node.leader_writer->on_reply(t, answer, out))
            return leader_writes(n, out);
        if (node.b2b_writer && node.b2b_writer->on_reply(t, answer, out)) b2b_writes(n, out);
    }
    void begin_leadership(uint16_t n) {
        Node& node = nodes[n];
        const FenceRecord& claim = *node.leader_claim->claimed();
        const InstanceNumber self{static_cast<uint16_t>(leader_base + n)};
        node.check->add(self, claim);
        node.leadership = std::make_unique<Leadership>(
            Leadership::Settings{std::string(group), {self, claim.epoch}, claim, 3}, *node.fences);
        set_candidates(n);
        LeadershipOutbox out;
        node.leadership->start(now(node), out);
        lead_out(n, out);
    }
    void begin_b2b(uint16_t n) {
        Node& node = nodes[n];
        const FenceRecord& claim = *node.b2b_claim->claimed();
        const auto number = static_cast<uint16_t>(b2b_base + n);
        node.check->add({number}, claim);
        node.b2b_writer = std::make_unique<store::Writer>(
            "b2b-" + std::to_string(number) + "-" + std::to_string(claim.epoch), 7);
        node.b2b_writer->set_guard(
            store::Compare::value_is(store::keys::fence(number), to_text(claim)));
        // What its former lives have left: nobody can take it once the claim is in the store.
        for (const auto& [call, owner] : call_owner)
            if (owner == number) node.calls.emplace(call, 0);
        node.adoption = std::make_unique<CallAdoption>(Adopter{{number}, id_of(number)}, claim, 4,
                                                       *node.fences);
        set_candidates(n);
        look_for_dead(n);
    }
    bool is_alive(const Node& node, uint16_t other) const {
        if (other == node.number) return true;
        const Life life = node.live->life({{other}, 0});
        return life == Life::Alive || life == Life::Unknown;
    }
    void set_candidates(uint16_t n) {
        Node& node = nodes[n];
        const uint64_t life = node.life;
        std::vector<Candidate> candidates;
        std::vector<Adopter> survivors;
        for (uint16_t m = 1; m <= count_; ++m) {
            const bool alive = is_alive(node, m);
            candidates.push_back({{static_cast<uint16_t>(leader_base + m)}, m % 3, alive});
            const auto number = static_cast<uint16_t>(b2b_base + m);
            if (alive) survivors.push_back({{number}, id_of(number)});
        }
        if (node.leadership) {
            LeadershipOutbox out;
            node.leadership->set_candidates(now(node), candidates, out);
            lead_out(n, out);
        }
        if (node.life != life || !node.adoption) return;
        AdoptionOutbox out;
        node.adoption->set_survivors(local(node), survivors, out);
        adopt_out(n, out);
    }
    void live_out(uint16_t n, LivenessOutbox& out) {
        Node& node = nodes[n];
        const uint64_t life = node.life;
        if (out.heartbeat) send_heartbeat(n, *out.heartbeat);
        if (out.events.empty()) return;
        for (const LifeEvent& event : out.events) {
            count(event);
            if (event.who.shard.node.value == n) {
                ++tally.told_own_death;
                return restart(n, pick_ms(50, 300));
            }
        }
        set_candidates(n);
        if (node.life == life) look_for_dead(n);
    }
    void count(const LifeEvent& event) {
        tally.died_agreed += event.reason == LifeReason::Agreed ? 1 : 0;
        tally.died_store += event.reason == LifeReason::StoreLost ? 1 : 0;
        tally.died_told += event.reason == LifeReason::Told ? 1 : 0;
        tally.died_restarted += event.reason == LifeReason::Restarted ? 1 : 0;
        const auto key = std::pair(event.who.shard.node.value, event.who.run);
        if (event.life == Life::Suspected) suspects.insert(key);
        if (event.life == Life::Alive && suspects.contains(key)) ++tally.suspected_only;
    }
    // Incarnations that live nowhere any more.
    void look_for_dead(uint16_t n) {
        const uint64_t life = nodes[n].life;
        for (uint16_t m = 1; m <= count_; ++m) {
            for (const uint16_t base : {leader_base, b2b_base}) {
                if (nodes[n].life != life) return;
                look_for_dead(n, {static_cast<uint16_t>(base + m)}, base == b2b_base);
            }
        }
    }
    void look_for_dead(uint16_t n, InstanceNumber instance, bool is_b2b) {
        Node& node = nodes[n];
        const FenceEntry* entry = node.fences->find(instance);
        if (entry == nullptr) return;
        const bool open = entry->record.state == FenceRecord::State::Open;
        if (open && !node.live->is_dead(entry->record.home)) return;
        const Incarnation who{instance, entry->record.epoch};
        if (is_b2b && node.adoption) {
            AdoptionOutbox out;
            if (!node.adoption->on_dead(local(node), {instance, id_of(instance.value)}, who.epoch,
                                        out))
                fail("too many victims");
            adopt_out(n, out);
        } else if (!is_b2b && node.leadership) {
            LeadershipOutbox out;
            node.leadership->on_dead(now(node), who, out);
            lead_out(n, out);
        }
    }
    void on_watch(uint16_t n, const store::WatchBatch& batch) {
        Node& node = nodes[n];
        const uint64_t life = node.life;
        if (!node.up) return;
        const Instant t = local(node);
        node.fences->on_watch(t, batch);
        for (const store::WatchEvent& event : batch.events) {
            const auto record = parse_fence(event.entry.value);
            if (!event.entry.key.starts_with("fence/") || !record) continue;
            const InstanceNumber instance{
                static_cast<uint16_t>(std::stoi(event.entry.key.substr(6)))};
            const ShardRun home = node.fences->find(instance)->home;
            if (!home.shard.node || home.shard.node.value == n) continue;
            LivenessOutbox out;
            if (record->state == FenceRecord::State::Open)
                node.live->expect(t, home, out);
            else
                node.live->on_fenced(t, home, out);
            live_out(n, out);
            if (node.life != life) return;
        }
        if (node.leadership) {
            LeadershipOutbox out;
            node.leadership->on_watch(now(node), batch, out);
            node.leadership->on_fences(now(node), out);
            lead_out(n, out);
            if (node.life != life) return;
        }
        if (node.adoption) {
            AdoptionOutbox out;
            node.adoption->on_fences(t, out);
            adopt_out(n, out);
            if (node.life != life) return;
        }
        look_for_dead(n);
    }
    void lead_out(uint16_t n, LeadershipOutbox& out) {
        Node& node = nodes[n];
        const uint64_t life = node.life;
        ask_store(n, std::move(out.requests));
        for (const LeaderEvent& event : out.events) {
            switch (event.kind) {
                case LeaderEvent::Kind::Elected:
                    on_elected(n, event.record);
                    break;
                case LeaderEvent::Kind::Hand:
                    hand_if_flushed(n);
                    break;
                case LeaderEvent::Kind::SteppedDown:
                    node.leader_writer.reset();
                    node.leader_tickets.clear();
                    break;
                case LeaderEvent::Kind::LeaderIs:
                    break;
                case LeaderEvent::Kind::Fenced:
                    ++tally.fenced_leaders;
                    if (node.woke_at > Instant{} && at - node.woke_at < 300ms)
                        ++tally.fenced_after_wake;
                    return restart(n, pick_ms(50, 300));
            }
            if (node.life != life) return;
        }
    }
    void on_elected(uint16_t n, const LeaderRecord& record) {
        Node& node = nodes[n];
        ++tally.elected;
        const std::string name = "sr-" + std::to_string(n) + "-" + std::to_string(record.epoch);
        // A channel of its own: answers to the writer before may still be on their way.
        node.leader_writer = std::make_unique<store::Writer>(name, ++node.channel);
        node.leader_tickets.clear();
        node.leader_writer->set_guards(node.leadership->guards());
        if (commanded_at && record.holder.instance.value != leader_base + commanded_from) {
            tally.command_switch_ms.push_back(to_ms(at - *commanded_at));
            commanded_at.reset();
        }
        if (killed_at && n != killed) {
            auto& times = kinds_.storm ? tally.stormy_switch_ms : tally.clean_switch_ms;
            times.push_back(to_ms(at - *killed_at));
        }
        killed_at.reset();
    }
    static double to_ms(Duration d) { return static_cast<double>(d.count()) / 1e6; }
    void hand_if_flushed(uint16_t n) {
        Node& node = nodes[n];
        if (!node.leadership || node.leadership->post() != Post::Handing) return;
        if (node.leader_writer && !node.leader_writer->is_idle()) return;
        LeadershipOutbox out;
        node.leadership->on_flushed(now(node), out);
        ++tally.handed;
        lead_out(n, out);
    }
    void leader_writes(uint16_t n, store::WriterOutbox& out) {
        Node& node = nodes[n];
        ask_store(n, std::move(out.requests));
        bool refused = false;
        for (const store::Completion& done : out.completions) {
            const auto ticket = node.leader_tickets.extract(done.ticket);
            if (done.outcome && !ticket.empty()) {
                acknowledged.insert(ticket.mapped());
                ++tally.writes_acknowledged;
            }
            refused = refused || !done.outcome;
        }
        if (refused && node.leadership) {
            LeadershipOutbox look;
            node.leadership->refresh(now(node), look);
            lead_out(n, look);
            return;
        }
        hand_if_flushed(n);
    }
    void b2b_writes(uint16_t n, store::WriterOutbox& out) {
        ask_store(n, std::move(out.requests));
        for (const store::Completion& done : out.completions)
            if (!done.outcome && nodes[n].b2b_writer->is_fenced()) return restart(n, 100ms);
    }
    void adopt_out(uint16_t n, AdoptionOutbox& out) {
        Node& node = nodes[n];
        ask_store(n, std::move(out.requests));
        for (const AdoptionEvent& event : out.events) {
            switch (event.kind) {
                case AdoptionEvent::Kind::Adopted:
                    on_adopted(n, event);
                    break;
                case AdoptionEvent::Kind::Elsewhere:
                    ++tally.elsewhere;
                    node.asked.erase(event.call);
                    break;
                case AdoptionEvent::Kind::NoSuchCall:
                    ++tally.no_such_call;
                    if (call_owner.contains(event.call) &&
                        call_owner[event.call] == event.victim.number.value)
                        fail("a call was not found though it is there");
                    node.asked.erase(event.call);
                    break;
                case AdoptionEvent::Kind::OwnerLives:
                    ++tally.owner_lives;
                    node.asked.erase(event.call);
                    break;
                case AdoptionEvent::Kind::Swept:
                    ++tally.victims_swept;
                    break;
                case AdoptionEvent::Kind::Returned:
                    ++tally.returned;
                    break;
                case AdoptionEvent::Kind::Fenced:
                    return restart(n, pick_ms(50, 300));
            }
        }
    }
    void on_adopted(uint16_t n, const AdoptionEvent& event) {
        Node& node = nodes[n];
        ++tally.adopted;
        tally.adopted_asked += node.asked.erase(event.call);
        if (!node.calls.emplace(event.call, 0).second) fail("a call was adopted twice by one node");
        const auto key = std::pair(event.call, moves[event.call]);
        if (call_owner[event.call] == b2b_base + n && !told_adoptions.insert(key).second)
            fail("a call was told to be adopted twice");
        if (moves[event.call] > 1) ++tally.adopters_died;
        if (event.snapshot.empty()) fail("a call was adopted without its snapshot");
    }

    void timers(uint16_t n) {
        Node& node = nodes[n];
        const uint64_t life = node.life;
        for (int i = 0; i < 200; ++i) {
            if (!node.up || node.paused || node.life != life) return;
            const Instant t = local(node);
            if (next_deadline(node) > t) break;
            run_timers(n, t);
        }
        if (!node.up || node.paused || node.life != life) return;
        if (next_deadline(node) <= local(node)) fail("a deadline that does not pass");
        const Instant next = std::max(true_time(node, next_deadline(node)), at + 10us);
        if (node.timer_at && *node.timer_at <= next && *node.timer_at > at) return;
        node.timer_at = next;
        const uint64_t timer = ++node.timer;
        events.push({next, ++order, [this, n, life, timer] {
                         if (nodes[n].timer != timer) return;
                         deliver(n, life, [] {});
                     }});
    }
    void touch(uint16_t n) {
        nodes[n].timer_at.reset();
        timers(n);
    }
    Instant next_deadline(const Node& node) const {
        std::optional<Instant> earliest = node.live->next_deadline();
        earlier(earliest, node.next_work);
        if (node.booted) {
            if (!node.leader_claim->claimed())
                earlier(earliest, node.leader_claim->next_deadline());
            if (!node.b2b_claim->claimed()) earlier(earliest, node.b2b_claim->next_deadline());
        }
        earlier(earliest, node.check->next_deadline());
        if (node.leadership) earlier(earliest, node.leadership->next_deadline());
        if (node.adoption) earlier(earliest, node.adoption->next_deadline());
        if (node.leader_writer) earlier(earliest, node.leader_writer->next_deadline());
        if (node.b2b_writer) earlier(earliest, node.b2b_writer->next_deadline());
        return *earliest;
    }
    void run_timers(uint16_t n, Instant t) {
        Node& node = nodes[n];
        const uint64_t life = node.life;
        if (node.next_work <= t) work(n);
        if (node.life != life) return;
        const uint64_t progress[] = {++node.turns};
        node.live->set_progress(progress);
        LivenessOutbox live;
        node.live->on_timeout(t, live);
        live_out(n, live);
        if (node.life != life) return;
        std::vector<store::Request> requests;
        if (node.booted && !node.leader_claim->claimed())
            node.leader_claim->on_timeout(t, requests);
        if (node.booted && !node.b2b_claim->claimed()) node.b2b_claim->on_timeout(t, requests);
        if (const auto confirmed = node.live->confirmed_at(t)) node.check->on_confirmed(*confirmed);
        node.check->on_timeout(t, requests);
        ask_store(n, std::move(requests));
        if (node.leadership) {
            LeadershipOutbox out;
            node.leadership->on_timeout(now(node), out);
            lead_out(n, out);
            if (node.life != life) return;
        }
        if (node.adoption) {
            AdoptionOutbox out;
            node.adoption->on_timeout(t, out);
            adopt_out(n, out);
            if (node.life != life) return;
        }
        store::WriterOutbox writes;
        if (node.leader_writer) node.leader_writer->on_timeout(t, writes);
        leader_writes(n, writes);
        if (node.life != life) return;
        writes = {};
        if (node.b2b_writer) node.b2b_writer->on_timeout(t, writes);
        if (node.b2b_writer) b2b_writes(n, writes);
    }

    // Every 20 ms: writes of the active role, packets to the outside, new calls, ended calls.
    void work(uint16_t n) {
        Node& node = nodes[n];
        const uint64_t life = node.life;
        node.next_work = local(node) + 20ms;
        if (reaches_store(n) && !store_down) node.store_contact = at;
        if (node.booted && node.turns % 5 == 0) {
            StoreView view{reaches_store(n) && !store_down, {}};
            for (uint16_t m = 1; m <= count_; ++m)
                if (at - nodes[m].store_contact > 1200ms && !store_down &&
                    at > last_outage + 1500ms)
                    view.lost.push_back({m});
            LivenessOutbox out;
            node.live->on_store_view(local(node), std::move(view), out);
            live_out(n, out);
            if (node.life != life) return;
        }
        if (node.leadership && node.leadership->post() == Post::Active) {
            speak(n, {static_cast<uint16_t>(leader_base + n)}, node.leader_claim->claimed()->epoch);
            write_as_leader(n);
            if (node.life != life) return;
        }
        if (node.adoption) {
            if (!node.calls.empty())
                speak(n, {static_cast<uint16_t>(b2b_base + n)}, node.b2b_claim->claimed()->epoch);
            work_on_calls(n);
        }
    }
    void write_as_leader(uint16_t n) {
        Node& node = nodes[n];
        if (!node.leader_writer || node.leader_writer->is_fenced()) return;
        store::WriterOutbox out;
        const std::string key = "work/" + std::to_string(n) + "/" + std::to_string(node.life) +
                                "/" + std::to_string(++node.written);
        const std::string value = std::to_string(node.leader_claim->claimed()->epoch) + " " +
                                  std::to_string(node.leadership->record()->epoch);
        const auto ticket = node.leader_writer->put(local(node), key, value, out);
        if (ticket) node.leader_tickets[*ticket] = key;
        leader_writes(n, out);
    }
    void work_on_calls(uint16_t n) {
        Node& node = nodes[n];
        const auto number = static_cast<uint16_t>(b2b_base + n);
        store::WriterOutbox out;
        if (quiet) return;
        if (node.calls.size() < 12 && chance(10)) {
            const CallId call{{++last_call, rng.next()}};
            node.calls.emplace(call, 0);
            tags[call] = number;
            if (!node.b2b_writer->put(local(node), store::keys::call(id_of(number), call),
                                      "by " + std::to_string(node.b2b_claim->claimed()->epoch),
                                      out))
                node.calls.erase(call);
        }
        if (!node.calls.empty() && chance(2)) {
            auto victim = node.calls.begin();
            std::advance(victim, static_cast<long>(rng.below(node.calls.size())));
            store::Member end;
            end.ops = {store::Delete{store::keys::call(id_of(number), victim->first)},
                       store::Delete{store::keys::call_owner(victim->first)}};
            if (node.b2b_writer->txn(local(node), std::move(end), out)) node.calls.erase(victim);
        }
        b2b_writes(n, out);
        if (node.adoption && !tags.empty() && chance(8)) ask_for_call(n);
    }
    // A phone's request came here, though its tag names another instance.
    void ask_for_call(uint16_t n) {
        Node& node = nodes[n];
        auto tag = tags.begin();
        std::advance(tag, static_cast<long>(rng.below(tags.size())));
        if (node.calls.contains(tag->first) || node.asked.contains(tag->first)) return;
        if (tag->second == b2b_base + n) return;
        const FenceEntry* entry = node.fences->find({tag->second});
        const bool gone = entry != nullptr && (entry->record.state == FenceRecord::State::Fenced ||
                                               node.live->is_dead(entry->record.home));
        if (!gone && !chance(20)) return;
        node.asked.insert(tag->first);
        AdoptionOutbox out;
        if (!node.adoption->on_asked(local(node), {{tag->second}, id_of(tag->second)}, tag->first,
                                     out))
            fail("too many asked calls");
        adopt_out(n, out);
    }
    // A packet leaves, if it may.
    void speak(uint16_t n, InstanceNumber instance, uint32_t epoch) {
        Node& node = nodes[n];
        std::vector<store::Request> requests;
        const Permission permission = node.check->check(local(node), instance, requests);
        ask_store(n, std::move(requests));
        if (permission == Permission::MustAsk) ++tally.must_ask;
        if (permission != Permission::MaySend) return;
        ++tally.sends;
        if (node.woke_at > node.proof_at && node.last_pause > confirmation_valid + 5ms)
            fail("node " + std::to_string(n) + " sent after a pause of " + ms(node.last_pause) +
                 " ms before it asked");
        const auto fence = fence_floor.find(instance.value);
        if (fence == fence_floor.end() || epoch >= fence->second) return;
        ++tally.sends_when_fenced;
        for (uint16_t m = 1; m <= count_; ++m)
            if (m != n && nodes[m].up && !nodes[m].fences->admits({instance, epoch})) {
                ++tally.sends_when_fenced_dropped;
                break;
            }
    }

    // --- Invariants, told by the store itself, change by change.
    void observe(const store::WatchEvent& event) {
        const std::string& key = event.entry.key;
        const bool put = event.kind == store::WatchEvent::Kind::Put;
        if (key.starts_with("fence/") && put) observe_fence(event.entry);
        if (key == store::keys::leader(group)) observe_leader(put ? &event.entry : nullptr);
        if (key.starts_with("work/") && put) observe_work(event.entry);
        if (key.starts_with("call/")) observe_call(event);
    }
    void observe_fence(const store::KeyValue& item) {
        const auto record = parse_fence(item.value);
        const auto number = static_cast<uint16_t>(std::stoi(item.key.substr(6)));
        if (!record) return fail("a fence cannot be read: " + item.value);
        const bool same = fence_text[number] == item.value;
        if (same) {
            ++tally.renewals;
            nodes[record->home.shard.node.value].proof_at = at;
        }
        // "fenced 1" and "open 2" have the same floor, and come in this order.
        const bool reopened =
            record->state == FenceRecord::State::Open && fence_text[number].starts_with("fenced");
        const uint32_t floor_min = fence_floor[number] + (reopened ? 0 : 1);
        if (!same && record->floor() < floor_min)
            fail("the fence of " + std::to_string(number) + " does not rise: " + item.value);
        fence_floor[number] = record->floor();
        fence_text[number] = item.value;
    }
    void observe_leader(const store::KeyValue* item) {
        leader = item == nullptr ? std::nullopt : parse_leader(item->value);
        if (item == nullptr) return;
        if (!leader) return fail("a leader cannot be read: " + item->value);
        if (leader->state == LeaderRecord::State::Released) {
            if (leader->epoch != leader_epoch) fail("another epoch was released");
            return;
        }
        if (leader->epoch <= leader_epoch) fail("the epoch of the group does not rise");
        leader_epoch = leader->epoch;
        const auto floor = fence_floor.find(leader->holder.instance.value);
        if (floor == fence_floor.end() || leader->holder.epoch < floor->second)
            fail("a fenced incarnation was elected");
    }
    void observe_work(const store::KeyValue& item) {
        const auto node = static_cast<uint16_t>(std::stoi(item.key.substr(5)));
        const size_t space = item.value.find(' ');
        const auto incarnation = static_cast<uint32_t>(std::stoul(item.value));
        const uint64_t epoch = std::stoull(item.value.substr(space + 1));
        const Incarnation who{{static_cast<uint16_t>(leader_base + node)}, incarnation};
        if (incarnation < fence_floor[who.instance.value]) fail("a fenced incarnation has written");
        if (!leader || leader->state != LeaderRecord::State::Active || leader->holder != who ||
            leader->epoch != epoch)
            fail("somebody has written who does not lead");
        written.insert(item.key);
    }
    void observe_call(const store::WatchEvent& event) {
        const std::string& key = event.entry.key;
        const size_t slash = key.find('/', 5);
        const auto owner = number_of(*RoleInstanceId::parse(key.substr(5, slash - 5)));
        const CallId call = *CallId::parse(key.substr(slash + 1));
        if (event.kind == store::WatchEvent::Kind::Delete) {
            const auto known = call_owner.find(call);
            if (known != call_owner.end() && known->second == *owner) call_owner.erase(known);
            left[call] = {*owner, event.entry.mod_revision};
            return;
        }
        if (call_owner.contains(call)) fail("a call has two owners in the store");
        call_owner[call] = *owner;
        if (fence_text[*owner].starts_with("fenced")) fail("a fenced instance has got a call");
        const auto former = left.find(call);
        if (former == left.end()) {
            if (event.entry.value != "by " + std::to_string(fence_floor[*owner]))
                fail("a fenced incarnation has kept a call");
            return;
        }
        if (former->second.second != event.entry.mod_revision)
            fail("a call that has ended is back");
        if (fence_text[former->second.first].starts_with("open"))
            fail("a call was taken from the living");
        ++moves[call];
    }

    // --- Faults.
    void storm(Duration length) {
        const Instant end = at + length;
        while (at < end && !failed()) {
            run_until(at + pick_ms(50, 900));
            inject();
        }
    }
    uint16_t any_node() {
        return static_cast<uint16_t>(1 + rng.below(static_cast<uint64_t>(count_)));
    }
    std::optional<uint16_t> leading_node() const {
        if (!leader || leader->state != LeaderRecord::State::Active) return std::nullopt;
        return static_cast<uint16_t>(leader->holder.instance.value - leader_base);
    }
    // The leader more often than others: that is where it hurts.
    uint16_t victim() { return chance(45) ? leading_node().value_or(any_node()) : any_node(); }
    void inject() {
        switch (rng.below(11)) {
            case 0:
            case 1: {
                const uint16_t n = victim();
                note_kill(n);
                stop(n);
                later(pick_ms(200, 3000), [this, n] { start(n); });
                break;
            }
            case 2: {
                const uint16_t n = victim();
                const Duration length = pick_ms(100, chance(30) ? 5000 : 600);
                if (length > 400ms) note_kill(n);
                pause(n, length);
                break;
            }
            case 3:
                cut_pair(any_node(), any_node(), chance(50), pick_ms(100, 3000));
                break;
            case 4:
                isolate(victim(), chance(50), pick_ms(100, 3000));
                break;
            case 5:
                cut_from_store(victim(), pick_ms(100, 3000));
                break;
            case 6:
                outage(pick_ms(50, 900));
                break;
            case 7:
                command_handover();
                break;
            case 8:
                if (chance(15)) delete_leader_key();
                break;
            case 9: {  // the network loses packets for a while
                const unsigned before = loss;
                loss = 1 + static_cast<unsigned>(rng.below(12));
                later(pick_ms(200, 1500), [this, before] { loss = before; });
                break;
            }
            case 10:
                split(pick_ms(300, 3000));
                break;
            default:
                break;
        }
    }
    void note_kill(uint16_t n) {
        if (leading_node() != n || !nodes[n].up || nodes[n].paused) return;
        killed_at = at;
        killed = n;
    }
    void cut_pair(uint16_t a, uint16_t b, bool both, Duration length) {
        if (a == b) return;
        ++cut[a][b];
        if (both) ++cut[b][a];
        later(length, [this, a, b, both] {
            --cut[a][b];
            if (both) --cut[b][a];
        });
    }
    void cut_from_store(uint16_t n, Duration length) {
        ++cut_store[n];
        later(length, [this, n] { --cut_store[n]; });
    }
    void isolate(uint16_t n, bool from_store, Duration length) {
        for (uint16_t m = 1; m <= count_; ++m) cut_pair(n, m, true, length);
        if (from_store) cut_from_store(n, length);
    }
    // Two halves; the store is with one of them.
    void split(Duration length) {
        const auto half = static_cast<uint16_t>(1 + rng.below(static_cast<uint64_t>(count_ - 1)));
        for (uint16_t a = 1; a <= half; ++a) {
            for (auto b = static_cast<uint16_t>(half + 1); b <= count_; ++b)
                cut_pair(a, b, true, length);
            cut_from_store(a, length);
        }
    }
    void outage(Duration length) {
        if (store_down) return;
        store_down = true;
        later(length, [this] {
            store_down = false;
            last_outage = at;
            for (uint16_t n = 1; n <= count_; ++n) nodes[n].store_contact = at;
        });
    }
    void command_handover() {
        const auto n = leading_node();
        if (!n || !nodes[*n].up || nodes[*n].paused || !nodes[*n].leadership) return;
        Node& node = nodes[*n];
        LeadershipOutbox out;
        const Handover order{chance(50)
                                 ? InstanceNumber{static_cast<uint16_t>(leader_base + any_node())}
                                 : InstanceNumber{},
                             chance(70) ? Urgency::AtOnce : Urgency::AfterPostMin};
        if (node.leadership->hand_over(now(node), order, out) && order.urgency == Urgency::AtOnce &&
            !commanded_at) {
            commanded_at = at;
            commanded_from = *n;
        }
        lead_out(*n, out);
        if (nodes[*n].up) touch(*n);
    }
    void delete_leader_key() {
        store::Outbox out;
        store.apply(at, {4, store::Txn{{}, {store::Delete{store::keys::leader(group)}}, {}}}, out);
        tell(out);
    }
    void heal() {
        loss = 0;
        store_down = false;
        kinds_.storm = false;
        for (auto& row : cut) std::fill(row.begin(), row.end(), -1000000);
        cut_store.fill(-1000000);
        killed_at.reset();
        commanded_at.reset();
        for (uint16_t n = 1; n <= count_; ++n) {
            if (nodes[n].paused) restart(n, 10ms);
            if (!nodes[n].up) later(10ms, [this, n] { start(n); });
            nodes[n].store_contact = at;
        }
    }
    bool has_leader() const {
        const auto n = leading_node();
        if (!n || !nodes[*n].up || nodes[*n].paused || !nodes[*n].leadership) return false;
        const Leadership& machine = *nodes[*n].leadership;
        return machine.post() == Post::Active && machine.record()->epoch == leader->epoch;
    }

    // --- After all faults.
    void judge() {
        heal();
        const Instant healed = at;
        while (!has_leader() && at - healed < 3s && !failed()) run_until(at + 1ms);
        if (!has_leader()) return fail("no leader 3 s after all faults have ended");
        tally.heal_ms.push_back(to_ms(at - healed));
        for (int i = 0; i < 80 && !failed(); ++i) {
            run_until(at + 100ms);
            quiet = at - healed > 2s;
            if (at - healed > 4s && is_settled()) break;
        }
        if (failed()) return;
        if (!is_settled()) return fail("it does not come to rest: " + unsettled_);
        size_t leaders = 0;
        for (uint16_t n = 1; n <= count_; ++n)
            leaders += nodes[n].leadership && nodes[n].leadership->post() == Post::Active ? 1 : 0;
        if (leaders != 1) fail(std::to_string(leaders) + " nodes think that they lead");
        for (const std::string& key : acknowledged)
            if (!written.contains(key)) fail("an acknowledged write is lost: " + key);
    }
    std::string sweeps_of(uint16_t n) const {
        std::string text;
        if (nodes[n].adoption)
            text += nodes[n].adoption->is_over() ? " though over" : " though not over";
        if (!nodes[n].adoption) text += " not yet";
        for (uint16_t m = 1; nodes[n].adoption && m <= count_; ++m) {
            const auto victim = static_cast<uint16_t>(b2b_base + m);
            const auto progress = nodes[n].adoption->progress({victim});
            if (!progress) continue;
            text += ", victim " + std::to_string(victim) + " pass " +
                    std::to_string(progress->passes) + " left " + std::to_string(progress->left) +
                    " (" + fence_text.at(victim) + ")";
        }
        return text;
    }
    // Every call in the store is in the memory of its owner, and nothing else is in anybody's.
    bool is_settled() {
        unsettled_.clear();
        for (const auto& [call, owner] : call_owner) {
            const Node& node = nodes[static_cast<size_t>(owner - b2b_base)];
            if (!node.up || !node.calls.contains(call))
                unsettled_ = "call of " + std::to_string(owner) + " is not in its memory";
        }
        for (uint16_t n = 1; n <= count_; ++n) {
            if (!nodes[n].adoption || !nodes[n].adoption->is_idle())
                unsettled_ = "node " + std::to_string(n) + " is still adopting" + sweeps_of(n);
            if (!nodes[n].b2b_writer || !nodes[n].b2b_writer->is_idle())
                unsettled_ = "node " + std::to_string(n) + " is still writing";
            else
                for (const auto& [call, ignored] : nodes[n].calls)
                    if (!call_owner.contains(call) || call_owner[call] != b2b_base + n)
                        unsettled_ =
                            "node " + std::to_string(n) + " has a call that is not its own";
        }
        return unsettled_.empty();
    }

    struct Event {
        Instant at;
        uint64_t order = 0;
        std::function<void()> what;
        bool operator<(const Event& other) const {
            return std::pair(other.at, other.order) < std::pair(at, order);
        }
    };
    static constexpr store::WatchId god_watch = 1;

    SeededRng rng;
    uint64_t seed_;
    Kinds kinds_;
    Tally& tally;
    int count_ = 0;
    std::vector<Node> nodes;
    Instant at;
    uint64_t order = 0;
    std::priority_queue<Event> events;
    std::string failure;
    std::string unsettled_;

    store::MemoryStore store;
    store::WatchId last_watch = 1;
    std::map<store::WatchId, std::pair<uint16_t, uint64_t>> watch_owner;
    bool store_down = false;
    bool quiet = false;  // no new calls, none ends
    Instant last_outage;
    std::vector<std::vector<int>> cut;
    std::array<int, 16> cut_store{};
    unsigned loss = 0;

    std::map<uint16_t, uint32_t> runs;
    std::map<uint16_t, uint32_t> fence_floor;
    std::map<uint16_t, std::string> fence_text;
    std::optional<LeaderRecord> leader;
    uint64_t leader_epoch = 0;
    std::set<std::string> acknowledged, written;
    std::map<CallId, uint16_t> call_owner;
    std::map<CallId, std::pair<uint16_t, store::Revision>> left;  // who has lost it, and when
    std::map<CallId, uint16_t> tags;
    std::map<CallId, unsigned> moves;
    std::set<std::pair<CallId, unsigned>> told_adoptions;
    std::set<std::pair<uint16_t, uint32_t>> suspects;
    uint64_t last_call = 0;

    std::optional<Instant> killed_at;
    uint16_t killed = 0;
    std::optional<Instant> commanded_at;
    uint16_t commanded_from = 0;
};

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void print_times(const char* what, std::vector<double> times) {
    if (times.empty()) return;
    std::sort(times.begin(), times.end());
    const auto at = [&](double share) {
        return times[static_cast<size_t>(share * static_cast<double>(times.size() - 1))];
    };
    std::printf("%-34s n %6zu  p50 %7.1f  p95 %7.1f  p99 %7.1f  max %7.1f ms\n", what, times.size(),
                at(0.5), at(0.95), at(0.99), times.back());
}

void print(const Tally& t) {
    std::printf("elected %lu, handed %lu, deposed unaware %lu, fenced leaders %lu\n", t.elected,
                t.handed, t.deposed_unaware, t.fenced_leaders);
    std::printf(
        "adopted %lu (asked %lu, again %lu), swept %lu, returned %lu, elsewhere %lu, "
        "none %lu, owner lives %lu\n",
        t.adopted, t.adopted_asked, t.adopters_died, t.victims_swept, t.returned, t.elsewhere,
        t.no_such_call, t.owner_lives);
    std::printf(
        "dead: agreed %lu, store %lu, told %lu, restarted %lu; suspected only %lu; "
        "told own death %lu\n",
        t.died_agreed, t.died_store, t.died_told, t.died_restarted, t.suspected_only,
        t.told_own_death);
    std::printf(
        "sends %lu, must ask %lu, renewals %lu, woken %lu (fenced %lu), sends when fenced %lu "
        "(known to others %lu)\n",
        t.sends, t.must_ask, t.renewals, t.asked_after_wake, t.fenced_after_wake,
        t.sends_when_fenced, t.sends_when_fenced_dropped);
    std::printf("acknowledged %lu, unknown outcomes %lu, applied late %lu\n", t.writes_acknowledged,
                t.unknown_outcomes, t.late_applied);
    print_times("switch after a kill, else healthy", t.clean_switch_ms);
    print_times("switch after a kill, in a storm", t.stormy_switch_ms);
    print_times("switch by command, in a storm", t.command_switch_ms);
    print_times("leader after all faults ended", t.heal_ms);
}

// Eight seconds of trouble on a small site, then peace.
TEST(SiteSimulation, SurvivesAnything) {
    Tally tally;
    const uint64_t first = number_from_environment("TANDEM_SIM_FIRST", 41);
    const uint64_t seeds = number_from_environment("TANDEM_SIM_SEEDS", 40);
    for (uint64_t seed = first; seed < first + seeds; ++seed) {
        Site site(seed, {true, 3, 7}, tally);
        site.run_until(Instant{1s});
        site.storm(8s);
        if (!site.failed()) site.judge();
        ASSERT_FALSE(site.failed()) << site.failure;
    }
    print(tally);
    if (seeds < 40) return;
    EXPECT_GT(tally.deposed_unaware, 0u);
    EXPECT_GT(tally.fenced_leaders, 0u);
    EXPECT_GT(tally.handed, 0u);
    EXPECT_GT(tally.adopted_asked, 0u);
    EXPECT_GT(tally.adopters_died, 0u);
    EXPECT_GT(tally.returned, 0u);
    EXPECT_GT(tally.elsewhere, 0u);
    EXPECT_GT(tally.died_agreed, 0u);
    EXPECT_GT(tally.died_store, 0u);
    EXPECT_GT(tally.died_told, 0u);
    EXPECT_GT(tally.suspected_only, 0u);
    EXPECT_GT(tally.told_own_death, 0u);
    EXPECT_GT(tally.must_ask, 0u);
    EXPECT_GT(tally.renewals, 0u);
    EXPECT_GT(tally.fenced_after_wake, 0u);
    EXPECT_GT(tally.late_applied, 0u);
    EXPECT_GT(tally.unknown_outcomes, 0u);
    EXPECT_GT(tally.stormy_switch_ms.size(), 0u);
}

// Seeds that have failed. 1623: a victim died a second time while its calls were waiting to be
// taken; they were listed twice, and the store refuses to move a call twice in one transaction.
TEST(SiteSimulation, SeedsThatFailedOnce) {
    Tally tally;
    for (const uint64_t seed : {1623}) {
        Site site(seed, {true, 3, 7}, tally);
        site.run_until(Instant{1s});
        site.storm(8s);
        if (!site.failed()) site.judge();
        ASSERT_FALSE(site.failed()) << site.failure;
    }
}

// Nothing is wrong but that the leader dies or sleeps: how long until another leads.
TEST(SiteSimulation, SwitchesInTimeWhenNothingElseIsWrong) {
    Tally tally;
    const uint64_t seeds = number_from_environment("TANDEM_SIM_SEEDS", 30);
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
        Site site(seed, {false, 3, 7}, tally);
        site.run_until(Instant{2s} + site.pick_ms(0, 200));
        const auto leader = site.leading_node();
        ASSERT_TRUE(leader) << "seed " << seed;
        site.note_kill(*leader);
        if (site.chance(50))
            site.stop(*leader);
        else
            site.pause(*leader, 3s);
        site.run_until(site.at + 4s);
        ASSERT_FALSE(site.failed()) << site.failure;
        ASSERT_EQ(tally.clean_switch_ms.size(), seed) << "nobody took over in seed " << seed;
    }
    print(tally);
    // 250 ms after the last heartbeat, a transit of it and one of the second opinion (1 ms each),
    // and one transaction (3.3 ms there, 3.3 ms back). A heartbeat was due every 50 ms.
    for (const double took : tally.clean_switch_ms) {
        EXPECT_GE(took, 195.0);
        EXPECT_LE(took, 260.0);
    }
    EXPECT_EQ(tally.sends_when_fenced, 0u);
}

// Two servers and a store that lives elsewhere (a third vote).
TEST(SiteSimulation, TwoServersSurviveTheSame) {
    Tally tally;
    const uint64_t first = number_from_environment("TANDEM_SIM_FIRST", 1);
    const uint64_t seeds = number_from_environment("TANDEM_SIM_SEEDS", 20) / 4;
    for (uint64_t seed = first; seed < first + seeds; ++seed) {
        Site site(seed, {true, 2, 2}, tally);
        site.run_until(Instant{1s});
        site.storm(8s);
        if (!site.failed()) site.judge();
        ASSERT_FALSE(site.failed()) << site.failure;
    }
    print(tally);
    EXPECT_GT(tally.died_store, 0u);
    EXPECT_EQ(tally.died_agreed, 0u);
}

}  // namespace
}  // namespace tandem::cluster
