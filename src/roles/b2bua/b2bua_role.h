// The role B2B: letters in, letters out. It holds the transactions and calls of one shard, finds
// the call of each message, admits new calls, and keeps what must survive it in the store.
//
// Pure; one instance, one shard. The calls are its own; everyone else names them by number.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/timer_queue.h"
#include "call/call.h"
#include "model/ids.h"
#include "ports/letter.h"
#include "ports/lost_gates.h"
#include "roles/b2bua/call_leases.h"
#include "roles/b2bua/caller.h"
#include "roles/b2bua/counters.h"
#include "roles/b2bua/group_peers.h"
#include "roles/b2bua/inherited.h"
#include "roles/b2bua/page_message.h"
#include "roles/b2bua/queue_agents.h"
#include "roles/b2bua/subscribe_relay.h"
#include "routing/route.h"
#include "sip/transaction/transaction_layer.h"
#include "store/writer.h"

namespace tandem::roles::b2bua {

struct B2buaOptions {
    CallerKeys keys;
    sip::Timers timers;
};

class B2buaRole final : public ports::Role {
 public:
    B2buaRole(const ports::Surroundings& around, B2buaOptions options);

    ports::RoleKind kind() const override { return ports::RoleKind::B2bua; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override;
    std::optional<Instant> next_deadline() const override;
    void on_catalog(Now now, ports::Outbox& out) override;
    void on_directory(Now now, ports::Outbox& out) override;
    void on_adopted(Now now, const ports::AdoptedCall& adopted, ports::Outbox& out) override;
    void drain(Now now, ports::Outbox& out) override;
    bool is_flushed() const override { return may_leave_; }
    bool is_idle() const override;
    double load() const override;
    std::vector<std::pair<std::string, double>> figures() const override;

    const B2buaCounters& counters() const { return counters_; }
    const call::Call* find_call(CallId id) const;

 private:
    using Calls = std::unordered_map<uint64_t, std::unique_ptr<call::Call>>;
    struct Step {  // one step of the role: what everything works with
        Now now;
        ports::Outbox& out;
        bool from_b2b = false;  // what came was handed over by another B2B
    };
    call::CallContext context(Step& step);

    // --- b2bua_role.cc
    void dispatch(Step& step, ports::Letter letter);
    void on_notice(Step& step, ports::Letter& letter);
    call::Call* find(uint64_t base);
    call::Call* call_of_leg(call::LegKey key);
    // All that happens to a call happens here, with what it wants then. It may be gone afterwards.
    template <typename Act>
    void with_call(Step& step, call::Call& call, Act act) {
        call::CallContext ctx = context(step);
        const bool was_live = is_live(call);
        act(ctx);
        if (was_live && !is_live(call)) on_call_ended(step, call);
        emit(step, &call);
        settle(step, call);
        group_peers_.tell(step.now, step.out);
    }
    void settle(Step& step, call::Call& stepped);
    void hang_up(Step& step, call::Call& call, std::string_view reason);
    void deliver_layer_events(Step& step);
    ports::Instance gate_for(const ports::Flow& flow) const;
    void emit(Step& step, call::Call* traced);
    void note_progress(const Step& step, call::Call& call, const sip::Message& message);
    void schedule(const call::Call& call);
    void leave_gates(Step& step);
    void look_at_directory(Step& step);
    void look_at_connections(Step& step);
    bool greet_gate(Step& step, const ports::DirectoryEntry& gate);
    call::Call& add(std::unique_ptr<call::Call> call);
    // One that has ended stays for 64 * T1, to answer what is repeated (RFC 3261 13.3.1.4, 17.2.1).
    static bool is_live(const call::Call& call) { return call.phase() < call::Phase::Ending; }
    void on_queue_advice(Step& step, const ports::Letter& letter);
    void watch_drain(Now now);
    bool calls_are_at_rest() const;

    // --- requests.cc
    void on_sip(Step& step, ports::Letter& letter);
    void on_request(Step& step, ports::SipInbound& in);
    void on_response(Step& step, ports::SipInbound& in, ports::Instance from);
    void on_stray(Step& step, ports::SipInbound& in, ports::Instance sender);
    bool relay_to_previous(Step& step, ports::SipInbound& in);
    bool ask_previous(Step& step, ports::SipInbound& in);
    void on_dialog_request(Step& step, ports::SipInbound& in, const sip::RequestArrival& arrival);
    void on_fresh_request(Step& step, ports::SipInbound& in, const sip::RequestArrival& arrival);
    void answer_options(Step& step, const sip::Message& request, sip::ServerKey server);
    void refuse(Step& step, const sip::Message& request, sip::ServerKey server, int status);
    void on_subscribe(Step& step, ports::SipInbound& in, sip::ServerKey server);
    void pass_on_refresh(Step& step, ports::SipInbound& in, sip::ServerKey server);
    void refuse_late_subscribes(Step& step);
    void trace_in(Step& step, call::Call& call, uint8_t leg, const ports::SipInbound& in);

    // --- admission.cc
    struct Admitted {
        const store::Entity<model::Domain>* domain = nullptr;
        const store::AccountRecord* account = nullptr;  // nullptr: `trunk` says who calls
        std::string dialled;
        const store::Entity<model::Trunk>* trunk = nullptr;
    };
    // An INVITE that may become a call.
    struct HeldInvite {
        call::CallFacts facts;
        ports::SipInbound in;
        sip::ServerKey server;
    };
    std::optional<Admitted> admit(Step& step, const ports::SipInbound& in, sip::ServerKey server);
    size_t calls_max() const;
    bool is_overloaded() const;
    bool takes_call_now(Now now);
    void on_invite(Step& step, ports::SipInbound& in, sip::ServerKey server);
    call::CallFacts facts_of(Step& step, const Admitted& admitted, const sip::Message& invite);
    call::CallSettings settings_of(const store::Entity<model::Domain>& domain) const;
    void on_page_message(Step& step, ports::SipInbound& in, sip::ServerKey server);
    void on_deliver(Step& step, ports::Letter letter);
    void route_transfer(Step& step, call::Call& call, const call::Transfer::Wanted& wanted);
    void begin_call(Step& step, HeldInvite invite);
    void take_turn(const Step& step, const routing::Turned& turned);
    // --- pickup.cc
    struct PlaceAsked {  // an INVITE that takes a place in a call that is there
        ports::SipInbound& in;
        sip::ServerKey server;
        const Admitted& admitted;
    };
    bool takes_a_place(Step& step, const PlaceAsked& asked);
    bool leads_somewhere(const Step& step, const PlaceAsked& asked);
    void explain_place(const model::DomainSettings& settings, const routing::Question& question,
                       routing::Route& route) const;
    void replace(Step& step, const PlaceAsked& asked);
    void pick_up(Step& step, const PlaceAsked& asked, std::string_view number);
    void take_in(Step& step, const PlaceAsked& asked, call::Call& call, uint8_t leg);
    void fetch(Step& step, const PlaceAsked& asked);
    void look_elsewhere(Step& step, const PlaceAsked& asked, ports::RingingQuery query);
    void ask_index(Step& step, ports::SipInbound& in, sip::ServerKey server, DomainId domain,
                   ports::Payload query);
    void join_call(Step& step, HeldInvite invite, const routing::JoinWish& wish);
    bool on_rings_elsewhere(Step& step, uint64_t request, const ports::CallsPage* found);
    void give_up_picks(Step& step);
    bool cancel_pick(Step& step, sip::ServerKey server);
    void hand_over(Step& step, ports::SipInbound in, sip::ServerKey server, ports::Instance to);
    bool follow_handed(Step& step, ports::SipInbound& in);
    // --- trunk_calls.cc
    std::optional<Admitted> admit_from_trunk(Step& step, const ports::SipInbound& in,
                                             sip::ServerKey server);
    void show_trunk_caller(const model::Trunk& trunk, const sip::Message& invite,
                           call::CallFacts& facts) const;
    void give_credentials(call::CallSnapshot& snapshot) const;
    bool serves_line(Step& step, call::Call& call);
    // --- licensed.cc
    void admit_licensed(Step& step, HeldInvite invite);
    bool license(Step& step, call::Call& call, const std::vector<call::Side>& sides);
    void on_licensed(Step& step, call::Call& call, const CallLeases::Verdict& verdict);
    void refuse_unlicensed(Step& step, const HeldInvite& invite, CallLeases::Verdict verdict);
    void settle_licensed(Step& step);
    void cancel_held(Step& step, sip::ServerKey server);
    void on_call_ended(Step& step, const call::Call& call) {
        --live_calls_;
        leases_.release(call.base(), step.out);
    }
    // --- survival.cc
    void read_snapshots(Step& step);
    void on_store_reply(Step& step, const store::Reply& reply);
    void on_snapshots(Step& step, const store::RangeReply& page);
    void restore(Step& step, const std::string& key, std::string_view value);
    bool resume_ringing(Step& step, call::CallSnapshot& snapshot);
    void restored(Step& step);
    void save(Step& step, call::Call& call);
    void finish(Step& step, call::Call& call);
    void drain_writer(Step& step);
    void on_completion(Step& step, const store::Completion& completion);
    void report(Step& step, const call::Call& call, bool gone);
    void report_all(Step& step, ports::Instance to);
    void report_to_groups(Step& step);
    std::string call_key(CallId call) const;
    // --- adoption.cc
    bool is_orphan(const ports::SipInbound& in);
    bool is_b2b(ports::Instance sender) const;
    uint64_t leg_of(const ports::SipInbound& in) const;
    void keep_orphan(Step& step, ports::SipInbound& in, bool was_ours = false);
    void look_for_parents(Step& step);
    bool is_ours(const ports::SipInbound& in);
    ports::Instance branch_owner(sip::ClientKey key) const;
    void note_answers(Instant now, const call::CallSnapshot& snapshot);
    bool is_answered_before(Step& step, const sip::Message& invite, sip::ServerKey server);
    bool return_new(Step& step, ports::SipInbound& in, ports::Instance from);
    bool relay_to_heir(Step& step, ports::SipInbound& in, ports::Instance from);
    // --- queries.cc
    bool answer_query(Step& step, ports::Letter& letter);

    // --- route_preview.cc
    void on_route_test(Step& step, const ports::Letter& letter);

    ports::Surroundings around_;
    B2buaOptions options_;
    CallerCheck callers_;
    sip::LayerSettings layer_settings_;
    sip::TransactionLayer layer_;
    sip::LayerOutbox wire_;
    std::vector<sip::LegEvent> events_;
    Calls calls_;
    routing::GroupOrder group_order_;
    GroupPeers group_peers_;
    size_t live_calls_ = 0;  // of them, those that have not ended
    routing::DialPlans plans_;
    PageMessages pages_;
    SubscribeRelay subscribes_;
    CallLeases leases_;
    QueueAgents queue_agents_;
    std::unordered_map<uint64_t, HeldInvite> held_invites_;  // that wait for a lease
    struct Pick {  // an INVITE that waits for CS to say where a call rings
        uint64_t request = 0;
        ports::SipInbound in;
        sip::ServerKey server;
        Instant give_up;
    };
    std::deque<Pick> picks_;
    struct Handed {  // an INVITE that another B2B answers, with all that belongs to it
        Instant until;
        uint64_t key = 0;
        ports::Instance to;
    };
    std::deque<Handed> handed_;
    TimerQueue<uint64_t> timers_;
    std::unordered_map<uint64_t, Instant> scheduled_;  // the earliest entry of each call in timers_

    RoleInstanceId id_;
    store::Writer writer_;
    store::WriterOutbox writes_;
    struct Write {
        uint64_t base = 0;
        bool is_end = false;
    };
    std::unordered_map<store::Ticket, Write> tickets_;
    std::unordered_map<uint64_t, bool> saving_;  // calls with a snapshot in flight

    // Of calls whose owner is away: until the call is ours, or its owner is back.
    struct Orphan {
        Instant until;
        ports::SipInbound message;
        bool was_ours = false;  // in our former life
    };
    std::deque<Orphan> orphans_;
    Inherited inherited_;

    enum class Phase : uint8_t { Starting, Restoring, Serving };
    Phase phase_ = Phase::Starting;
    Instant began_;
    Instant directory_changed_;  // the last time; see ask_previous()
    uint64_t groups_told_ = 0;   // version of the groups that CS was told calls by
    std::string restore_after_;
    uint64_t restore_request_ = 0;
    std::optional<Instant> restore_retry_;
    std::optional<Instant> restore_give_up_;
    std::deque<ports::Letter> held_;
    bool draining_ = false;
    bool may_leave_ = false;                // see is_flushed()
    Instant look_at_calls_;                 // while it drains
    std::optional<Instant> look_at_gates_;  // while a media gate takes leave
    double calls_allowed_ = 0;              // by call_rate_max, as of calls_allowed_at_
    Instant calls_allowed_at_;
    bool drained_ = false;                          // what is left answers repeated messages only
    std::optional<Instant> drained_at_;             // when it will be so
    std::unordered_map<uint16_t, uint32_t> gates_;  // media gates: the epoch that has heard of us
    ports::LostGates lost_gates_;
    B2buaCounters counters_;
};

}  // namespace tandem::roles::b2bua
