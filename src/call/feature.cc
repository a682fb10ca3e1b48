// A feature code is a call without a second party: what the caller has dialled is written, then the
// call is answered without sound, and ended after a moment. That phones show as a call that worked;
// any failure they show, and sound, as one that did not (docs/decisions/0019). Such a call is not
// worth a snapshot.
#include "call/ask.h"
#include "call/call.h"
#include "call/limits.h"

namespace tandem::call {
namespace {

// No port of ours is behind it, and nobody sends there: the streams are inactive (RFC 3264 5.1),
// and 9 is the port of what is discarded (RFC 863).
std::vector<ports::LocalStream> nowhere(size_t streams, const IpAddress& like) {
    const auto ip = IpAddress::parse(like.family == AddressFamily::V6 ? "::" : "0.0.0.0");
    const SocketAddress discard{ip.value_or(IpAddress{}), 9};
    return std::vector<ports::LocalStream>(streams, {discard, discard});
}

int status_of(const Error& error) {
    return error.code == ErrorCode::Unavailable || error.code == ErrorCode::Timeout ? 503 : 403;
}

}  // namespace

void Call::use_feature(CallContext& ctx) {
    const auto store = ctx.around.directory.active_of_site(ports::RoleKind::Store);
    if (!offer_) return end(ctx, ReleasedBy::System, 488, "an offer is needed");
    if (!store) return end(ctx, ReleasedBy::System, 503, "no store");
    ask(ctx, *store, *feature_, {Purpose::Feature, kFeatureDeadline});
}

void Call::on_feature_done(CallContext& ctx, const ports::EntityReply& done) {
    if (phase_ != Phase::Locating) return;
    if (done.error) {
        const std::string why = done.error->field + " " + done.error->message;
        return end(ctx, ReleasedBy::System, status_of(*done.error), why);
    }
    sdp::Session silent = *offer_;
    silent.direction.reset();
    for (sdp::Media& media : silent.media) media.direction = sdp::Direction::Inactive;
    caller_->media.set_local(nowhere(silent.media.size(), caller_->flow.remote.ip));
    sip::Payload payload;
    payload.sdp = caller_->media.describe(silent, SdpRole::Answer, ctx.leg.rng);
    caller_->leg.answer(ctx.leg, std::move(payload));
    note_answered(ctx);
    set_phase(Phase::Established);
    longest_ = ctx.now.mono + kFeatureAnswered;
}

// Nothing can be changed about it. True: the event is dealt with.
bool Call::on_feature_event(CallContext& ctx, const sip::LegEvent& event) {
    using Kind = sip::LegEvent::Kind;
    switch (event.kind) {
        case Kind::RemoteOffer:
        case Kind::OfferWanted:
            caller_->leg.refuse(ctx.leg, event.server, 488, {});
            return true;
        case Kind::Request:
            caller_->leg.respond(ctx.leg, event.server, 488, {});
            return true;
        case Kind::RemoteAnswer:
        case Kind::OfferRefused:
        case Kind::RequestDone:
        case Kind::Confirmed:
            return true;
        case Kind::Incoming:
        case Kind::Provisional:
        case Kind::Answered:
        case Kind::Failed:
        case Kind::Cancelled:
        case Kind::Rejected:
        case Kind::Bye:
        case Kind::Ended:
        case Kind::Gone:
            return false;
    }
    return false;
}

}  // namespace tandem::call
