// All of a leg as plain values, for its survival and for its settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "sdp/offer_answer.h"
#include "sip/dialog/dialog.h"
#include "sip/dialog/leg_event.h"
#include "sip/dialog/reliable_provisional.h"
#include "sip/dialog/session_timer.h"
#include "sip/dialog/two_hundred.h"

namespace tandem::sip {

enum class LegState : uint8_t {
    Idle,         // made, nothing sent or received
    Inviting,     // UAC: INVITE sent, no 2xx yet
    Ringing,      // UAS: INVITE received, no final response yet
    Established,  // 2xx sent or received
    Ending,       // the end was told; transactions and repeats still run out
    Gone,
};
std::string_view to_string(LegState state);

enum class Provisionals : uint8_t {
    Unreliable,        // never with RSeq; 420 to a peer that requires 100rel
    ReliableIfAsked,   // UAS: when the peer requires 100rel. UAC: Supported: 100rel
    ReliableIfCan,     // UAS: when the peer supports 100rel and there is an sdp. UAC: Supported
    ReliableRequired,  // 421 to a peer that does not support it. UAC: Require: 100rel
};

struct LegCredentials {
    std::string user;
    std::string password;
    friend bool operator==(const LegCredentials&, const LegCredentials&) = default;
};

struct LegSettings {
    Envelope envelope;      // where its requests go, and our Contact
    std::string local_tag;  // minted by the owner, who finds the leg by it
    sdp::Origin origin;     // o= of this leg; version is that of the first description
    Provisionals provisionals = Provisionals::ReliableIfAsked;
    SessionTimerSettings session_timer;
    Timers timers;
    bool prefer_update = false;  // for reoffer() of an established call
    std::string allow;           // value of Allow; empty: INVITE, ACK, CANCEL, BYE, ... all we know
    std::string user_agent;      // User-Agent in requests, Server in responses; empty: none
    std::optional<LegCredentials> credentials;  // answers 401 and 407 (trunks)
};

// An early or confirmed dialog of the leg with what PRACK needs.
struct LegDialogSnapshot {
    DialogSnapshot dialog;
    std::optional<uint32_t> last_rseq;
};

// A request of ours within the dialog that has no final response yet.
struct LegRequestSnapshot {
    ClientKey client;
    std::string method;
    uint32_t cseq = 0;
    bool refresh = false;   // sent by the session timer: its end is not told
    bool internal = false;  // PRACK, BYE for a lost fork
    uint32_t attempt = 1;
    Message request;
    // Of a re-INVITE or UPDATE with our offer.
    bool offered = false;
};

// A request of the peer that waits for the owner.
struct LegServedSnapshot {
    ServerKey server;
    Message request;
    bool offered = false;
};

struct LegSnapshot {
    UserKey key = 0;
    LegSettings settings;
    LegState state = LegState::Idle;
    bool is_client = true;  // of the INVITE that made the call

    Message invite;           // of the call: ours or the peer's
    ServerKey server;         // of the peer's INVITE
    ClientKey client;         // of our INVITE (or re-INVITE)
    uint32_t attempts = 0;    // of our INVITE
    uint32_t cseq = 0;        // of our last request outside a confirmed dialog
    bool hanging_up = false;  // CANCEL is under way, or the BYE waits for an ACK
    bool end_told = false;
    Payload hangup_payload;

    std::optional<LegDialogSnapshot> dialog;  // the confirmed one, or UAS: the only one
    std::vector<LegDialogSnapshot> early;     // UAC
    std::string remote_allow;
    sdp::OfferAnswerSnapshot offer_answer;
    bool answer_sent_reliably = false;
    bool previewed = false;

    std::optional<TwoHundredSnapshot> two_hundred;
    std::vector<KeptAck> acks;
    std::optional<ReliableSenderSnapshot> reliable;
    SessionTimerSnapshot session_timer;

    std::vector<LegRequestSnapshot> requests;
    std::vector<LegServedSnapshot> served;

    // An answer that the owner owes to a 2xx or a reliable 18x.
    std::optional<Message> ack_owed;
    std::optional<Message> prack_owed;
    // An offer of ours that met the peer's (491).
    std::optional<Instant> glare_retry;
    std::optional<Payload> glare_offer;
    // Digest: the last challenge, for requests that follow.
    std::string challenge;
    bool challenged_by_proxy = false;
    uint32_t nonce_count = 0;
};

// Moves every deadline by `by`: monotonic clocks of two machines have nothing in common. The owner
// keeps with a snapshot both clocks of its moment and shifts by what the wall clocks say.
void shift(LegSnapshot& snapshot, Duration by);

}  // namespace tandem::sip
