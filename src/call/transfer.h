// Transfers: one party of an answered call asks by REFER to be replaced by somebody else, who is
// called, and takes its place. The party that stays keeps its leg, its ports and its dialog; it is
// offered what the newcomer answered. RFC 3515, RFC 3891, RFC 3892, RFC 4488, RFC 5589.
//
// A REFER is never passed on: whoever transfers sees it done by us, and is told how it goes by
// NOTIFY. An attended transfer names a dialog that the referrer has with somebody in another call
// of ours: that phone gets an INVITE with Replaces for its own dialog there (RFC 3891), and the
// other call ends. So no leg ever changes its call, its tags or its owner.
//
// A part of Call, which it may look into.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "call/call_context.h"
#include "call/refer_request.h"
#include "model/generated/cdr.h"
#include "sdp/session.h"

namespace tandem::call {

class Call;
class CallValues;

// One that was made, for the record.
struct TransferNote {
    UtcTime at;
    model::TransferKind kind = model::TransferKind::Blind;
    bool of_callee = false;  // the party on the callee's side left
    Destination by;
    Destination to;
    CallId other;  // attended: the call that ended for it
};

// What the implicit subscription of one REFER still owes its sender (RFC 3515 2.4.4). It outlives
// the transfer until the last NOTIFY has been answered.
struct ReferReport {
    uint8_t leg = 0;
    std::string event;
    int status = 100;  // the latest to be told
    bool is_due = true;
    bool is_last = false;
    bool is_mute = false;  // nothing is told any more, or ever was to be
    bool then_hangs_up = false;
    sip::ClientKey under_way;
    std::optional<Instant> give_up;  // of waiting for an answer to the last one
    // The last one waits until the store has the call without its sender, or for so long: who has
    // been told hangs up, and a call that came back as it was before would have nobody there.
    std::optional<Instant> safe_by;
    std::string_view why = "transferred";  // he is let go
};

// What of it a snapshot keeps: the transfer itself is lost with its owner, and its sender told.
struct TransferSnapshot {
    std::optional<uint8_t> referrer;
    bool referrer_gone = false;
    std::string event;  // empty: it wants no report
    std::string parked_at;
    UtcTime parked_until;
    bool asks_first = false;           // see Transfer::consult()
    std::optional<uint8_t> waiting;    // the leg of who waits while the referrer talks ...
    std::optional<uint8_t> consulted;  // ... with this one
    std::string queued_at;             // who stays waits in a queue, that was dialled so
    bool let_go = false;
    bool by_queue = false;
    std::vector<TransferNote> notes;
};

class Transfer {
 public:
    // --- What arrives.
    void on_refer(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    // The party wants its place taken by what it has dialled, without a REFER, and is told nothing.
    // 0, or why not.
    int begin(Call& call, CallContext& ctx, uint8_t index, std::string dialled);
    void on_routed(Call& call, CallContext& ctx, int refusal);
    void on_replaced_found(Call& call, CallContext& ctx, const ports::ReplacedFound& found);
    void on_owner_silent(Call& call, CallContext& ctx);
    void on_located() { stage_ = Stage::Ringing; }
    // Whoever stays waits in a slot until somebody takes him, or the one who parked him is called.
    void park(Call& call, CallContext& ctx, Duration at_most);
    void on_provisional(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void on_answered(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void on_failed(Call& call, CallContext& ctx, int status,
                   std::string_view reason = "the transfer failed");
    // --- Whoever asks first (consultation.cc): he talks with the target while the other party
    // waits, and is replaced when he hangs up. 0, or why not.
    int consult(Call& call, CallContext& ctx, uint8_t index, std::string dialled);
    // He goes back to the one who waits. 0, or why not.
    int call_off(Call& call, CallContext& ctx, uint8_t index);
    void on_waiting_offer(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    // The leg is of whoever asks, or wants to.
    bool asks(uint8_t leg) const { return is_of_three() && leg == referrer_; }
    // The leg is of whoever waits meanwhile; the two who talk may be the others by now.
    bool lets_wait(uint8_t leg) const { return is_of_three() && leg == waiting_; }
    bool is_consulting() const { return stage_ == Stage::Consulting; }
    bool is_aside(uint8_t leg) const { return is_consulting() && leg == waiting_; }
    std::optional<uint8_t> aside() const {
        return is_consulting() ? std::optional(waiting_) : std::nullopt;
    }
    std::optional<uint8_t> consulted() const {
        return is_consulting() ? std::optional(answered_by_) : std::nullopt;
    }
    // The leg of a target that rings, and is heard early by this one; 0: none.
    uint8_t early_for(uint8_t leg, uint8_t stays) const;
    bool hears_ringing(uint8_t leg) const { return asks(leg) && rings() && told_ >= 180; }

    // False: it means nothing to the transfer.
    bool on_request_done(Call& call, CallContext& ctx, const sip::LegEvent& event);
    bool on_party_ended(Call& call, CallContext& ctx, uint8_t index);
    // A newcomer that nobody called takes the place of `replaced`.
    void take_place(Call& call, CallContext& ctx, uint8_t replaced, uint8_t newcomer);
    void on_call_ends(Call& call, CallContext& ctx);
    // The store has the call as it is, or never will.
    void on_safe(Call& call, CallContext& ctx);
    void on_timeout(Call& call, CallContext& ctx);
    std::optional<Instant> next_deadline() const;
    // After each step: a newcomer may have waited for an exchange of offers to end.
    void settle(Call& call, CallContext& ctx);

    // --- Who stays waits in a queue (transfer_queue.cc), or is parked. It has taken him in: the
    // referrer is let go as soon as no exchange of offers hangs on him.
    void begin_by_queue(Call& call, uint8_t place);  // that has answered, and has no phone
    bool is_by_queue() const { return by_queue_; }
    void want_to_let_go() { lets_go_ = !let_go_; }
    bool has_let_go(uint8_t index) const { return let_go_ && index == referrer_; }
    uint8_t stays(const CallValues& call) const;
    routing::Shown who_stays(const CallValues& call) const;
    // He has been told, and hung up.
    bool has_seen_off(uint8_t index) const;
    // Who was called waits, and is to be seen as who calls.
    bool is_callee_waiting(const CallValues& call) const;
    // The gate forgets who was let go.
    void drop_media(Call& call, CallContext& ctx);
    // True: an offer of who has nobody but the gate at his other end.
    bool on_offer(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);

    // --- For the search that Call does.
    bool is_at_rest() const {
        return (!is_under_way() || is_parked() || let_go_ || is_consulting()) && reports_.empty();
    }
    bool is_parked() const { return stage_ == Stage::Parked; }
    const std::string& dialled() const { return dialled_; }
    std::string_view parked_at() const { return is_parked() ? dialled_ : std::string_view(); }
    uint8_t parked_leg() const { return referrer_; }
    bool referrer_is_gone() const { return referrer_gone_; }
    uint8_t referrer() const { return referrer_; }
    bool is_under_way() const { return stage_ != Stage::None; }
    bool locates() const { return stage_ == Stage::Locating; }
    bool rings() const { return stage_ == Stage::Ringing; }
    bool searches() const { return locates() || rings(); }
    const std::optional<sdp::Session>& offer() const { return offer_; }
    size_t first_branch() const { return first_branch_; }
    std::string shown_from(const CallContext& ctx, const CallValues& call) const;
    std::string shown_to(const CallContext& ctx, const CallValues& call, uint8_t newcomer) const;
    bool hides_caller(const CallValues& call) const;
    // `domain`: of the referrer's address; empty: he is not shown.
    std::vector<sip::HeaderField> invite_headers(const CallValues& call,
                                                 std::string_view domain) const;

    // A route that the owner is to find: what the referrer would reach by dialling it.
    struct Wanted {
        DomainId domain;
        AccountId account;
        std::string dialled;
        routing::Original stays;
    };
    std::optional<Wanted> route_wanted(const CallValues& call) const;

    const std::vector<TransferNote>& notes() const { return notes_; }
    TransferSnapshot save(bool is_queued) const;
    void restore(TransferSnapshot snapshot);
    void take_over(Call& call, CallContext& ctx);

 private:
    enum class Stage : uint8_t {
        None,
        Routing,   // the owner looks where the target is
        Asking,    // the owner of the other dialog
        Locating,  // devices of the target
        Ringing,   // they ring
        Parked,
        Answered,  // one of them answered, and waits for the end of an exchange of offers
        Consulting,
    };
    int refusal_of(const CallValues& call, const CallContext& ctx, uint8_t index,
                   const ReferRequest& request) const;
    void start(Call& call, uint8_t index, std::string dialled);
    void ask_owner(Call& call, CallContext& ctx);
    void invite_replacing(Call& call, CallContext& ctx, const ports::ReplacedFound& found);
    void complete(Call& call, CallContext& ctx);
    void give_place(Call& call, CallContext& ctx);
    void join_media(Call& call, CallContext& ctx, std::optional<uint8_t> left);
    void learn_early(Call& call, CallContext& ctx, uint8_t index, sip::LegEvent& event);
    void note(Call& call, CallContext& ctx, model::TransferKind kind, Destination to);
    void let_go(Call& call, CallContext& ctx);
    void stop(Call& call);
    void forget_search(Call& call);
    bool is_of_three() const { return asks_first_ && is_under_way() && !referrer_gone_; }
    void talk_first(Call& call, CallContext& ctx);
    bool on_one_of_three_ended(Call& call, CallContext& ctx, uint8_t index);
    void hand_over(Call& call, CallContext& ctx);
    void go_back(Call& call, CallContext& ctx);
    void go_on_without_waiting(Call& call, CallContext& ctx);
    void lose(Call& call, CallContext& ctx, uint8_t leg);
    void offer_of_who_stays(Call& call);
    // Says `ours` to the offer, or the wish for one, of who has the gate alone at his other end.
    static void accept_alone(Call& call, CallContext& ctx, uint8_t index,
                             const sip::LegEvent& event, sdp::Session ours);
    void recall(Call& call);
    void report(Call& call, CallContext& ctx, int status, bool is_last);
    void tell(Call& call, CallContext& ctx, ReferReport& to);
    void leave(Call& call, CallContext& ctx, uint8_t leg, std::string_view why = "transferred");
    void leave_by_report(uint8_t leg, std::string_view why);
    bool is_to_be_told(uint8_t leg) const;
    void end_mute(Call& call, CallContext& ctx);
    void drop_left(Call& call, CallContext& ctx);

    Stage stage_ = Stage::None;
    uint8_t referrer_ = 0;
    bool referrer_gone_ = false;
    uint8_t answered_by_ = 0;
    std::string dialled_;
    std::optional<sdp::Session> offer_;  // to the target's devices: what the one who stays can do
    size_t first_branch_ = 0;            // of them
    int told_ = 0;
    uint8_t early_ = 0;  // the first of them that has early media
    // --- Of one who asks first.
    bool asks_first_ = false;
    uint8_t waiting_ = 0;    // the leg of who waits meanwhile
    bool is_apart_ = false;  // the two do not hear one another
    std::optional<Instant> parked_until_;
    UtcTime parked_until_utc_;
    bool lets_go_ = false;  // when it can
    bool let_go_ = false;
    bool is_noted_ = false;  // to a queue; who takes the place there is not known yet
    bool by_queue_ = false;
    // --- Attended.
    std::optional<DialogName> dialog_;
    std::vector<ports::Instance> owners_;  // to be asked for it
    ports::Instance owner_;
    std::string replaces_;  // the header of the INVITE
    CallId other_;

    std::vector<ReferReport> reports_;
    std::vector<uint8_t> left_;  // legs whose ports stay until the call is safe without them
    std::vector<TransferNote> notes_;
    bool was_interrupted_ = false;  // by a restart
};

}  // namespace tandem::call
