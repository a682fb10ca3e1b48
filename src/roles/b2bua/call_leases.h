// What this B2B may use of the licences of calls (call_state/call_licences.h): it holds leases,
// asks CS for more when they are used up, and gives back what it does not need. Only a domain with
// a figure, or below one, costs anything.
//
// A call takes one lease of each quantity that bounds it, in each domain that it counts in
// (call/sides.h): in the caller's before it is routed, in others before their phones and trunks are
// asked. It gives them back when it ends; one of calls a second is used up. While CS can't be
// reached a call that needs to ask is let through when nothing is known (better too many calls than
// none), and counted.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "call/sides.h"
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
    };
    // `call`: whom the leases belong to. Waits: take_settled() will name it. What is taken later is
    // given back alone when there is not all of it.
    Verdict take(Now now, uint64_t call, const std::vector<call::Side>& sides, ports::Outbox& out);
    // It ended, or was given up while it waited.
    void release(uint64_t call, ports::Outbox& out);
    // A call that another B2B began, or an earlier run: it is there, whatever there is to lease.
    void take_over(uint64_t call, std::vector<call::Side> sides);

    // Whether the letter was for this.
    bool on_letter(Now now, const ports::Letter& letter, ports::Outbox& out);
    void report(ports::Instance to, ports::Outbox& out);
    // Calls that waited, with how it went.
    struct Settled {
        uint64_t call = 0;
        Verdict verdict;
    };
    std::vector<Settled> take_settled() { return std::exchange(settled_, {}); }
    void on_timeout(Now now, ports::Outbox& out);
    std::optional<Instant> next_deadline() const;

    uint64_t refused(store::Quantity quantity) const;
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
        size_t next = 0;    // of them
        size_t before = 0;  // so many leases did the call have
    };
    std::vector<ports::LeaseOf> needed_by(const std::vector<call::Side>& sides) const;
    bool use(Now now, const ports::LeaseOf& of, uint64_t call);
    Outcome go_on(Now now, uint64_t call, Waiting& waiting, ports::Outbox& out);
    void ask(Now now, const ports::LeaseOf& of, Lease& lease, ports::Outbox& out);
    void on_given(Now now, const ports::LeaseOf& of, const ports::LeaseGiven* given,
                  ports::Outbox& out);
    void settle_waiting(Now now, const ports::LeaseOf& of, bool let_through, ports::Outbox& out);
    void give_back(const ports::LeaseOf& of, Lease& lease, int64_t keep, bool recalled,
                   ports::Outbox& out);
    void free_of(uint64_t call, size_t but_first, ports::Outbox& out);

    const ports::Surroundings& around_;
    std::map<ports::LeaseOf, Lease> leases_;
    std::unordered_map<uint64_t, std::vector<ports::LeaseOf>> used_by_;  // calls
    std::unordered_map<uint64_t, Waiting> waiting_;
    std::unordered_map<uint64_t, ports::LeaseOf> questions_;
    std::vector<Settled> settled_;
    std::map<store::Quantity, uint64_t> refused_;
    uint64_t unchecked_ = 0;
};

}  // namespace tandem::roles::b2bua
