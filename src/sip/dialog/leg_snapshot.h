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
#include "sip/digest_answers.h"

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

using LegCredentials = DigestSecrets;

struct LegSettings {
    Envelope envelope;      // where its requests go, and our Contact
    std::string local_tag;  // minted by the owner, who finds the leg by it
    sdp::Origin origin;     // o= of this leg; version is that of the first description
    Provisionals provisionals = Provisionals::ReliableIfAsked;
    SessionTimerSettings session_timer;
    Timers timers;
    bool prefer_update = false;  // for reoffer() of an established call
    std::string allow;           // value of Allow; empty: INVITE, ACK, CANCEL, BYE, ... all we know
    // Option tags that the owner deals with ("replaces"), beside 100rel and timer which are ours.
    std::vector<std::string> extensions;
    std::string user_agent;  // User-Agent in requests, Server in responses; empty: none
    std::optional<LegCredentials> credentials;  // answers 401 and 407 (trunks)
};

// An early or confirmed dialog of the leg with what PRACK needs.
struct LegDialogSnapshot {
    DialogSnapshot dialog;
    std::optional<uint32_t> last_rseq;
};

// Who sent a request within the dialog, and so who is told of its end.
enum class LegRequestUse : uint8_t {
    Owner,    // send(): RequestDone
    Offer,    // reoffer(): RemoteAnswer, OfferWanted or OfferRefused
    Refresh,  // the session timer: nobody, unless the session ends or changes
    Own,      // PRACK, BYE
};

// A request of ours within the dialog that has no final response yet.
struct LegRequest {
    ClientKey client;
    LegRequestUse use = LegRequestUse::Owner;
    Message request;
    uint32_t attempt = 1;
    bool offered = false;  // it holds an offer of ours
    Payload payload;       // Offer: to be offered again after a glare
    ClientKey told_as;     // the key that send() returned, if a later attempt has another
};

// A request of the peer that waits for the owner.
struct LegServed {
    ServerKey server;
    Message request;
    bool offered = false;  // it holds an offer
};

struct LegSnapshot {
    UserKey key = 0;
    LegSettings settings;
    LegState state = LegState::Idle;
    bool is_client = true;  // of the INVITE that made the call

    std::string call_id;
    Message invite;         // of the call, ours or the peer's, while it is needed
    ServerKey server;       // of the peer's INVITE or re-INVITE that was answered last
    ClientKey client;       // of our first INVITE, while it has no final response
    uint32_t attempts = 0;  // of our INVITE
    bool end_told = false;
    bool failed = false;  // the end was Failed: invite_again() may undo it
    bool confirmed_told = false;
    std::optional<Payload> bye_waits;     // for the ACK of our 2xx
    std::optional<Payload> answer_waits;  // for the PRACK of a reliable provisional

    std::optional<LegDialogSnapshot> dialog;  // the confirmed one; UAS: the only one
    std::vector<LegDialogSnapshot> early;     // UAC
    std::string remote_allow;
    sdp::OfferAnswerSnapshot offers;
    std::optional<sdp::Session> preview;  // UAS: our answer in an unreliable provisional
    bool previewed = false;               // UAC: the peer's answer came in one

    std::optional<TwoHundredSnapshot> two_hundred;
    std::vector<KeptAck> acks;
    std::optional<ReliableSenderSnapshot> reliable;
    SessionTimerSnapshot session_timer;

    std::vector<LegRequest> requests;
    std::vector<LegServed> served;

    std::optional<Message> ack_owed;    // the 2xx whose offer the owner has not answered yet
    std::optional<Message> prack_owed;  // the same of a reliable provisional
    // An offer that waits: for a glare to pass, or for the ACK of our 2xx.
    std::optional<Payload> offer_waits;
    std::optional<Instant> glare_retry;
    DigestAnswers proofs;  // for the requests that follow
};

// Moves every deadline by `by`: monotonic clocks of two machines have nothing in common. The owner
// keeps with a snapshot both clocks of its moment and shifts by what the wall clocks say.
void shift(LegSnapshot& snapshot, Duration by);

}  // namespace tandem::sip
