// The inside of a Leg. Its code is in leg_client.cc (our INVITE), leg_server.cc (the peer's),
// leg_offer.cc (changes of a session), leg_requests.cc (all else within a dialog, and ends),
// leg_timers.cc and leg_auth.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sip/dialog/leg.h"
#include "sip/digest_answers.h"

namespace tandem::sip {

struct LegDialog {
    Dialog dialog;
    ReliableProvisionalReceiver reliable;
};

// The parsed sdp of a message. present false: no body of that kind.
struct SdpBody {
    bool present = false;
    bool readable = false;
    sdp::Session session;
};
SdpBody sdp_of(const Message& message);

struct Leg::Core {
    Core(UserKey key, LegSettings settings);

    // leg_client.cc
    void invite(LegContext& ctx, OutgoingInvite invite);
    bool invite_again(LegContext& ctx, std::string_view uri,
                      const std::vector<HeaderField>& headers);
    void send_invite(LegContext& ctx);
    void on_invite_response(LegContext& ctx, Message response);
    void on_invite_provisional(LegContext& ctx, Message response);
    SdpPart take_provisional_sdp(const Message& response, bool reliable, LegEvent& event);
    void on_invite_success(LegContext& ctx, Message response);
    SdpPart take_success_sdp(const Message& response, LegEvent& event, bool& sound);
    void on_invite_failure(LegContext& ctx, int status, Message response);
    void on_late_success(LegContext& ctx, const Message& response);
    LegDialog* early_dialog(const Message& response);
    void send_prack(LegContext& ctx, const Message& response, const Payload& payload);
    void prack(LegContext& ctx, Payload answer);
    void send_ack(LegContext& ctx, const Dialog& to, const Message& response,
                  const Payload& payload);
    void hang_up_fork(LegContext& ctx, const Message& response);
    void ack(LegContext& ctx, Payload answer);

    // leg_server.cc
    void on_invite(LegContext& ctx, ServerKey key, Message request);
    bool refuse_invite(LegContext& ctx, const Message& request);
    bool ring(LegContext& ctx, int status, Payload payload);
    bool goes_reliably(const Payload& payload) const;
    bool ring_reliably(LegContext& ctx, Message response, Payload payload);
    bool answer(LegContext& ctx, Payload payload);
    bool reject(LegContext& ctx, int status, const Payload& payload);
    void on_cancelled(LegContext& ctx, ServerKey key);
    void on_ack(LegContext& ctx, Message ack);
    void on_prack(LegContext& ctx, ServerKey key, Message prack);
    void after_prack(LegContext& ctx);

    // leg_offer.cc
    bool reoffer(LegContext& ctx, Payload payload);
    bool may_offer_now() const;
    bool ack_is_due() const;  // of our 2xx
    bool send_offer(LegContext& ctx, Payload payload, LegRequestUse use);
    void on_offer_done(LegContext& ctx, LegRequest done, int status, Message response);
    void on_offer_success(LegContext& ctx, const LegRequest& done, Message response);
    void on_offer_failure(LegContext& ctx, LegRequest done, int status, Message response);
    void on_remote_invite(LegContext& ctx, ServerKey key, Message request);
    void on_remote_update(LegContext& ctx, ServerKey key, Message request);
    void take_remote_offer(LegContext& ctx, ServerKey key, Message request);
    bool accept(LegContext& ctx, ServerKey key, Payload payload);
    bool refuse(LegContext& ctx, ServerKey key, int status, const Payload& payload);
    bool peer_updates() const;

    // leg_requests.cc
    void on_request(LegContext& ctx, const RequestArrival& arrival, Message request);
    void dispatch(LegContext& ctx, ServerKey key, Message request);
    void on_bye(LegContext& ctx, ServerKey key, Message bye);
    ClientKey send(LegContext& ctx, std::string_view method, const Payload& payload);
    bool respond(LegContext& ctx, ServerKey key, int status, const Payload& payload);
    void on_response(LegContext& ctx, const ResponseArrival& arrival, Message response);
    void on_layer_event(LegContext& ctx, const LayerEvent& event);
    void on_request_done(LegContext& ctx, size_t index, int status, Message response);
    void hangup(LegContext& ctx, int status, Payload payload);
    void send_bye(LegContext& ctx, const Payload& payload);
    void refuse_served(LegContext& ctx);
    void close(LegContext& ctx, Payload payload);  // ACK what is owed, BYE now or after the ACK
    bool try_again_with_credentials(LegContext& ctx, LegRequest& done, const Message& response);
    void on_session_provisional(LegContext& ctx, const Message& response);
    void end(LegContext& ctx, LegEvent event);
    void end_by_us(LegContext& ctx, LegEvent::Cause cause, int status);
    void take_over(LegContext& ctx);
    void repeat_unacknowledged(LegContext& ctx);
    void audit(LegContext& ctx);

    // leg_timers.cc
    void on_timeout(LegContext& ctx);
    void on_two_hundred_due(LegContext& ctx);
    void on_reliable_due(LegContext& ctx);
    void on_session_due(LegContext& ctx);
    std::optional<Instant> next_deadline() const;
    bool settled() const;

    // leg_auth.cc
    bool may_authenticate(const Message& request, const Message& response, uint32_t attempt);
    void authenticate(LegContext& ctx, Message& request);

    // leg.cc
    LegEvent event(LegEvent::Kind kind) const;
    void tell(LegContext& ctx, LegEvent event) { ctx.events.push_back(std::move(event)); }
    Envelope envelope_for(Method method) const;
    ClientKey start_request(LegContext& ctx, LegRequest request);  // nil: the layer is full
    Message response_to(const Message& request, int status) const;
    void send_response(LegContext& ctx, ServerKey key, Message response, const Payload& payload);
    void refuse_request(LegContext& ctx, ServerKey key, const Message& request, int status);
    void dress(Message& message, const Payload& payload) const;
    void advertise(Message& message) const;  // Allow, Supported
    void note_peer(const Message& message);  // its Allow
    LegServed* find_served(ServerKey key);
    LegDialog* find_dialog(const Message& request);  // confirmed or early; nullptr: 481
    LegSnapshot snapshot() const;
    static Core restore(LegSnapshot snapshot);

    UserKey key = 0;
    LegSettings settings;
    LegState state = LegState::Idle;
    bool is_client = true;
    std::string call_id;
    Message invite_message;
    ServerKey server;
    ClientKey client;
    uint32_t attempts = 0;
    bool end_told = false;
    bool failed = false;
    bool confirmed_told = false;  // the initial INVITE's ACK went, either way
    std::optional<Payload> bye_waits;
    std::optional<Payload> answer_waits;
    std::optional<LegDialog> dialog;
    std::vector<LegDialog> early;
    std::string remote_allow;
    sdp::OfferAnswer offers;
    std::optional<sdp::Session> preview;
    bool previewed = false;
    std::optional<TwoHundredRetransmission> two_hundred;
    AckKeeper acks;
    std::optional<ReliableProvisionalSender> reliable;
    SessionTimer session_timer;
    std::vector<LegRequest> requests;
    std::vector<LegServed> served;
    std::optional<Message> ack_owed;
    std::optional<Message> prack_owed;
    std::optional<Payload> offer_waits;
    std::optional<Instant> glare_retry;
    DigestAnswers proofs;
};

}  // namespace tandem::sip
