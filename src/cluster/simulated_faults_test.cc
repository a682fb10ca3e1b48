// Faults of a simulated site, and what has to be true after all of them.
#include <algorithm>

#include "cluster/simulated_site_test.h"

namespace tandem::cluster::simulated {

void Site::storm(Duration length) {
    const Instant end = at + length;
    while (at < end && !failed()) {
        run_until(at + pick_ms(50, 900));
        inject();
    }
}

uint16_t Site::any_node() {
    return static_cast<uint16_t>(1 + rng.below(count_));
}

std::optional<uint16_t> Site::leading_node() const {
    if (!leader || leader->state != LeaderRecord::State::Active) return std::nullopt;
    return static_cast<uint16_t>(leader->holder.instance.value - leader_base);
}

void Site::inject() {
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

void Site::note_kill(uint16_t n) {
    if (leading_node() != n || !nodes[n].up || nodes[n].paused) return;
    killed_at = at;
    killed = n;
}

void Site::cut_pair(uint16_t a, uint16_t b, bool both, Duration length) {
    if (a == b) return;
    ++cut[a][b];
    if (both) ++cut[b][a];
    later(length, [this, a, b, both] {
        --cut[a][b];
        if (both) --cut[b][a];
    });
}

void Site::cut_from_store(uint16_t n, Duration length) {
    ++cut_store[n];
    later(length, [this, n] { --cut_store[n]; });
}

void Site::isolate(uint16_t n, bool from_store, Duration length) {
    for (uint16_t m = 1; m <= count_; ++m) cut_pair(n, m, true, length);
    if (from_store) cut_from_store(n, length);
}

// Two halves; the store is with one of them.
void Site::split(Duration length) {
    const auto half = static_cast<uint16_t>(1 + rng.below(count_ - 1u));
    for (uint16_t a = 1; a <= half; ++a) {
        for (auto b = static_cast<uint16_t>(half + 1); b <= count_; ++b)
            cut_pair(a, b, true, length);
        cut_from_store(a, length);
    }
}

void Site::outage(Duration length) {
    if (store_down) return;
    store_down = true;
    later(length, [this] {
        store_down = false;
        last_outage = at;
        for (uint16_t n = 1; n <= count_; ++n) nodes[n].store_contact = at;
    });
}

void Site::command_handover() {
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

void Site::delete_leader_key() {
    store::Outbox out;
    store.apply(at, {4, store::Txn{{}, {store::Delete{store::keys::leader(group)}}, {}}}, out);
    tell(out);
}

void Site::heal() {
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

bool Site::has_leader() const {
    const auto n = leading_node();
    if (!n || !nodes[*n].up || nodes[*n].paused || !nodes[*n].leadership) return false;
    const Leadership& machine = *nodes[*n].leadership;
    return machine.post() == Post::Active && machine.record()->epoch == leader->epoch;
}

void Site::judge() {
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

std::string Site::sweeps_of(uint16_t n) const {
    std::string text;
    if (nodes[n].adoption)
        text += nodes[n].adoption->is_over() ? " though over" : " though not over";
    if (!nodes[n].adoption) text += " not yet";
    for (uint16_t m = 1; nodes[n].adoption && m <= count_; ++m) {
        const auto victim = static_cast<uint16_t>(b2b_base + m);
        const auto progress = nodes[n].adoption->progress({victim});
        if (!progress) continue;
        text += ", victim " + std::to_string(victim) + " pass " + std::to_string(progress->passes) +
                " left " + std::to_string(progress->left) + " (" + fence_text.at(victim) + ")";
    }
    return text;
}

// Every call in the store is in the memory of its owner, and nothing else is in anybody's.
bool Site::is_settled() {
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
                    unsettled_ = "node " + std::to_string(n) + " has a call that is not its own";
    }
    return unsettled_.empty();
}

}  // namespace tandem::cluster::simulated
