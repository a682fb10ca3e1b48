// One call: a caller, the devices that ring for it, the context that carries its media. It turns
// events of legs and letters of other roles into commands to legs and letters. Transactions,
// dialogs and offers are the legs' work (sip/dialog/leg.h); here is what joins them.
//
// Pure; owned by the B2B role instance, on its shard. After each step the owner looks at
// next_deadline() and at what the call wants: wants_save(), wants_report(), take_records().
// RFC 3261 16.7 (choice of the failure told), RFC 5853 (what a B2BUA may do), RFC 7092.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "call/branch.h"
#include "call/call_context.h"
#include "call/call_snapshot.h"
#include "call/code_keys.h"
#include "call/exchange.h"
#include "call/intruder.h"
#include "call/media_move.h"
#include "call/newcomer.h"
#include "call/paging.h"
#include "call/phase.h"
#include "call/question.h"
#include "call/queue_wait.h"
#include "call/sides.h"
#include "call/trace.h"
#include "call/transfer.h"
#include "model/generated/cdr.h"

namespace tandem::model {
struct DomainSettings;
}

namespace tandem::call {

class Call {
 public:
    Call(CallFacts facts, CallSettings settings);

    // The caller's INVITE, authenticated, and where it is to go. A route to nowhere ends it.
    using Route = CallRoute;
    void start(CallContext& ctx, sip::ServerKey server, const ports::Flow& flow,
               sip::Message invite, Route route);

    // --- What arrives for it. `leg` names one of its legs.
    void on_request(CallContext& ctx, uint8_t leg, const sip::RequestArrival& arrival,
                    const ports::Flow& flow, sip::Message request);
    void on_response(CallContext& ctx, uint8_t leg, const sip::ResponseArrival& arrival,
                     sip::Message response);
    void on_layer_event(CallContext& ctx, uint8_t leg, const sip::LayerEvent& event);
    void on_reply(CallContext& ctx, ports::Letter reply);  // to a letter of the call's
    void on_media_event(CallContext& ctx, const ports::MediaEvent& event);
    void on_timeout(CallContext& ctx);
    std::optional<Instant> next_deadline() const;

    const Transfer& transfer() const { return transfer_; }
    void on_route(CallContext& ctx, Route route);

    // Domains that it is about to count in, once: its owner says whether their licences have room
    // for it. `refusal` is 0, or what its caller is to be told.
    std::vector<Side> take_sides_wanted();
    void on_licensed(CallContext& ctx, int refusal, std::string_view reason);
    // Where it counts, the caller's domain first.
    const std::vector<Side>& sides() const { return sides_; }

    // A phone wants the place of one of its legs; first, whether it may (0, or a status).
    int refusal_of(uint8_t leg, bool early_only) const;
    void take_in(CallContext& ctx, NewcomerInvite invite);
    // The same for whoever wants to join the two who talk.
    int refusal_to_join(DomainId domain, AccountId account) const {
        return intruder_.refusal_of(*this, domain, account);
    }
    void join(CallContext& ctx, IntruderInvite invite) {
        intruder_.take_in(*this, ctx, std::move(invite));
    }

    // What CS says of its place in a queue.
    void on_queue_advice(CallContext& ctx, const ports::QueueAdvice::Entry& advice);

    // --- Commands.
    void on_line(CallContext& ctx, TrunkId trunk, bool taken);  // what it wished for, or not
    // Ends it, whatever its phase: CANCEL, a failure to the caller, BYE.
    void hangup(CallContext& ctx, int status, std::string_view reason);
    // The snapshot is in the store, or never will be.
    void on_saved(CallContext& ctx, bool stored);
    // One of its parties goes on in another call, which has taken it.
    void on_replaced(CallContext& ctx, CallId by);
    // Its media gate is gone: a call that rings or was answered moves to another, any other ends.
    void on_media_gate_gone(CallContext& ctx);
    // It takes leave, and carries the sound until the parties have been told of another.
    void leave_media_gate(CallContext& ctx);
    // After restore(): the timers run anew; after a while the legs ask whether their phones are
    // still there.
    void take_over(CallContext& ctx, Duration audit_after);

    // --- What its owner is to do.
    bool wants_save() const { return save_wanted_ && !answer_waits(); }
    CallSnapshot save(Now now);  // clears wants_save()
    bool take_report_due();      // the phase that others see has changed
    // A channel of the trunk, before it is asked for its proxies; on_line() answers.
    std::optional<TrunkId> take_line_wish();
    std::vector<TrunkId> lines() const;  // trunks that it goes out over, or has wished for
    // Once, with the first news of the far end.
    bool take_first_progress() { return !std::exchange(progressed_, true); }
    bool record_due() const { return phase_ == Phase::Over || record_due_; }
    std::vector<CallRecord> take_records(UtcTime now);  // once; none before and after
    model::CallResult result() const;                   // of a call that has ended
    bool is_over() const;                               // nothing more comes: to be destroyed

    // --- Facts.
    CallId id() const { return facts_.call; }
    uint64_t base() const { return base_of(facts_.call); }
    Phase phase() const { return phase_; }
    const CallFacts& facts() const { return facts_; }
    const CallSettings& settings() const { return settings_; }
    bool has_leg(uint8_t index) const { return party(index) != nullptr; }
    uint8_t leg_of_call_id(std::string_view call_id) const;  // the caller's when none has it
    // The call goes on, and the leg's dialog is with the phone that has this tag.
    bool talks_to(uint8_t leg, std::string_view remote_tag) const;
    // The party at the other end of the dialog that is named; an error when it is none of ours.
    ports::ReplacedFound find_dialog(const ports::ReplacedQuery& query) const;
    DomainId domain_of_leg(uint8_t leg) const { return domain_of(facts_, who_is(leg)); }
    bool is_dialog(uint8_t leg, const DialogName& name) const;
    // A leg whose phone rings for the account of the domain (nil: for anybody there); 0: none.
    uint8_t ringing_leg(DomainId domain, AccountId account) const;
    // A leg over which the account of the domain talks; no_leg: none.
    uint8_t talking_leg(DomainId domain, AccountId account) const;
    ports::Instance media_gate() const { return media_gate_; }
    bool has_media() const { return media_open_; }
    // As the store has it, and in the middle of nothing.
    bool is_at_rest() const;
    bool was_saved() const { return kept_; }  // the store has something of it
    ports::CallSummary whole_summary(ports::Instance owner) const;
    // As one of its domains sees it.
    ports::CallSummary summary(ports::Instance owner, DomainId domain) const;
    ports::CallSummary summary(ports::Instance owner) const {
        return summary(owner, facts_.domain);
    }
    std::string detail_json(DomainId side = {}) const;  // nil: all of it
    const Trace& trace() const { return trace_; }
    Trace& trace() { return trace_; }

    static Call restore(CallSnapshot snapshot, Now now);

 private:
    // --- call.cc
    template <typename T>
    void ask(CallContext& ctx, ports::Instance to, T payload, Wanted wanted);
    std::optional<Question> take_question(uint64_t request);
    void pump(CallContext& ctx);
    void on_leg_event(CallContext& ctx, sip::LegEvent event);
    void on_question_failed(CallContext& ctx, const Question& question);
    void run_timers(CallContext& ctx);
    sip::LegSettings leg_settings(CallContext& ctx, uint8_t index, const ports::Flow& flow) const;
    uint8_t add_caller(CallContext& ctx, Destination who, const ports::Flow& flow,
                       const sip::Message& invite);
    Party* party(uint8_t index);
    const Party* party(uint8_t index) const;
    Branch* branch(uint8_t index);
    Branch* winner();
    uint8_t peer_of(uint8_t index) const { return index == near_ ? winner_ : near_; }
    SrtpPolicy srtp_of(uint8_t index) const;  // of a party; trunks may have their own
    std::vector<uint8_t> talkers() const;     // who is in it: two, or all of a page
    bool talks(uint8_t index) const { return index == near_ || (winner_ != 0 && index == winner_); }
    // In it, and none of two: it hears a page, or waits while its partner talks with somebody else.
    bool is_beside(uint8_t index) const {
        return paging_.hears(*this, index) || transfer_.is_aside(index);
    }
    // In the caller's place and in the callee's, whoever talks with whom at the moment.
    std::pair<uint8_t, uint8_t> places() const;
    Destination who_is(uint8_t index) const;
    void set_phase(Phase phase);
    bool ringing() const { return phase_ == Phase::Locating || phase_ == Phase::Ringing; }
    bool seeks() const { return ringing() || transfer_.searches(); }  // for somebody who answers
    bool rings() const { return phase_ == Phase::Ringing || transfer_.rings(); }
    const std::optional<sdp::Session>& offered() const;  // to those who are called
    size_t first_asked() const { return transfer_.is_under_way() ? transfer_.first_branch() : 1; }
    int best_status(int otherwise) const;
    void search_failed(CallContext& ctx, ReleasedBy by, int status, std::string_view reason);

    // --- locate.cc
    void on_incoming(CallContext& ctx, sip::LegEvent& event);
    void locate(CallContext& ctx);
    void ask_where(CallContext& ctx, Purpose purpose, uint8_t destination);
    void ask_where_again(CallContext& ctx, Purpose purpose, uint8_t destination);
    void run_locate_timers(CallContext& ctx);
    void on_bindings(CallContext& ctx, const Question& question, ports::BindingsReply& reply);
    void on_rebound(CallContext& ctx, uint8_t index, ports::BindingsReply& reply);
    void look_for_flow(CallContext& ctx, uint8_t index);
    void on_flow_looked_for(CallContext& ctx, uint8_t index, const ports::BindingsReply& reply);
    void follow_flow(CallContext& ctx, uint8_t leg, const ports::Flow& flow);
    void on_placed(CallContext& ctx, const ports::MediaPlaced& placed);
    void wait_for_room(CallContext& ctx);
    void located(CallContext& ctx);

    // --- outside.cc
    void ask_for_ways(CallContext& ctx, uint8_t destination);
    void on_ways(CallContext& ctx, const Question& question, ports::TrunkReply& reply);
    bool try_next_way(CallContext& ctx, uint8_t index, int status);
    void run_outside_timers(CallContext& ctx);
    bool has_later_stage() const { return stage_ + 1u < stages_.size(); }
    bool outside_has_answered() const;
    void tell_of_silence(CallContext& ctx, const Branch& silent) const;
    static bool is_answer_from_outside(const Branch& branch);
    bool offers_something(const Destination& to) const;
    bool asks_for_line() const;
    int status_of_lines() const;
    std::string_view reason_of_lines(int status) const;
    std::optional<Instant> next_outside_deadline() const;

    // --- sides.cc
    std::vector<Side> sides_of(const Destination& to) const;
    std::vector<Side> sides_of(const QueueStop& stop) const;
    bool is_licensed();
    void keep_from_stage(int refusal, std::string_view reason);
    bool enters_queue(CallContext& ctx);
    void count_in(const std::vector<Side>& sides);
    int refused_beforehand() const { return is_any_busy(destinations_) ? 486 : licence_refusal_; }
    DomainId domain_of_forward(const routing::Forward& forward) const;
    void keep_side(ports::CallSummary& summary, DomainId domain) const;
    ShownCaller shown_in(DomainId domain) const;
    std::string domain_name(const CallContext& ctx, DomainId domain) const;
    std::vector<routing::Forward> own_path(std::vector<routing::Forward> path,
                                           const Destination& to) const;

    // --- stages.cc
    bool next_stage(CallContext& ctx);
    void ask_for_devices(CallContext& ctx);
    bool is_busy_by(const Destination& to, const std::vector<ports::CallSummary>& calls) const;
    void on_counted(CallContext& ctx, uint8_t destination,
                    const std::vector<ports::CallSummary>& calls);
    void begin_stage_time(CallContext& ctx);
    void on_stage_timeout(CallContext& ctx);

    // --- forward.cc
    void note_path(CallContext& ctx);
    void go_on_from_stage(CallContext& ctx);
    routing::Origin origin_for(const Destination& called) const;
    void go_on_from(const CallContext& ctx, const Destination& by, routing::ForwardReason reason);
    void insert_stages(const CallContext& ctx, Route further,
                       const std::vector<routing::Forward>& path);

    // --- feature.cc
    void use_feature(CallContext& ctx);
    void on_feature_done(CallContext& ctx, const ports::EntityReply& done);
    bool on_feature_event(CallContext& ctx, const sip::LegEvent& event);

    // --- fork.cc
    uint8_t add_branch(CallContext& ctx, const Destination& destination, ports::Binding binding,
                       std::optional<MediaProfile> profile);
    void open_branches(CallContext& ctx);
    void launch_opened(CallContext& ctx);
    void launch(CallContext& ctx, uint8_t index);
    void on_provisional(CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void pass_early_answer(CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void on_branch_failed(CallContext& ctx, uint8_t index, sip::LegEvent& event);
    bool try_again(CallContext& ctx, uint8_t index, const sip::LegEvent& event);
    bool follow_redirection(CallContext& ctx, uint8_t index, const sip::Message& response);
    void fail_if_exhausted(CallContext& ctx);
    void decline_elsewhere(CallContext& ctx, uint8_t index);
    void cancel_branch(CallContext& ctx, uint8_t index, std::string_view reason);
    void cancel_branches(CallContext& ctx, uint8_t except, std::string_view reason);
    void on_ring_timeout(CallContext& ctx);

    // --- answer.cc
    void on_answered(CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void settle_answer(CallContext& ctx, uint8_t index, const sdp::Session& answer);
    void commit(CallContext& ctx, sip::Payload answer);
    void withhold_answer(CallContext& ctx);
    void note_answered(CallContext& ctx);
    bool answer_waits() const { return phase_ == Phase::Committing && withheld_.empty(); }
    void on_confirmed(CallContext& ctx, sip::LegEvent& event);
    void flush_withheld(CallContext& ctx);
    void on_callee_offer(CallContext& ctx, uint8_t index, sdp::Session offer);
    void align_caller(CallContext& ctx);

    // --- in_dialog.cc
    void on_remote_offer(CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void carry_offer(CallContext& ctx);
    void on_remote_answer(CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void on_offer_wanted(CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void on_offer_refused(CallContext& ctx, uint8_t index, const sip::LegEvent& event);
    void refuse_exchange(CallContext& ctx, int status);
    void on_dialog_request(CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void relay_request(CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void on_request_done(CallContext& ctx, const sip::LegEvent& event);
    void note_hold();

    // --- media.cc
    void update_media(CallContext& ctx, const std::vector<uint8_t>& parties, bool joins);
    void release_terminations(ports::MediaRequest& request);
    void on_media_reply(CallContext& ctx, const Question& question, ports::MediaReply& reply);
    void take_local(const ports::MediaReply& reply);
    void keep_statistics(ports::MediaReply& reply);
    void close_media(CallContext& ctx);

    // --- media_move.cc
    void check_media(CallContext& ctx);
    bool checks_media() const;  // its answer, or the next try, is waited for
    void on_media_unchecked(CallContext& ctx);
    void on_media_lost(CallContext& ctx);
    void place_again(CallContext& ctx);
    void close_at(CallContext& ctx, ports::Instance gate);
    void end_move(CallContext& ctx);
    void try_move_again(CallContext& ctx);
    void on_move_placed(CallContext& ctx, const ports::MediaPlaced& placed);
    std::vector<uint8_t> parties_with_media() const;
    bool is_moved(uint8_t index) const;
    void on_move_opened(CallContext& ctx);
    void on_move_opened_ringing(CallContext& ctx);
    void tell_new_ports(CallContext& ctx);
    void offer_anew(CallContext& ctx, uint8_t index);
    void offer_move(CallContext& ctx);
    bool is_move_answer(uint8_t index) const;
    void on_move_answer(CallContext& ctx, uint8_t index, const sdp::Session& answer);
    void on_move_refused(CallContext& ctx, uint8_t index, int status);
    void lose_beside(CallContext& ctx, uint8_t index, int status);
    void note_exchange_for_move(const Exchange& exchange);
    void run_move_timers(CallContext& ctx);
    std::optional<Instant> next_move_deadline() const;

    // --- playing.cc
    bool holds(uint8_t index) const;
    bool waits(uint8_t index) const;
    const model::DomainSettings* music_of(const CallContext& ctx, uint8_t index) const;
    static const model::DomainSettings* music_of(const CallContext& ctx, DomainId domain);
    std::optional<ports::MediaPlay> wanted_play(const CallContext& ctx, uint8_t index) const;
    std::optional<ports::MediaPlay> wanted_music(const CallContext& ctx, uint8_t index) const;
    std::optional<ports::MediaPlay> wanted_mix(uint8_t index) const;
    std::optional<ports::MediaPlay> wanted_tone(uint8_t index) const;
    void settle_playing(CallContext& ctx);
    sdp::Session with_music(const CallContext& ctx, uint8_t speaker, sdp::Session said) const;
    sdp::Session answer_with_music(const CallContext& ctx, uint8_t speaker,
                                   const sdp::Session& offer, const sdp::Session& said) const;

    // --- ending.cc
    void end(CallContext& ctx, ReleasedBy by, int status, std::string_view reason);
    void end_leg(CallContext& ctx, uint8_t index, int status, std::string_view reason);
    void on_party_ended(CallContext& ctx, uint8_t index, const sip::LegEvent& event);
    void finish_if_done();

    // --- record.cc
    std::vector<DomainId> domains() const;  // that it has joined, the caller's first
    DomainId home_of(AccountId account) const;
    model::Cdr record(UtcTime now) const;
    model::Cdr side_of(const model::Cdr& whole, DomainId domain) const;

    size_t branches_max() const;
    size_t devices_max() const;
    void know_offer_again(sip::LegSnapshot& leg);

    friend class CodeKeys;
    friend class Intruder;
    friend class Newcomer;
    friend class Paging;
    friend class QueueWait;
    friend class Transfer;

    CallFacts facts_;
    CallSettings settings_;
    Phase phase_ = Phase::Arriving;
    std::optional<Party> caller_;
    std::vector<std::unique_ptr<Branch>> branches_;  // branch i has the leg index i + 1
    uint8_t winner_ = 0;                             // who answered; after a transfer another one
    uint8_t near_ = 0;  // who is in the caller's place: another one after the caller's transfer
    Transfer transfer_;
    Newcomer newcomer_;
    Intruder intruder_;
    Paging paging_;
    CodeKeys code_keys_;
    uint8_t orphan_ = 0;  // the leg of one before a restart, whose termination the gate still has
    QueueWait queue_;
    std::vector<RouteStepNote> route_notes_;
    std::vector<Destination> destinations_;
    std::vector<Duration> stages_;  // see Route
    uint8_t stage_ = 0;             // the present one
    std::vector<routing::Forward> forwards_;
    std::vector<Side> sides_;
    std::vector<Side> sides_asked_;  // whether the licences have room
    bool sides_wanted_ = false;      // nobody has taken the question up yet
    int licence_refusal_ = 0;        // of some destination
    std::string licence_reason_;
    std::optional<ports::EntityRequest> feature_;  // asked for instead of a call
    std::optional<Instant> stage_deadline_;
    std::vector<Question> questions_;
    std::vector<Question> to_ask_again_;  // at their deadlines
    std::optional<Instant> locate_give_up_;
    uint32_t questions_asked_ = 0;
    std::optional<Instant> ring_deadline_;
    std::optional<Instant> commit_deadline_;
    std::optional<Instant> audit_at_;
    std::optional<Instant> longest_;  // settings_.duration_max
    size_t redirections_ = 0;

    // --- Media.
    ports::Instance media_gate_;
    bool media_open_ = false;
    bool media_closed_ = false;
    std::optional<MediaMove> move_;             // to another context
    std::optional<Instant> media_check_again_;  // after a restart
    std::optional<Instant> media_check_give_up_;
    std::optional<sdp::Session> offer_;         // the caller's first
    std::optional<sdp::Session> callee_offer_;  // when the caller made none
    std::vector<sip::Outbound> withheld_;       // the caller's 2xx, until the call is safe
    bool caller_reliable_ = false;              // it supports 100rel
    uint8_t early_ = 0;                         // whose answer the caller hears early
    bool early_is_final_ = false;               // it went out reliably
    bool realign_ = false;                      // the winner's description is another one
    int rang_ = 0;                              // last provisional passed on
    bool held_ = false;
    std::optional<Exchange> exchange_;
    std::vector<Relayed> relayed_;
    std::vector<ports::StreamStatistics> statistics_;

    // --- The end.
    UtcTime answered_;
    UtcTime ended_;
    ReleasedBy released_by_ = ReleasedBy::System;
    int end_status_ = 0;
    std::string end_reason_;
    CallId continued_in_;  // the call that has taken a party of this one
    bool survived_ = false;
    bool is_remnant_ = false;  // it rang before a restart, and is to end
    bool record_due_ = false;
    bool record_taken_ = false;

    // --- For the owner.
    bool save_wanted_ = false;
    bool saved_ = false;  // as an answered call
    bool kept_ = false;
    bool save_is_of_answer_ = false;  // the snapshot under way
    bool report_due_ = false;
    bool progressed_ = false;
    Trace trace_;
};

}  // namespace tandem::call
