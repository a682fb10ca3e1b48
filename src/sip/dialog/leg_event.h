// What a leg tells its owner, and what the owner hands to a leg.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "sdp/session.h"
#include "sip/message.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::sip {

struct HeaderField {
    std::string name;
    std::string value;
    friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

// What a message of ours carries beyond what the leg writes by itself (From, To, Call-ID, CSeq,
// Route, Record-Route, Max-Forwards, Allow, Supported, Require, RSeq, RAck, timers, credentials).
struct Payload {
    std::optional<sdp::Session> sdp;   // the leg owns o=: whatever is there is overwritten
    std::vector<HeaderField> headers;  // P-Asserted-Identity, Alert-Info, Reason, Diversion ...
    std::string content_type;          // of `body`; both are ignored when there is an sdp
    std::string body;
    std::string phrase;  // reason phrase of a provisional response; empty: the usual one
};

enum class SdpPart : uint8_t { None, Offer, Answer };

struct LegEvent {
    enum class Kind : uint8_t {
        // Of the INVITE that makes the call. UAS:
        Incoming,   // its INVITE, sdp Offer or None. -> ring(), answer(), reject()
        Cancelled,  // the caller gave up; 487 was sent. Gone follows
        // UAC:
        Provisional,  // 101-199: status; sdp Answer or Offer or None; `reliable`. A reliable Offer
                      // wants prack(answer); everything else is acknowledged already. An Answer in
                      // an unreliable response is a preview: the one of Answered holds
        Answered,     // 2xx. sdp Answer or None: the ACK is out. Offer: -> ack(answer)
        Failed,       // status 300-699, also 408 (nobody answered), 503 (not sent), 430 (flow
        // failed), 487 (after hangup()). Final for this INVITE; -> invite_again() now,
        // within the same call, or let it go: Gone follows
        // Of an established call, either side:
        Confirmed,     // UAS: the ACK of the first 2xx came, sdp Answer or None
        RemoteOffer,   // re-INVITE, UPDATE or PRACK with an offer (`offer_in` says which), or a
                       // re-INVITE without: then the answer() must hold our offer. -> accept() or
                       // refuse() with `server`
        RemoteAnswer,  // the answer to reoffer() or update(), or an ACK that brought it
        OfferWanted,   // 2xx to our re-INVITE without offer holds an offer -> ack(answer)
        OfferRefused,  // our offer failed with `status`; what was agreed before holds (RFC
                       // 3261 14.1). 491: the peer's own offer came between; try again if needed
        Request,       // any other request: `server` wants respond(). INFO, MESSAGE, REFER,
                       // NOTIFY, OPTIONS, SUBSCRIBE, UPDATE is never here
        RequestDone,   // final response (or 408, 503) to send(): `client`, status
        // Ends. Exactly one of Failed (the last), Cancelled, Rejected, Bye, Ended comes.
        Rejected,  // UAS: our reject() went out, or hangup() before an answer
        Bye,       // the peer hung up; 200 was sent
        Ended,     // by hangup() of an outgoing or established call, at once, or by the leg itself:
                   // see `cause`. What is left (CANCEL, BYE) goes on by itself until Gone
        Gone,      // nothing more comes, no timer runs: the owner may destroy the leg
    };
    enum class Cause : uint8_t {
        None,
        Hangup,          // hangup() of the owner
        SessionExpired,  // no refresh came (RFC 4028 10)
        NoAck,           // the 2xx was never acknowledged (RFC 3261 13.3.1.4)
        NoPrack,         // a reliable provisional was never acknowledged (RFC 3262 3): 500 was sent
        DialogLost,      // 481 or 408 came to a request within the dialog (RFC 5057 5.1)
        BadDescription,  // an answer that we cannot read or that does not fit its offer
    };

    Kind kind = Kind::Gone;
    UserKey leg = 0;
    int status = 0;
    SdpPart sdp_part = SdpPart::None;
    std::optional<sdp::Session> sdp;
    bool reliable = false;            // Provisional
    Method offer_in = Method::Other;  // RemoteOffer: Invite, Update or Prack
    Cause cause = Cause::None;
    ServerKey server;  // what accept(), refuse(), respond() want
    ClientKey client;  // RequestDone
    Message message;   // the request or response that brought it; empty when none did
};
std::string_view to_string(LegEvent::Kind kind);
std::string_view to_string(LegEvent::Cause cause);

// What a leg works with during one call. The owner makes one of the parts of its shard.
struct LegContext {
    Instant now;
    TransactionLayer& transactions;
    LayerOutbox& wire;
    Rng& rng;
    std::vector<LegEvent>& events;
};

}  // namespace tandem::sip
