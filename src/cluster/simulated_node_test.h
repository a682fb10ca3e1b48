// A node of the simulated site (simulated_site_test.h), and what the site counts of all of them.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cluster/call_adoption.h"
#include "cluster/fencing.h"
#include "cluster/leadership.h"
#include "cluster/liveness.h"
#include "cluster/self_check.h"
#include "store/writer.h"

namespace tandem::cluster::simulated {

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
    uint16_t nodes_min = 3;
    uint16_t nodes_max = 7;
};

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

}  // namespace tandem::cluster::simulated
