// What a node of a simulated site does: the shell around the machines.
#include "cluster/simulated_node_test.h"

#include <algorithm>

#include "cluster/simulated_site_test.h"

namespace tandem::cluster::simulated {

void Site::on_reply(uint16_t n, const store::Reply& answer) {
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

void Site::begin_leadership(uint16_t n) {
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

void Site::begin_b2b(uint16_t n) {
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
    node.adoption =
        std::make_unique<CallAdoption>(Adopter{{number}, id_of(number)}, claim, 4, *node.fences);
    set_candidates(n);
    look_for_dead(n);
}

bool Site::is_alive(const Node& node, uint16_t other) const {
    if (other == node.number) return true;
    const Life life = node.live->life({{other}, 0});
    return life == Life::Alive || life == Life::Unknown;
}

void Site::set_candidates(uint16_t n) {
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

void Site::live_out(uint16_t n, LivenessOutbox& out) {
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

void Site::count(const LifeEvent& event) {
    tally.died_agreed += event.reason == LifeReason::Agreed ? 1 : 0;
    tally.died_store += event.reason == LifeReason::StoreLost ? 1 : 0;
    tally.died_told += event.reason == LifeReason::Told ? 1 : 0;
    tally.died_restarted += event.reason == LifeReason::Restarted ? 1 : 0;
    const auto key = std::pair(event.who.shard.node.value, event.who.run);
    if (event.life == Life::Suspected) suspects.insert(key);
    if (event.life == Life::Alive && suspects.contains(key)) ++tally.suspected_only;
}

// Incarnations that live nowhere any more.
void Site::look_for_dead(uint16_t n) {
    const uint64_t life = nodes[n].life;
    for (uint16_t m = 1; m <= count_; ++m) {
        for (const uint16_t base : {leader_base, b2b_base}) {
            if (nodes[n].life != life) return;
            look_for_dead(n, {static_cast<uint16_t>(base + m)}, base == b2b_base);
        }
    }
}

void Site::look_for_dead(uint16_t n, InstanceNumber instance, bool is_b2b) {
    Node& node = nodes[n];
    const FenceEntry* entry = node.fences->find(instance);
    if (entry == nullptr) return;
    const bool open = entry->record.state == FenceRecord::State::Open;
    if (open && !node.live->is_dead(entry->record.home)) return;
    const Incarnation who{instance, entry->record.epoch};
    if (is_b2b && node.adoption) {
        AdoptionOutbox out;
        if (!node.adoption->on_dead(local(node), {instance, id_of(instance.value)}, who.epoch, out))
            fail("too many victims");
        adopt_out(n, out);
    } else if (!is_b2b && node.leadership) {
        LeadershipOutbox out;
        node.leadership->on_dead(now(node), who, out);
        lead_out(n, out);
    }
}

void Site::on_watch(uint16_t n, const store::WatchBatch& batch) {
    Node& node = nodes[n];
    const uint64_t life = node.life;
    if (!node.up) return;
    const Instant t = local(node);
    node.fences->on_watch(t, batch);
    for (const store::WatchEvent& event : batch.events) {
        const auto record = parse_fence(event.entry.value);
        if (!event.entry.key.starts_with("fence/") || !record) continue;
        const InstanceNumber instance{static_cast<uint16_t>(std::stoi(event.entry.key.substr(6)))};
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

void Site::lead_out(uint16_t n, LeadershipOutbox& out) {
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

void Site::on_elected(uint16_t n, const LeaderRecord& record) {
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

void Site::hand_if_flushed(uint16_t n) {
    Node& node = nodes[n];
    if (!node.leadership || node.leadership->post() != Post::Handing) return;
    if (node.leader_writer && !node.leader_writer->is_idle()) return;
    LeadershipOutbox out;
    node.leadership->on_flushed(now(node), out);
    ++tally.handed;
    lead_out(n, out);
}

void Site::leader_writes(uint16_t n, store::WriterOutbox& out) {
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

void Site::b2b_writes(uint16_t n, store::WriterOutbox& out) {
    ask_store(n, std::move(out.requests));
    for (const store::Completion& done : out.completions)
        if (!done.outcome && nodes[n].b2b_writer->is_fenced()) return restart(n, 100ms);
}

void Site::adopt_out(uint16_t n, AdoptionOutbox& out) {
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

void Site::on_adopted(uint16_t n, const AdoptionEvent& event) {
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

void Site::timers(uint16_t n) {
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

void Site::touch(uint16_t n) {
    nodes[n].timer_at.reset();
    timers(n);
}

Instant Site::next_deadline(const Node& node) const {
    std::optional<Instant> earliest = node.live->next_deadline();
    earlier(earliest, node.next_work);
    if (node.booted) {
        if (!node.leader_claim->claimed()) earlier(earliest, node.leader_claim->next_deadline());
        if (!node.b2b_claim->claimed()) earlier(earliest, node.b2b_claim->next_deadline());
    }
    earlier(earliest, node.check->next_deadline());
    if (node.leadership) earlier(earliest, node.leadership->next_deadline());
    if (node.adoption) earlier(earliest, node.adoption->next_deadline());
    if (node.leader_writer) earlier(earliest, node.leader_writer->next_deadline());
    if (node.b2b_writer) earlier(earliest, node.b2b_writer->next_deadline());
    return *earliest;
}

void Site::run_timers(uint16_t n, Instant t) {
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
    if (node.booted && !node.leader_claim->claimed()) node.leader_claim->on_timeout(t, requests);
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
void Site::work(uint16_t n) {
    Node& node = nodes[n];
    const uint64_t life = node.life;
    node.next_work = local(node) + 20ms;
    if (reaches_store(n) && !store_down) node.store_contact = at;
    if (node.booted && node.turns % 5 == 0) {
        StoreView view{reaches_store(n) && !store_down, {}};
        for (uint16_t m = 1; m <= count_; ++m)
            if (at - nodes[m].store_contact > 1200ms && !store_down && at > last_outage + 1500ms)
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

void Site::write_as_leader(uint16_t n) {
    Node& node = nodes[n];
    if (!node.leader_writer || node.leader_writer->is_fenced()) return;
    store::WriterOutbox out;
    const std::string key = "work/" + std::to_string(n) + "/" + std::to_string(node.life) + "/" +
                            std::to_string(++node.written);
    const std::string value = std::to_string(node.leader_claim->claimed()->epoch) + " " +
                              std::to_string(node.leadership->record()->epoch);
    const auto ticket = node.leader_writer->put(local(node), key, value, out);
    if (ticket) node.leader_tickets[*ticket] = key;
    leader_writes(n, out);
}

void Site::work_on_calls(uint16_t n) {
    Node& node = nodes[n];
    const auto number = static_cast<uint16_t>(b2b_base + n);
    store::WriterOutbox out;
    if (quiet) return;
    if (node.calls.size() < 12 && chance(10)) {
        const CallId call{{++last_call, rng.next()}};
        node.calls.emplace(call, 0);
        tags[call] = number;
        if (!node.b2b_writer->put(local(node), store::keys::call(id_of(number), call),
                                  "by " + std::to_string(node.b2b_claim->claimed()->epoch), out))
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
void Site::ask_for_call(uint16_t n) {
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
    if (!node.adoption->on_asked(local(node), {{tag->second}, id_of(tag->second)}, tag->first, out))
        fail("too many asked calls");
    adopt_out(n, out);
}

// A packet leaves, if it may.
void Site::speak(uint16_t n, InstanceNumber instance, uint32_t epoch) {
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

}  // namespace tandem::cluster::simulated
