// One call: a caller, the devices that ring for it, the context that carries its media. It turns
// events of legs and letters of other roles into commands to legs and letters. Transactions,
// dialogs and offers are the legs' work (sip/dialog/leg.h); here is what joins them. What it is
// made of, and what can be asked of it, has a header of its own (call_values.h).
//
// Pure; owned by the B2B role instance, on its shard. After each step the owner looks at
// next_deadline() and at what the call wants: wants_save(), wants_report(), take_records().
// RFC 3261 16.7 (choice of the failure told), RFC 5853 (what a B2BUA may do), RFC 7092.
#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "call/call_snapshot.h"
#include "call/call_values.h"

namespace tandem::call {

class Call : public CallValues {
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

    void on_route(CallContext& ctx, Route route);

    // Domains that it is about to count in, once: its owner says whether their licences have room
    // for it. `refusal` is 0, or what its caller is to be told.
    std::vector<Side> take_sides_wanted();
    void on_licensed(CallContext& ctx, int refusal, std::string_view reason);

    // A phone wants the place of one of its legs, or to join the two who talk, and may.
    void take_in(CallContext& ctx, NewcomerInvite invite);
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
    // Once, with the first news of the far end.
    bool take_first_progress() { return !std::exchange(progressed_, true); }
    bool record_due() const { return phase_ == Phase::Over || record_due_; }
    std::vector<CallRecord> take_records(UtcTime now);  // once; none before and after
    bool is_over() const;                               // nothing more comes: to be destroyed

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
    void set_phase(Phase phase);
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
    void wait_with_bye(CallContext& ctx, Party& of);
    void run_bye_timers(CallContext& ctx);
    std::optional<Instant> next_bye() const;
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
    void tell_of_silence(CallContext& ctx, const Branch& silent) const;

    // --- sides.cc
    bool is_licensed();
    void keep_from_stage(int refusal, std::string_view reason);
    bool enters_queue(CallContext& ctx);
    void count_in(const std::vector<Side>& sides);

    // --- stages.cc
    bool next_stage(CallContext& ctx);
    void ask_for_devices(CallContext& ctx);
    void on_counted(CallContext& ctx, uint8_t destination,
                    const std::vector<ports::CallSummary>& calls);
    void begin_stage_time(CallContext& ctx);
    void on_stage_timeout(CallContext& ctx);

    // --- forward.cc
    void note_path(CallContext& ctx);
    void go_on_from_stage(CallContext& ctx);
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
    void say_who_hears_whom(ports::MediaRequest& request) const;
    void on_media_unchecked(CallContext& ctx);
    void on_media_lost(CallContext& ctx);
    void place_again(CallContext& ctx);
    void close_at(CallContext& ctx, ports::Instance gate);
    void end_move(CallContext& ctx);
    void try_move_again(CallContext& ctx);
    void on_move_placed(CallContext& ctx, const ports::MediaPlaced& placed);
    void on_move_opened(CallContext& ctx);
    void on_move_opened_ringing(CallContext& ctx);
    void tell_new_ports(CallContext& ctx);
    void offer_anew(CallContext& ctx, uint8_t index);
    void offer_move(CallContext& ctx);
    void settle_move(CallContext& ctx);
    void on_move_answer(CallContext& ctx, uint8_t index, const sdp::Session& answer);
    void on_move_refused(CallContext& ctx, uint8_t index, int status);
    void lose_beside(CallContext& ctx, uint8_t index, int status);
    void note_exchange_for_move(const Exchange& exchange);
    void run_move_timers(CallContext& ctx);

    // --- playing.cc
    void settle_playing(CallContext& ctx);

    // --- ending.cc
    void end(CallContext& ctx, ReleasedBy by, int status, std::string_view reason);
    void end_leg(CallContext& ctx, uint8_t index, int status, std::string_view reason);
    void on_party_ended(CallContext& ctx, uint8_t index, const sip::LegEvent& event);
    void finish_if_done();

    RingingSnapshot save_way(Now now) const;
    void restore_way(RingingSnapshot way, Now now);
    void know_offer_again(sip::LegSnapshot& leg);
    void ring_on(CallContext& ctx);
    // One that rings is kept as well, where all is.
    void keep_ringing() {
        save_wanted_ |= phase_ == Phase::Ringing && settings_.survival == Survival::All;
    }

    friend class CodeKeys;
    friend class Intruder;
    friend class Newcomer;
    friend class Paging;
    friend class QueueWait;
    friend class Transfer;
};

}  // namespace tandem::call
