// A call that waits in a queue until an agent takes it. CS says when it is its turn and who is free
// (ports/queue_port.h); the call asks the devices of those agents, and goes back to its place when
// none of them has taken it. It leaves when CS says so or its time is over, and goes on to where
// the queue sends it. The caller hears music, which he is told of in 183 (early media: nothing has
// been answered, RFC 3960 3), until an agent answers. Where there is none to be heard he gets 182
// (RFC 3261 21.1.4), and 180 while an agent's phone rings.
//
// Who is transferred into a queue has been answered long ago: he waits as who stays in a transfer
// that goes on (transfer_queue.cc), and agents are called as its targets are. A queue that answers
// makes its callers such parties (queue_answer.cc).
//
// A part of Call, which it may look into.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "call/call_context.h"
#include "model/generated/cdr.h"
#include "ports/queue_port.h"

namespace tandem::call {

class Call;
class CallValues;

// A queue that the call came to, for its record. While `until` is 0 it is there, or was answered.
struct QueueNote {
    DomainId domain;
    QueueId queue;
    std::string number;
    std::string name;
    UtcTime since;
    UtcTime until;
    model::QueueOutcome outcome = model::QueueOutcome::Answered;
    bool of_answered = false;  // who waited had been answered before he came
};

// Call::early_, while the caller hears what the queue plays.
inline constexpr uint8_t sound_of_queue = 255;

struct QueueSnapshot {
    std::vector<QueueNote> notes;
    std::optional<QueueStop> stop;  // where it is, or was answered
    uint32_t turn = 0;
    UtcTime wait_until;
    bool sounds = false;
    bool is_taken = false;
    bool agent_is_near = false;
};

// In a queue, at this moment.
struct QueueVisit {
    QueueStop stop;
    std::optional<Instant> wait_until;
    std::optional<Instant> tell_at;
    std::optional<Instant> call_off_at;  // what rang before a restart
    std::optional<uint32_t> ahead;
    uint32_t turn = 0;
    std::vector<AccountId> offered;
    bool is_late = false;  // the present turn is its last
    enum class Sound : uint8_t { None, Opening, On };
    Sound sound = Sound::None;  // Opening: the caller has no ports yet
    // Who is transferred here has been answered before.
    bool of_answered = false;
    bool will_answer = false;                       // the caller, as soon as he has a place
    std::optional<ports::QueueAdvice::Entry> held;  // a turn or the end, until he is answered
    bool is_taken = false;       // an agent has come in the place of who transferred him,
    bool agent_is_near = false;  // who was the caller
};

// Of what sends a caller away: CS says that the queue is full, or that it has nobody.
model::QueueOutcome outcome_of(ports::QueueAdvice::Kind kind);

class QueueWait {
 public:
    // --- The stages that are queues, of the call or of its transfer.
    void plan(std::vector<QueueStop> stops);
    bool is_full() const;  // it has been in as many as its record holds
    // Behind `stage`, where `count` stages come in.
    void insert(uint8_t stage, size_t count, std::vector<QueueStop> stops);
    const std::vector<QueueStop>& stops() const { return stops_; }
    const QueueStop* stop_of(uint8_t stage) const;  // nullptr: the stage is no queue
    void refuse(uint8_t stage);                     // a licence does
    const QueueStop* refused() const;               // the first one, if any

    // --- What happens. enter(): the stage has begun.
    void enter(Call& call, CallContext& ctx);
    void on_advice(Call& call, CallContext& ctx, const ports::QueueAdvice::Entry& advice);
    void turn_over(Call& call, CallContext& ctx);  // no agent of it has taken the call
    void on_timeout(Call& call, CallContext& ctx);
    std::optional<Instant> next_deadline() const;

    // --- Sound (queue_sound.cc).
    void on_ports(Call& call, CallContext& ctx);     // the caller has some, or new ones
    bool on_no_ports(Call& call, CallContext& ctx);  // false: it had asked for none
    std::optional<ports::MediaPlay> wanted_play(const CallValues& call,
                                                const CallContext& ctx) const;
    bool sounds() const { return here_ && here_->sound == QueueVisit::Sound::On; }

    // --- Of a queue that answers (queue_answer.cc).
    bool is_answering(const CallValues& call) const;
    void settle(Call& call, CallContext& ctx);  // after each step

    // --- Of a transfer: somebody has come in the other place, or nobody will.
    void on_taken(UtcTime now, bool is_near);
    void on_given_up(UtcTime now);

    // --- Facts.
    Instant give_up_at(Instant now) const;     // with what comes after it
    bool waits(const CallValues& call) const;  // nobody has answered
    bool has_turn() const { return here_ && !here_->offered.empty(); }
    bool was_used() const { return !notes_.empty(); }
    // Of who waits: he is to hear music, where the domain has some.
    bool wants_music() const { return here_ && here_->stop.has_music; }
    // The queue that he waits in, as a party.
    Destination as_party() const;
    std::optional<ports::QueuePlace> place(const CallValues& call) const;
    std::vector<model::CdrQueue> records(UtcTime answered, UtcTime ended) const;
    bool was_in(DomainId domain, QueueId queue) const;
    // Of a domain: the number of the last queue that the call came to there, and whom those of the
    // queue see as the caller, where it is not as the call has it. Null: neither.
    const std::string* number_in(DomainId domain) const;
    const ShownCaller* shown_in(DomainId domain) const;
    QueueSnapshot save(Now now) const;
    void restore(QueueSnapshot snapshot, Now now);

 private:
    void begin_turn(Call& call, CallContext& ctx, const ports::QueueAdvice::Entry& advice);
    void withdraw(Call& call, CallContext& ctx, const std::vector<AccountId>& agents);
    void tell(Call& call, CallContext& ctx);
    void begin_sound(Call& call, CallContext& ctx);
    void end_sound(Call& call) const;
    void leave(Call& call, CallContext& ctx, model::QueueOutcome outcome);
    routing::Shown who_waits(const CallValues& call) const;
    bool go_on(Call& call, CallContext& ctx, model::QueueOutcome outcome) const;
    void take_in(Call& call);
    bool can_answer(const CallValues& call) const;
    void begin_answer(Call& call, CallContext& ctx);
    void answer(Call& call, CallContext& ctx);
    void hold(const ports::QueueAdvice::Entry& advice);
    void open_caller(Call& call, CallContext& ctx);
    void want_save(Call& call) const;

    std::vector<QueueStop> stops_;
    std::optional<QueueVisit> here_;  // stays when an agent has answered
    std::vector<QueueNote> notes_;
    size_t notes_before_ = 0;         // of what led to the call or transfer
    bool gate_has_answered_ = false;  // reliably: what a queue plays can be heard until the end
};

}  // namespace tandem::call
