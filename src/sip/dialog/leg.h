// One party's side of a call: an INVITE usage (RFC 5057 3.2) with all that belongs to it, UAC or
// UAS. Transactions come from the shard's TransactionLayer, dialogs, offers, PRACK, session timers
// and races are dealt with inside; the owner (B2BUA, IVR, conference) sees calls.
//
// The contract:
// * The owner makes a Leg with a UserKey of its own choice. Every transaction of the leg carries
// it,
//   so the owner finds the leg for each arrival: RequestArrival::user, ResponseArrival::user,
//   LayerEvent::user. An in-dialog request (user 0) is found by the To tag that the owner minted.
// * Commands never fail loudly: one that the state has no room for (an answer after a CANCEL, a
//   second hangup) does nothing, as the event that says so is on its way or was given.
//   Those that return bool say false when nothing was done.
// * Events are values in ctx.events, in order; commands may be given while reading them, but not
//   from within (nothing calls back).
// * After every call: emit ctx.wire, look at next_deadline().
// * The leg answers by itself: CANCEL (with the layer), BYE, requests out of order (500), of no
//   dialog (481), overlapping offers (491, 500), 420, 422, PRACK and UPDATE without an offer. It
//   sends by itself: ACK, PRACK, the CANCEL or BYE that hangup() comes to, BYE for forked answers
//   that lost, session refreshes, repeats of 2xx and of reliable provisionals, a glare's retry, and
//   attempts with credentials after 401 and 407 when settings.credentials are there.
//
// RFC 3261 9, 12-15; RFC 3262, 3264, 3311, 4028, 5057, 5407, 6141, 6337. Pure; one shard.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "sip/dialog/dialog.h"
#include "sip/dialog/leg_event.h"
#include "sip/dialog/leg_snapshot.h"

namespace tandem::sip {

// A request of ours that begins a call. The tag of `from` is settings.local_tag.
struct OutgoingInvite {
    std::string request_uri;
    std::string from;  // name-addr without tag: "Alice" <sip:1001@example.org>
    std::string to;    // name-addr
    std::string call_id;
    std::vector<std::string> routes;  // Path of a binding (RFC 3327), outbound proxy
    Payload payload;                  // without sdp: the 2xx (or a reliable 18x) brings the offer
};

class Leg {
 public:
    Leg(UserKey key, LegSettings settings);
    struct Core;  // the code, in leg_core.h
    Leg(Leg&&) noexcept;
    Leg& operator=(Leg&&) noexcept;
    ~Leg();

    // --- The call's INVITE, as UAC.
    void invite(LegContext& ctx, OutgoingInvite invite);
    // After Failed with 401, 407 (with credentials in `headers`), 3xx (new request_uri): the same
    // call with the next CSeq. Empty request_uri: as before. False: too many attempts.
    bool invite_again(LegContext& ctx, std::string_view request_uri,
                      const std::vector<HeaderField>& headers);
    // The answer to the offer of a reliable Provisional, and of Answered or OfferWanted.
    void prack(LegContext& ctx, Payload answer);
    void ack(LegContext& ctx, Payload answer);

    // --- The call's INVITE, as UAS. Takes a new request of the layer (no To tag). Incoming
    // follows, or the leg has refused it (bad or unsupported: 400, 415, 420, 421, 422, 488) and is
    // Gone.
    void on_invite(LegContext& ctx, ServerKey server, Message invite);
    // 101-199. With an sdp: the answer (or our offer, when the INVITE had none and it goes
    // reliably). Reliable when the caller supports or requires it and settings allow (RFC 3262 3).
    bool ring(LegContext& ctx, int status, Payload payload);
    // 200. With an sdp unless the answer went out reliably before.
    bool answer(LegContext& ctx, Payload payload);
    bool reject(LegContext& ctx, int status, const Payload& payload);  // 300-699

    // --- An established call (and, for update(), an early one).
    // Offers a change: by re-INVITE, or by UPDATE while early or when `settings.prefer_update`.
    // Without sdp: a re-INVITE that asks the peer for an offer (OfferWanted). RemoteAnswer or
    // OfferRefused follows; 491 is retried by the leg unless the peer's offer came meanwhile.
    // False: an exchange is under way, or there is no dialog.
    bool reoffer(LegContext& ctx, Payload payload);
    // Answers a RemoteOffer (with our offer, if it had none) with 200, or refuses it.
    bool accept(LegContext& ctx, ServerKey server, Payload payload);
    bool refuse(LegContext& ctx, ServerKey server, int status, const Payload& payload);
    // Any request within the dialog: INFO, MESSAGE, NOTIFY, REFER, OPTIONS. Nil: no dialog, or too
    // many are under way.
    ClientKey send(LegContext& ctx, std::string_view method_token, const Payload& payload);
    bool respond(LegContext& ctx, ServerKey server, int status, const Payload& payload);
    // Ends the call whatever its state: CANCEL, reject (`status`, for an unanswered UAS leg), BYE;
    // a BYE waits for the ACK of our 2xx (RFC 3261 15). Headers: Reason (RFC 3326).
    void hangup(LegContext& ctx, int status, Payload payload);

    // --- What arrives for it.
    void on_request(LegContext& ctx, const RequestArrival& arrival, Message request);
    void on_response(LegContext& ctx, const ResponseArrival& arrival, Message response);
    void on_layer_event(LegContext& ctx, const LayerEvent& event);
    void on_timeout(LegContext& ctx);  // nothing before next_deadline()
    std::optional<Instant> next_deadline() const;

    // --- Facts.
    UserKey key() const;
    LegState state() const;
    bool is_gone() const { return state() == LegState::Gone; }
    bool has_ended() const { return is_gone() || state() == LegState::Ending; }
    const std::string& call_id() const;
    const std::string& local_tag() const;
    const std::string& remote_tag() const;                    // empty before there is a dialog
    bool has_dialog_with(std::string_view remote_tag) const;  // confirmed or early
    const std::string& remote_target() const;               // the peer's Contact URI; empty before
    const std::optional<sdp::Session>& local_sdp() const;   // agreed
    const std::optional<sdp::Session>& remote_sdp() const;  // agreed
    bool peer_allows(Method method) const;                  // its last Allow; true when unknown
    // Requests go this way from now on: the phone has registered anew. A refresh of the session
    // that could not reach it is due.
    void redirect(Instant now, Envelope envelope);
    // The BYE did not go out; does nothing before hangup().
    void say_bye_again(LegContext& ctx);
    const Envelope& envelope() const;

    // --- Survival. shift() (leg_snapshot.h) adapts a snapshot to another machine's clock.
    LegSnapshot snapshot() const;
    static Leg restore(LegSnapshot snapshot);
    // At once after restore() by another instance, whose layer has none of the transactions: skips
    // CSeq and forgets what was under way.
    void take_over(LegContext& ctx);
    // Asks the peer whether it is still there (a session refresh), unless an exchange with it is
    // under way, which tells as much.
    void audit(LegContext& ctx);

 private:
    explicit Leg(std::unique_ptr<Core> core);
    std::unique_ptr<Core> core_;
};

// A 2xx to an INVITE that has no leg any more (ResponseArrival::Stray): gets its ACK and a BYE, so
// that the peer does not wait for a call that nobody has (RFC 3261 13.2.2.4). `envelope`: the way
// back that it came.
void end_stray_call(LegContext& ctx, const Message& response, const Envelope& envelope);

}  // namespace tandem::sip
