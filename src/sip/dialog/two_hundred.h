// The three-way handshake of an INVITE's 2xx, which is the user agents' own, on any transport.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/instant.h"
#include "sip/message.h"
#include "sip/transaction/timers.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::sip {

struct TwoHundredSnapshot {
    Message response;
    uint32_t cseq = 0;  // of the INVITE
    Timers timers;
    Duration interval{0};
    std::optional<Instant> retransmit;
    std::optional<Instant> give_up;
    bool presumed = false;  // see presume_acknowledged()
};

// UAS core: repeats the 2xx from T1 up to T2 apart until the ACK, for at most 64*T1. RFC
// 3261 13.3.1.4. Owned by its leg, from the 2xx to the ACK.
class TwoHundredRetransmission {
 public:
    TwoHundredRetransmission(Instant now, Message response, const Timers& timers);

    enum class Due : uint8_t { Nothing, Retransmit, GiveUp };  // GiveUp: end the session with a BYE
    Due on_timeout(Instant now);
    // True: the ACK is for this 2xx, and nothing is due any more.
    bool on_ack(const Message& ack);
    // Whoever takes the leg over does not know: the ACK has most likely come to its former owner.
    // The 2xx is repeated all the same, but nothing waits for an ACK, and its absence ends nothing.
    void presume_acknowledged() { s_.presumed = true; }
    bool is_presumed_acknowledged() const { return s_.presumed; }
    std::optional<Instant> next_deadline() const;
    const Message& response() const { return s_.response; }
    uint32_t cseq() const { return s_.cseq; }
    bool acknowledged() const { return !s_.give_up; }

    TwoHundredSnapshot snapshot() const { return s_; }
    static TwoHundredRetransmission restore(TwoHundredSnapshot snapshot);

 private:
    explicit TwoHundredRetransmission(TwoHundredSnapshot snapshot) : s_(std::move(snapshot)) {}
    TwoHundredSnapshot s_;
};

struct KeptAck {
    std::string remote_tag;
    uint32_t cseq = 0;  // of the INVITE
    Message ack;
    ClientKey branch;
    Instant forget;  // 64*T1 after the 2xx: it is not repeated after that
};

// UAC core: one ACK for each 2xx that comes, the same one for the same 2xx. RFC 3261 13.2.2.4.
// Owned by its leg.
class AckKeeper {
 public:
    void keep(KeptAck ack);
    // The ACK that answers this repeated 2xx; nullptr: none was sent yet.
    const KeptAck* find(const Message& response) const;
    void on_timeout(Instant now);
    std::optional<Instant> next_deadline() const;
    bool empty() const { return acks_.empty(); }

    const std::vector<KeptAck>& snapshot() const { return acks_; }
    static AckKeeper restore(std::vector<KeptAck> acks);

 private:
    std::vector<KeptAck> acks_;  // one for each early dialog that was answered, and re-INVITE
};

}  // namespace tandem::sip
