// The licences of calls: how many a domain may have at once, and begin in a second. CS leases them
// to the B2Bs in blocks, so that most calls of a large domain ask nobody, and small numbers are
// exact because a block is one then. What a B2B holds is told again after a switch of CS, and is
// free when the B2B is gone: whoever takes its calls over reports them.
//
// The channels of trunks and the calls that they take in a second are counted in the same way.
//
// The share of a holder (store/licences.h) is what its licence names less what it has handed on.
// Pure; a part of CallStateRole.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "ports/letter.h"
#include "store/catalog.h"

namespace tandem::roles::call_state {

class CallLicences {
 public:
    explicit CallLicences(const ports::Surroundings& around) : around_(around) {}

    // Elected: nothing is given before `owners` have reported what they hold, or kSettle is over.
    void begin(Instant now, std::set<uint16_t> owners);
    void on_ask(Instant now, ports::Letter question, ports::Outbox& out);
    void on_returned(Instant now, const ports::Letter& letter, ports::Outbox& out);
    void on_report(Instant now, const ports::LeaseReport& report, ports::Outbox& out);
    void remove_owner(Instant now, uint16_t owner, ports::Outbox& out);
    void on_timeout(Instant now, ports::Outbox& out);
    std::optional<Instant> next_deadline() const;

    int64_t held(const ports::LeaseOf& of) const;  // by all B2Bs
    uint64_t refused() const { return refused_; }

 private:
    struct Waiting {
        ports::Letter question;
        Instant deadline;
    };
    struct Zone {
        std::map<uint16_t, int64_t> held;  // by B2B
        std::deque<Waiting> waiting;
        std::set<uint16_t> recalled;  // who has not answered yet
        Instant second;               // of calls a second: when the present one began
        int64_t begun = 0;            // leased in it
        store::Revision counted_at;
        int64_t handed = -1;  // on; -1: not counted
    };
    int64_t share_of(const ports::LeaseOf& of, Zone& zone);
    int64_t free_in(Instant now, const ports::LeaseOf& of, Zone& zone);
    bool give(Instant now, const ports::Letter& question, Zone& zone, ports::Outbox& out);
    void refuse(const ports::Letter& question, ports::Outbox& out);
    void recall(const ports::LeaseOf& of, uint16_t asker, Zone& zone, ports::Outbox& out);
    void serve(Instant now, Zone& zone, ports::Outbox& out);
    int64_t owners_count() const;

    const ports::Surroundings& around_;
    std::map<ports::LeaseOf, Zone> zones_;
    std::set<uint16_t> unreported_;
    std::optional<Instant> settled_at_;  // at the latest
    uint64_t refused_ = 0;
};

}  // namespace tandem::roles::call_state
