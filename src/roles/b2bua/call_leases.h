// What this B2B may use of the licences of calls (call_state/call_licences.h): it holds leases,
// asks CS for more when they are used up, and gives back what it does not need. Only a domain with
// a figure, or below one, costs anything.
//
// Trunks whose channels are counted are the same: a call that comes in takes its leases with those
// of its domain, one that goes out takes them before the trunk is asked for (a line), and gives
// them back when it goes on to another one.
//
// A call takes one lease of each quantity that bounds it, before it is routed, and gives them back
// when it ends; one of calls a second is used up. While CS can't be reached a call that needs to
// ask is let through when nothing is known (better too many calls than none), and counted.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ports/letter.h"
#include "store/licences.h"

namespace tandem::roles::b2bua {

class CallLeases {
 public:
    explicit CallLeases(const ports::Surroundings& around) : around_(around) {}

    enum class Outcome : uint8_t { Taken, Waits, Full };
    struct Verdict {
        Outcome outcome = Outcome::Taken;
        store::Quantity lacks = store::Quantity::Calls;
        bool of_trunk = false;  // that it lacks
    };
    // `call`: whom the leases belong to. Waits: take_settled() will name it. `trunk`: that the call
    // comes over.
    Verdict take(Now now, uint64_t call, DomainId domain, ports::Outbox& out, TrunkId trunk = {});
    // For a call that goes out over the trunk.
    Verdict take_line(Now now, uint64_t call, TrunkId trunk, ports::Outbox& out);
    // Gives back lines that the call does not go out over any more.
    void keep_lines(uint64_t call, const std::vector<TrunkId>& lines, ports::Outbox& out);
    bool has_lines(uint64_t call) const;
    // It ended, or was given up while it waited.
    void release(uint64_t call, ports::Outbox& out);
    // A call that another B2B began, or an earlier run: it is there, whatever there is to lease.
    struct Taken {
        DomainId domain;
        TrunkId from;  // that it came over
        std::vector<TrunkId> lines;
    };
    void take_over(uint64_t call, const Taken& taken);

    // Whether the letter was for this.
    bool on_letter(Now now, const ports::Letter& letter, ports::Outbox& out);
    void report(ports::Instance to, ports::Outbox& out);
    // Calls that waited, with how it went.
    struct Settled {
        uint64_t call = 0;
        Verdict verdict;
        TrunkId line;  // that was asked for; nil: the call itself
    };
    std::vector<Settled> take_settled() { return std::exchange(settled_, {}); }
    void on_timeout(Now now, ports::Outbox& out);
    std::optional<Instant> next_deadline() const;

    uint64_t refused(store::Quantity quantity) const;
    uint64_t refused_by_trunks() const { return refused_by_trunks_; }
    uint64_t unchecked() const { return unchecked_; }
    int64_t held(const ports::LeaseOf& of) const;

 private:
    struct Lease {
        int64_t held = 0;  // of them `used` are
        int64_t used = 0;
        uint32_t block = 1;
        Instant valid_until;  // of calls a second
        uint64_t asked = 0;   // the open question; 0: none
        Instant asked_until;
        std::deque<uint64_t> waiting;
    };
    struct Waiting {
        std::vector<ports::LeaseOf> needed;
        TrunkId line{};   // see Settled
        size_t next = 0;  // of them
    };
    struct Used {
        ports::LeaseOf of;
        TrunkId line;  // nil: since the call began
    };
    std::vector<ports::LeaseOf> needed_by(DomainId domain) const;
    void add_needed(TrunkId trunk, store::Quantity way, std::vector<ports::LeaseOf>& needed) const;
    Verdict begin(Now now, uint64_t call, Waiting waiting, ports::Outbox& out);
    void note_used(uint64_t call, const ports::LeaseOf& of, TrunkId line);
    void take_one(uint64_t call, const ports::LeaseOf& of, TrunkId line);
    bool use(Now now, const ports::LeaseOf& of, uint64_t call, TrunkId line);
    Outcome go_on(Now now, uint64_t call, Waiting& waiting, ports::Outbox& out);
    void ask(Now now, const ports::LeaseOf& of, Lease& lease, ports::Outbox& out);
    void on_given(Now now, const ports::LeaseOf& of, const ports::LeaseGiven* given,
                  ports::Outbox& out);
    void settle_waiting(Now now, const ports::LeaseOf& of, bool let_through, ports::Outbox& out);
    void give_back(const ports::LeaseOf& of, Lease& lease, int64_t keep, bool recalled,
                   ports::Outbox& out);
    void free_one(const ports::LeaseOf& of, ports::Outbox& out);
    void free_of(uint64_t call, ports::Outbox& out);
    void free_line(uint64_t call, TrunkId line, ports::Outbox& out);

    const ports::Surroundings& around_;
    std::map<ports::LeaseOf, Lease> leases_;
    std::unordered_map<uint64_t, std::vector<Used>> used_by_;  // calls
    std::unordered_map<uint64_t, Waiting> waiting_;
    std::unordered_map<uint64_t, ports::LeaseOf> questions_;
    std::vector<Settled> settled_;
    std::map<store::Quantity, uint64_t> refused_;
    uint64_t refused_by_trunks_ = 0;
    uint64_t unchecked_ = 0;
};

}  // namespace tandem::roles::b2bua
