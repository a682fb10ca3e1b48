// What a call is made of, and what can be asked of it: its parties, its route, its media, its end.
// Nothing here sends, asks or decides; that is Call's (call.h), the only one who makes one of
// these, and that of its parts, which look into it. A question that a part answers has it as an
// argument.
//
// The answers are where their subject is: call_values.cc, and sides.cc, outside.cc, playing.cc ...
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "call/branch.h"
#include "call/call_context.h"
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

class CallValues {
 public:
    CallId id() const { return facts_.call; }
    uint64_t base() const { return base_of(facts_.call); }
    Phase phase() const { return phase_; }
    const CallFacts& facts() const { return facts_; }
    const CallSettings& settings() const { return settings_; }
    const Transfer& transfer() const { return transfer_; }
    // Where it counts, the caller's domain first.
    const std::vector<Side>& sides() const { return sides_; }
    std::vector<TrunkId> lines() const;  // trunks that it goes out over, or has wished for

    // --- Its legs.
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
    // Whether a phone may have the place of one of them, or join the two who talk: 0, or a status.
    int refusal_of(uint8_t leg, bool early_only) const {
        return newcomer_.refusal_of(*this, leg, early_only);
    }
    int refusal_to_join(DomainId domain, AccountId account) const {
        return intruder_.refusal_of(*this, domain, account);
    }

    // --- Its media, and what the store has of it.
    ports::Instance media_gate() const { return media_gate_; }
    bool has_media() const { return media_open_; }
    // As the store has it, and in the middle of nothing.
    bool is_at_rest() const;
    bool was_saved() const { return kept_; }  // the store has something of it

    // --- What is told of it.
    model::CallResult result() const;  // of a call that has ended
    ports::CallSummary whole_summary(ports::Instance owner) const;
    // As one of its domains sees it.
    ports::CallSummary summary(ports::Instance owner, DomainId domain) const;
    ports::CallSummary summary(ports::Instance owner) const {
        return summary(owner, facts_.domain);
    }
    std::string detail_json(DomainId side = {}) const;  // nil: all of it
    const Trace& trace() const { return trace_; }
    Trace& trace() { return trace_; }

 protected:
    CallValues(CallFacts facts, CallSettings settings);

    // --- call_values.cc
    Party* party(uint8_t index);
    const Party* party(uint8_t index) const;
    Branch* branch(uint8_t index);
    Branch* winner() { return branch(winner_); }
    uint8_t peer_of(uint8_t index) const { return index == near_ ? winner_ : near_; }
    std::vector<uint8_t> talkers() const;  // who is in it: two, or all of a page
    bool talks(uint8_t index) const { return index == near_ || (winner_ != 0 && index == winner_); }
    // In it, and none of two: it hears a page, or waits while its partner talks with somebody else.
    bool is_beside(uint8_t index) const {
        return paging_.hears(*this, index) || transfer_.is_aside(index);
    }
    // In the caller's place and in the callee's, whoever talks with whom at the moment.
    std::pair<uint8_t, uint8_t> places() const;
    Destination who_is(uint8_t index) const;
    bool ringing() const { return phase_ == Phase::Locating || phase_ == Phase::Ringing; }
    bool seeks() const { return ringing() || transfer_.searches(); }  // for somebody who answers
    bool rings() const { return phase_ == Phase::Ringing || transfer_.rings(); }
    bool answer_waits() const { return phase_ == Phase::Committing && withheld_.empty(); }
    const std::optional<sdp::Session>& offered() const;  // to those who are called
    size_t first_asked() const { return transfer_.is_under_way() ? transfer_.first_branch() : 1; }

    // --- stages.cc, forward.cc, fork.cc
    bool is_busy_by(const Destination& to, const std::vector<ports::CallSummary>& calls) const;
    size_t branches_max() const;
    // Among the destinations, from 1; 0: it is none of the present way.
    uint8_t place_of(const Destination& destination) const;
    size_t devices_max() const;
    bool has_later_stage() const { return stage_ + 1u < stages_.size(); }
    routing::Origin origin_for(const Destination& called) const;
    int best_status(int otherwise) const;

    // --- outside.cc
    SrtpPolicy srtp_of(uint8_t index) const;  // of a party; trunks may have their own
    bool outside_has_answered() const;
    static bool is_answer_from_outside(const Branch& branch);
    bool offers_something(const Destination& to) const;
    bool asks_for_line() const;
    int status_of_lines() const;
    std::string_view reason_of_lines(int status) const;
    std::optional<Instant> next_outside_deadline() const;

    // --- sides.cc
    std::vector<Side> sides_of(const Destination& to) const;
    std::vector<Side> sides_of(const QueueStop& stop) const;
    int refused_beforehand() const { return is_any_busy(destinations_) ? 486 : licence_refusal_; }
    DomainId domain_of_forward(const routing::Forward& forward) const;
    void keep_side(ports::CallSummary& summary, DomainId domain) const;
    ShownCaller shown_in(DomainId domain) const;
    std::string domain_name(const CallContext& ctx, DomainId domain) const;
    std::vector<routing::Forward> own_path(std::vector<routing::Forward> path,
                                           const Destination& to) const;

    // --- media_move.cc
    bool checks_media() const;  // its answer, or the next try, is waited for
    // It is on its way to another context, which is told all when it is open.
    bool lacks_context() const { return move_ && move_->stage != MediaMove::Stage::Offering; }
    // Nothing is told while the media is being moved, or looked for after a restart.
    bool may_tell_gate() const { return media_open_ && !lacks_context() && !checks_media(); }
    std::vector<uint8_t> parties_with_media() const;
    bool is_moved(uint8_t index) const;
    bool is_move_answer(uint8_t index) const;
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
    sdp::Session with_music(const CallContext& ctx, uint8_t speaker, sdp::Session said) const;
    sdp::Session answer_with_music(const CallContext& ctx, uint8_t speaker,
                                   const sdp::Session& offer, const sdp::Session& said) const;

    // --- record.cc
    std::vector<DomainId> domains() const;  // that it has joined, the caller's first
    DomainId home_of(AccountId account) const;
    model::Cdr record(UtcTime now) const;
    model::Cdr side_of(const model::Cdr& whole, DomainId domain) const;

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
