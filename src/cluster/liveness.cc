#include "cluster/liveness.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include "base/check.h"
#include "cluster/limits.h"

namespace tandem::cluster {
namespace {

constexpr std::array<std::string_view, 4> life_names{"unknown", "alive", "suspected", "dead"};
constexpr std::array<std::string_view, 9> reason_names{"heard",
                                                       "silent",
                                                       "stalled",
                                                       "agreed by observers",
                                                       "lost to the store",
                                                       "process ended",
                                                       "restarted",
                                                       "declared by another node",
                                                       "fenced in the store"};

bool accuses(Opinion opinion) {
    return opinion == Opinion::Silent || opinion == Opinion::Stalled;
}

}  // namespace

std::string_view to_string(Life life) {
    return life_names[static_cast<size_t>(life)];
}
std::string_view to_string(LifeReason reason) {
    return reason_names[static_cast<size_t>(reason)];
}

Liveness::Liveness(NodeNumber self, const std::vector<uint32_t>& runs) : self_(self) {
    CHECK(!runs.empty() && runs.size() <= shards_max);
    for (const uint32_t run : runs) own_.push_back({run, 0});
    own_dead_.resize(own_.size());
}

void Liveness::set_members(Instant now, std::span<const Member> members) {
    if (!looked_) began_ = now;
    note_time(now);
    std::map<NodeNumber, Peer> peers;
    for (const Member& member : members) {
        if (member.node == self_) own_server_ = member.server;
        if (member.node == self_ || !member.node || peers.size() >= nodes_max) continue;
        const auto known = peers_.find(member.node);
        Peer peer = known == peers_.end() ? Peer{} : std::move(known->second);
        peer.member = member;
        Watched fresh;
        fresh.progressed = now;
        peer.shards.resize(std::clamp<size_t>(member.shards, 1, shards_max), fresh);
        peers.emplace(member.node, std::move(peer));
    }
    peers_ = std::move(peers);
}

Liveness::Peer* Liveness::find(NodeNumber node) {
    const auto found = peers_.find(node);
    return found == peers_.end() ? nullptr : &found->second;
}
const Liveness::Peer* Liveness::find(NodeNumber node) const {
    const auto found = peers_.find(node);
    return found == peers_.end() ? nullptr : &found->second;
}

// What was not heard while we ourselves stood still is nobody's silence.
void Liveness::note_time(Instant now) {
    if (looked_ && now - *looked_ > own_pause_min) {
        ++own_pauses_;
        const Duration gap = now - *looked_;
        for (auto& [node, peer] : peers_)
            for (Watched& watched : peer.shards) watched.progressed = watched.progressed + gap;
    }
    if (!looked_ || *looked_ < now) looked_ = now;
}

void Liveness::set_progress(std::span<const uint64_t> progress) {
    for (size_t i = 0; i < own_.size() && i < progress.size(); ++i) own_[i].progress = progress[i];
}

// --- Runs.

void Liveness::expect(Instant now, const ShardRun& run, LivenessOutbox& out) {
    note_time(now);
    Peer* peer = find(run.shard.node);
    if (peer == nullptr || run.shard.shard >= peer->shards.size()) return;
    if (run.run > peer->shards[run.shard.shard].run)
        start_run(now, *peer, run.shard.shard, run.run, out);
}

// A later run is known: whatever ran before is over, and the new one has its time to be heard.
void Liveness::start_run(Instant now, const Peer& peer, size_t shard, uint32_t run,
                         LivenessOutbox& out) {
    Peer& changed = *find(peer.member.node);
    Watched& watched = changed.shards[shard];
    // Echoing a number that an earlier run has sent would confirm what was not heard.
    if (shard == 0) changed.sequence = 0;
    if (watched.run != 0 && watched.life != Life::Dead)
        declare_dead(peer, shard, LifeReason::Restarted, {self_}, out);
    watched.dead_through = std::max(watched.dead_through, watched.run);
    watched.run = run;
    watched.progress = 0;
    watched.progressed = now;
    watched.well_since = now;
    watched.life = Life::Unknown;
}

void Liveness::on_process_ended(Instant now, const ShardRun& run, LivenessOutbox& out) {
    end_run(now, run, LifeReason::ProcessEnded, out);
}

void Liveness::on_fenced(Instant now, const ShardRun& run, LivenessOutbox& out) {
    end_run(now, run, LifeReason::Fenced, out);
}

void Liveness::end_run(Instant now, const ShardRun& run, LifeReason reason, LivenessOutbox& out) {
    note_time(now);
    expect(now, run, out);
    Peer* peer = find(run.shard.node);
    if (peer == nullptr || run.shard.shard >= peer->shards.size()) return;
    const Watched& watched = peer->shards[run.shard.shard];
    if (watched.run == run.run && watched.life != Life::Dead)
        declare_dead(*peer, run.shard.shard, reason, {self_}, out);
    judge_all(now, out);
}

// --- Heartbeats in.

void Liveness::on_heartbeat(Instant now, const Heartbeat& beat, LivenessOutbox& out) {
    note_time(now);
    Peer* peer = find(beat.node);
    if (peer == nullptr || beat.shards.empty()) return;
    const uint32_t counting = beat.shards.front().run;
    const Watched& first = peer->shards.front();
    // Of a run that is over: late, or a sleeper that does not know yet.
    if (counting < first.run || counting <= first.dead_through) return;
    if (counting == peer->sequence_run && beat.sequence <= peer->sequence) return;
    peer->sequence = beat.sequence;
    peer->sequence_run = counting;
    peer->heard_at = now;
    peer->was_heard = true;
    for (size_t i = 0; i < peer->shards.size() && i < beat.shards.size(); ++i)
        on_beat(now, *peer, i, beat.shards[i], out);
    on_report(now, *peer, beat, out);
    judge_all(now, out);
}

void Liveness::on_beat(Instant now, Peer& peer, size_t shard, const ShardBeat& beat,
                       LivenessOutbox& out) {
    if (beat.run > peer.shards[shard].run) start_run(now, peer, shard, beat.run, out);
    Watched& watched = peer.shards[shard];
    if (beat.run != watched.run || watched.life == Life::Dead) return;
    if (beat.progress == watched.progress) return;
    if (now - watched.progressed >= patience(peer)) watched.well_since = now;
    watched.progress = beat.progress;
    watched.progressed = std::max(watched.progressed, now);
}

// What others have declared dead is dead for us, too: a run ends once, for all.
void Liveness::on_report(Instant now, Peer& from, const Heartbeat& beat, LivenessOutbox& out) {
    from.report.assign(beat.heard.begin(),
                       beat.heard.begin() + std::min(beat.heard.size(), nodes_max));
    for (const HeardNode& heard : from.report) {
        if (heard.node == self_) {
            on_own_report(now, from, heard, out);
            continue;
        }
        Peer* subject = find(heard.node);
        if (subject == nullptr) continue;
        for (size_t i = 0; i < subject->shards.size() && i < heard.shards.size(); ++i) {
            const uint32_t run = heard.shards[i].run;
            if (run > subject->shards[i].run) start_run(now, *subject, i, run, out);
            const Watched& watched = subject->shards[i];
            if (heard.shards[i].opinion == Opinion::Dead && run == watched.run &&
                watched.life != Life::Dead)
                declare_dead(*subject, i, LifeReason::Told, {from.member.node}, out);
        }
    }
}

void Liveness::on_own_report(Instant, Peer& from, const HeardNode& heard, LivenessOutbox& out) {
    for (size_t i = 0; i < own_.size() && i < heard.shards.size(); ++i) {
        const HeardShard& said = heard.shards[i];
        const bool is_over =
            said.run > own_[i].run || (said.run == own_[i].run && said.opinion == Opinion::Dead);
        if (!is_over || own_dead_[i]) continue;
        own_dead_[i] = true;
        out.events.push_back({{{self_, static_cast<uint8_t>(i)}, own_[i].run},
                              Life::Dead,
                              LifeReason::Told,
                              {from.member.node}});
    }
    if (heard.shards.empty() || heard.shards.front().run != own_.front().run) return;
    const auto sent = std::find_if(sent_.begin(), sent_.end(), [&](const Sent& each) {
        return each.sequence == heard.sequence;
    });
    if (sent != sent_.end() && (!from.echoed || *from.echoed < sent->at)) from.echoed = sent->at;
}

void Liveness::on_store_view(Instant now, StoreView view, LivenessOutbox& out) {
    note_time(now);
    store_ = std::move(view);
    store_told_ = now;
    judge_all(now, out);
}

// --- Judging.

Opinion Liveness::opinion(Instant now, const Peer& peer, size_t shard) const {
    const Watched& watched = peer.shards[shard];
    if (watched.life == Life::Dead) return Opinion::Dead;
    const bool is_new = watched.progress == 0 && watched.run != 0;
    const bool node_is_heard = peer.was_heard && now - peer.heard_at < patience(peer);
    Duration silence_max = patience(peer);
    if (node_is_heard) silence_max = std::max(silence_max, stalled_after);
    const ShardRun subject{{peer.member.node, static_cast<uint8_t>(shard)}, watched.run};
    if (is_new)
        silence_max = std::max(silence_max, others_have_lost(now, subject) ? first_heard_within_lost
                                                                           : first_heard_within);
    if (now - watched.progressed < silence_max)
        return watched.life == Life::Unknown ? Opinion::Unknown : Opinion::Heard;
    return node_is_heard ? Opinion::Stalled : Opinion::Silent;
}

// What a peer thinks of a run, if it said so lately.
Opinion Liveness::opinion_of(Instant now, const Peer& observer, const ShardRun& subject) const {
    if (!observer.was_heard || now - observer.heard_at >= report_valid) return Opinion::Unknown;
    for (const HeardNode& heard : observer.report) {
        if (heard.node != subject.shard.node || subject.shard.shard >= heard.shards.size())
            continue;
        const HeardShard& shard = heard.shards[subject.shard.shard];
        return shard.run == subject.run ? shard.opinion : Opinion::Unknown;
    }
    return Opinion::Unknown;
}

bool Liveness::store_has_lost(Instant now, NodeNumber node) const {
    if (!store_ || !store_->is_reachable || now - store_told_ >= store_view_valid) return false;
    return std::find(store_->lost.begin(), store_->lost.end(), node) != store_->lost.end();
}

bool Liveness::others_have_lost(Instant now, const ShardRun& subject) const {
    return std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
        return entry.first != subject.shard.node &&
               opinion_of(now, entry.second, subject) == Opinion::Silent;
    });
}

Duration Liveness::patience(const Peer& peer) const {
    return peer.member.server == own_server_ ? suspicion_on_server_after : suspicion_after;
}

bool Liveness::is_one_server() const {
    return std::all_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
        return entry.second.member.server == own_server_;
    });
}

Duration Liveness::recovery(const Watched& watched) const {
    if (watched.relapses == 0) return Duration{0};
    return recovery_min * (1u << std::min(watched.relapses - 1, recovery_doublings_max));
}

void Liveness::judge_all(Instant now, LivenessOutbox& out) {
    for (auto& [node, peer] : peers_)
        for (size_t i = 0; i < peer.shards.size(); ++i) judge(now, peer, i, out);
}

void Liveness::judge(Instant now, Peer& peer, size_t shard, LivenessOutbox& out) {
    Watched& watched = peer.shards[shard];
    switch (watched.life) {
        case Life::Dead:
            return;
        case Life::Suspected:
            return judge_suspect(now, peer, shard, out);
        case Life::Unknown:
        case Life::Alive:
            break;
    }
    if (accuses(opinion(now, peer, shard))) {
        if (now - watched.suspected_at > relapses_forgotten_after) watched.relapses = 0;
        ++watched.relapses;
        watched.suspected_at = now;
        watched.life = Life::Suspected;
        const bool silent = opinion(now, peer, shard) == Opinion::Silent;
        say(peer, shard, silent ? LifeReason::Silent : LifeReason::Stalled, {self_}, out);
        return judge_suspect(now, peer, shard, out);
    }
    const bool is_heard =
        peer.was_heard && watched.progress != 0 && peer.heard_at >= watched.well_since;
    if (watched.life == Life::Unknown && is_heard &&
        now - watched.well_since >= recovery(watched)) {
        watched.life = Life::Alive;
        say(peer, shard, LifeReason::Heard, {self_}, out);
    }
}

void Liveness::judge_suspect(Instant now, Peer& peer, size_t shard, LivenessOutbox& out) {
    Watched& watched = peer.shards[shard];
    if (!accuses(opinion(now, peer, shard))) {
        if (now - watched.well_since < recovery(watched)) return;
        watched.life = Life::Alive;
        return say(peer, shard, LifeReason::Heard, {self_}, out);
    }
    if (!peer.member.is_replaceable) return;
    const ShardRun subject{{peer.member.node, static_cast<uint8_t>(shard)}, watched.run};
    std::vector<NodeNumber> accusers{self_};
    size_t vouchers = 0;
    bool stands_apart = is_one_server();
    for (const auto& [node, observer] : peers_) {
        if (node == peer.member.node) continue;
        const Opinion said = opinion_of(now, observer, subject);
        vouchers += said == Opinion::Heard ? 1 : 0;
        if (!accuses(said)) continue;
        accusers.push_back(node);
        stands_apart = stands_apart || observer.member.server != own_server_;
    }
    if (accusers.size() >= 2 && stands_apart && accusers.size() > vouchers)
        return declare_dead(peer, shard, LifeReason::Agreed, std::move(accusers), out);
    if (vouchers == 0 && store_has_lost(now, peer.member.node))
        declare_dead(peer, shard, LifeReason::StoreLost, {self_}, out);
}

void Liveness::declare_dead(const Peer& peer, size_t shard, LifeReason reason,
                            std::vector<NodeNumber> observers, LivenessOutbox& out) {
    Watched& watched = find(peer.member.node)->shards[shard];
    watched.life = Life::Dead;
    watched.dead_through = std::max(watched.dead_through, watched.run);
    say(peer, shard, reason, std::move(observers), out);
}

void Liveness::say(const Peer& peer, size_t shard, LifeReason reason,
                   std::vector<NodeNumber> observers, LivenessOutbox& out) const {
    const Watched& watched = peer.shards[shard];
    out.events.push_back({{{peer.member.node, static_cast<uint8_t>(shard)}, watched.run},
                          watched.life,
                          reason,
                          std::move(observers)});
}

// --- Heartbeats out.

bool Liveness::has_news(Instant now) const {
    for (const auto& [node, peer] : peers_)
        for (size_t i = 0; i < peer.shards.size(); ++i) {
            const Opinion current = opinion(now, peer, i);
            if (current != peer.shards[i].told && (accuses(current) || current == Opinion::Dead))
                return true;
        }
    return false;
}

// Bad news travel at once: the other observer is waiting for them.
void Liveness::on_timeout(Instant now, LivenessOutbox& out) {
    note_time(now);
    judge_all(now, out);
    if (now >= next_beat_ || has_news(now)) beat(now, out);
}

void Liveness::beat(Instant now, LivenessOutbox& out) {
    next_beat_ = now + heartbeat_interval;
    Heartbeat beat{self_, ++sequence_, own_, {}};
    for (auto& [node, peer] : peers_) {
        HeardNode heard{node, peer.sequence, {}};
        for (size_t i = 0; i < peer.shards.size(); ++i) {
            peer.shards[i].told = opinion(now, peer, i);
            heard.shards.push_back({peer.shards[i].run, peer.shards[i].told});
        }
        beat.heard.push_back(std::move(heard));
    }
    sent_.push_back({sequence_, now});
    if (sent_.size() > sent_kept_max) sent_.pop_front();
    out.heartbeat = std::move(beat);
}

std::optional<Instant> Liveness::next_deadline() const {
    Instant earliest = next_beat_;
    for (const auto& [node, peer] : peers_)
        for (const Watched& watched : peer.shards) {
            if (watched.life == Life::Dead) continue;
            const Instant silent = watched.progressed + patience(peer);
            if (!looked_ || silent > *looked_) earliest = std::min(earliest, silent);
        }
    return earliest;
}

// --- Questions.

Life Liveness::life(ShardRef shard) const {
    const Peer* peer = find(shard.node);
    if (peer == nullptr || shard.shard >= peer->shards.size()) return Life::Unknown;
    return peer->shards[shard.shard].life;
}

bool Liveness::is_dead(const ShardRun& run) const {
    const Peer* peer = find(run.shard.node);
    if (peer == nullptr || run.shard.shard >= peer->shards.size()) return false;
    const Watched& watched = peer->shards[run.shard.shard];
    return run.run <= watched.dead_through || run.run < watched.run;
}

std::optional<Instant> Liveness::confirmed_at(Instant now) const {
    if (peers_.empty()) return now;
    std::vector<std::optional<Instant>> echoes;
    echoes.reserve(peers_.size());
    // The dead count as well: behind a cut it is they who take over, and call us dead.
    for (const auto& [node, peer] : peers_) echoes.push_back(peer.echoed);
    std::sort(echoes.begin(), echoes.end(), std::greater<>());  // none comes last
    const size_t wanted = std::max<size_t>(1, echoes.size() - 1);
    return echoes[wanted - 1];
}

bool Liveness::is_cut_off(Instant now) const {
    std::set<ServerNumber> servers;
    std::optional<Instant> heard;
    for (const auto& [node, peer] : peers_) {
        if (peer.member.server == own_server_) continue;
        servers.insert(peer.member.server);
        if (peer.was_heard) heard = std::max(heard.value_or(began_), peer.heard_at);
    }
    if (servers.size() < 2) return false;
    const Duration silence = now - heard.value_or(began_);
    return silence < cut_off_most && (!heard || silence >= suspicion_after);
}

}  // namespace tandem::cluster
