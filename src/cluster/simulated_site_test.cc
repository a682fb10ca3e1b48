// The time, processes and network of a simulated site.
#include "cluster/simulated_site_test.h"

#include <algorithm>

namespace tandem::cluster::simulated {

Site::Site(uint64_t seed, Kinds kinds, Tally& tally)
    : rng(seed), seed_(seed), kinds_(kinds), tally(tally) {
    const unsigned choices = kinds.nodes_max - kinds.nodes_min + 1u;
    count_ = static_cast<uint16_t>(kinds.nodes_min + rng.below(choices));
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

void Site::run_until(Instant end) {
    while (!events.empty() && events.top().at <= end && !failed()) {
        auto event = std::move(const_cast<Event&>(events.top()));
        events.pop();
        at = event.at;
        event.what();
    }
    at = std::max(at, end);
}

void Site::later(Duration after, std::function<void()> what) {
    events.push({at + after, ++order, std::move(what)});
}

Duration Site::pick_ms(uint64_t low, uint64_t high) {
    return std::chrono::microseconds(low * 1000 + rng.below((high - low) * 1000 + 1));
}

void Site::fail(const std::string& text) {
    if (failure.empty())
        failure = "seed " + std::to_string(seed_) + " at " + ms(at.since_epoch) + " ms: " + text;
}

std::string Site::ms(Duration d) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
}

Instant Site::local(const Node& node) const {
    return Instant{node.offset + Duration(static_cast<int64_t>(
                                     static_cast<double>(at.since_epoch.count()) * node.rate))};
}

Instant Site::true_time(const Node& node, Instant local) const {
    const auto since = static_cast<double>((local.since_epoch - node.offset).count());
    return Instant{Duration(static_cast<int64_t>(since / node.rate) + 1)};
}

Now Site::now(const Node& node) const {
    return {local(node), UtcTime{1'700'000'000'000 + local(node).since_epoch.count() / 1'000'000}};
}

void Site::start(uint16_t n) {
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
void Site::boot(uint16_t n, uint64_t life) {
    Node& node = nodes[n];
    if (!node.up || node.life != life) return;
    if (!reaches_store(n) || store_down || node.paused)
        return later(30ms, [this, n, life] { boot(n, life); });
    node.watch_inbox.clear();
    store::Outbox out;
    store.apply(at, {2, store::RangeRequest{store::KeyRange::prefix("fence/"), 0, {}, {}}}, out);
    for (const auto& item : std::get<store::RangeReply>(*out.replies.at(0).body).items)
        node.fences->learn(local(node), item);
    for (const char* prefix : {"fence/", "leader/"}) {
        out = {};
        watch_owner[++last_watch] = {n, life};
        store.apply(at, {3, store::WatchCreate{last_watch, store::KeyRange::prefix(prefix), {}}},
                    out);
    }
    node.booted = true;
    std::vector<store::Request> requests;
    node.leader_claim->start(local(node), requests);
    node.b2b_claim->start(local(node), requests);
    ask_store(n, std::move(requests));
    touch(n);
}

void Site::stop(uint16_t n) {
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

void Site::restart(uint16_t n, Duration after) {
    stop(n);
    later(after, [this, n] { start(n); });
}

void Site::pause(uint16_t n, Duration how_long) {
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
void Site::deliver(uint16_t n, uint64_t life, std::function<void()> what) {
    Node& node = nodes[n];
    if (!node.up || node.life != life) return;
    if (node.paused) {
        if (node.backlog.size() < 3000) node.backlog.push_back(std::move(what));
        return;
    }
    what();
    if (node.up && node.life == life) timers(n);
}

Duration Site::transit() {
    if (kinds_.storm && chance(2)) return pick_ms(2, 60);
    return std::chrono::microseconds(100 + rng.below(900));
}

void Site::send_heartbeat(uint16_t from, const Heartbeat& beat) {
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

}  // namespace tandem::cluster::simulated
