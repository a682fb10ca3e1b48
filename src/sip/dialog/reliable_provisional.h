// Provisional responses that are acknowledged. RFC 3262.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "sip/message.h"
#include "sip/transaction/timers.h"

namespace tandem::sip {

struct ReliableSenderSnapshot {
    struct Outstanding {
        Message response;
        uint32_t rseq = 0;
        Duration interval{0};
        Instant retransmit;
        Instant give_up;
    };
    Timers timers;
    uint32_t next_rseq = 1;
    uint32_t invite_cseq = 0;
    std::optional<Outstanding> outstanding;
    std::deque<Message> waiting;
};

// UAS side of one INVITE: numbers reliable provisionals, one at a time, and repeats each with T1
// doubling, for at most 64*T1. RFC 3262 3. Owned by its leg.
class ReliableProvisionalSender {
 public:
    // `first_rseq`: 1 to 2^31 - 1, chosen at random (7.1).
    ReliableProvisionalSender(uint32_t first_rseq, uint32_t invite_cseq, const Timers& timers);

    // The response with Require and RSeq, to be sent now; nullopt: it waits until the one before
    // is acknowledged. Conflict: too many wait.
    Result<std::optional<Message>> send(Instant now, Message response);

    enum class PrackVerdict : uint8_t {
        Matches,  // answer 2xx
        NoMatch,  // answer 481
    };
    PrackVerdict on_prack(const Message& prack);
    // After a match: the response that waited, to be sent now.
    std::optional<Message> next(Instant now);

    enum class Due : uint8_t { Nothing, Retransmit, GiveUp };  // GiveUp: reject the INVITE (500)
    Due on_timeout(Instant now);
    std::optional<Instant> next_deadline() const;
    // What Retransmit means.
    const Message& outstanding() const;
    bool has_outstanding() const { return s_.outstanding.has_value(); }
    // A final response goes out: repeating stops, what waits is dropped (3).
    void stop();

    const ReliableSenderSnapshot& snapshot() const { return s_; }
    static ReliableProvisionalSender restore(ReliableSenderSnapshot snapshot);

 private:
    explicit ReliableProvisionalSender(ReliableSenderSnapshot s) : s_(std::move(s)) {}
    Message start(Instant now, Message response);
    ReliableSenderSnapshot s_;
};

// UAC side of one early dialog: which provisionals are to be acknowledged. RFC 3262 4.
class ReliableProvisionalReceiver {
 public:
    enum class Verdict : uint8_t {
        Unreliable,  // no 100rel in it: treat as any provisional
        New,         // PRACK it
        Ignore,      // repeated, or out of order: neither PRACK nor process it
    };
    Verdict on_provisional(const Message& response);
    // The value of RAck for a response: "776656 1 INVITE".
    static std::string rack(const Message& response);

    std::optional<uint32_t> last_rseq() const { return last_rseq_; }
    static ReliableProvisionalReceiver restore(std::optional<uint32_t> last_rseq);

 private:
    std::optional<uint32_t> last_rseq_;
};

}  // namespace tandem::sip
