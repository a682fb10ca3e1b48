#include "sdp/offer_answer.h"

#include <algorithm>
#include <utility>

namespace tandem::sdp {
namespace {

constexpr int kRequestPending = 491;     // RFC 3261 14.1: glare
constexpr int kNotAcceptableHere = 488;  // RFC 3261 21.4.26
constexpr int kServerError = 500;  // RFC 3261 14.2: a second offer before the first is answered

bool sends(Direction d) {
    return d == Direction::SendRecv || d == Direction::SendOnly;
}
bool receives(Direction d) {
    return d == Direction::SendRecv || d == Direction::RecvOnly;
}

Direction direction_from(bool send, bool receive) {
    if (send) return receive ? Direction::SendRecv : Direction::SendOnly;
    return receive ? Direction::RecvOnly : Direction::Inactive;
}

Error about_line(size_t index, std::string_view what) {
    Error error = make_error(ErrorCode::Conflict, "m", {}, kNotAcceptableHere);
    error.message = "m-line " + std::to_string(index + 1) + ": ";
    error.message += what;
    return error;
}

Error wrong_state(std::string_view what, int sip_status) {
    return make_error(ErrorCode::Conflict, "sdp", what, sip_status);
}

// A closed m-line keeps type, protocol and a format, as its grammar needs them (RFC 3264 8.2).
Media closed(const Media& like) {
    Media media;
    media.type = like.type;
    media.protocol = like.protocol;
    media.protocol_text = like.protocol_text;
    media.formats = like.formats;
    return media;
}

}  // namespace

Direction reversed(Direction direction) {
    return direction_from(receives(direction), sends(direction));
}

Direction answer_direction(Direction offered, Direction ours) {
    return direction_from(receives(offered) && sends(ours), sends(offered) && receives(ours));
}

bool is_hold(Direction direction) {
    return !receives(direction);
}

bool is_hold(const Session& session) {
    bool any = false;
    for (const Media& media : session.media) {
        if (media.rejected() || !media.is_rtp()) continue;
        any = true;
        const auto ip = connection_of(session, media).ip();
        const bool old_style = ip && ip->is_unspecified();  // RFC 3264 8.4
        if (!old_style && !is_hold(direction_of(session, media))) return false;
    }
    return any;
}

Result<void> check_answer(const Session& offer, const Session& answer) {
    if (answer.media.size() != offer.media.size())
        return make_error(ErrorCode::Conflict, "m", "offer and answer differ in their m-lines",
                          kNotAcceptableHere);
    for (size_t i = 0; i < offer.media.size(); ++i) {
        const Media& asked = offer.media[i];
        const Media& given = answer.media[i];
        if (asked.type != given.type) return about_line(i, "the answer has another media type");
        if (asked.rejected() && !given.rejected())
            return about_line(i, "the answer opens a stream that was not offered");
        if (!given.rejected() && given.formats.empty())
            return about_line(i, "the answer names no format");
    }
    return {};
}

// A line may change its media type, as a call does that turns out to be a fax (8.3.3).
Result<void> check_reoffer(const Session& previous, const Session& next) {
    if (next.media.size() < previous.media.size())
        return make_error(ErrorCode::Conflict, "m", "an m-line was removed", kNotAcceptableHere);
    return {};
}

Aligned align_offer(const Session& previous, const Session& next) {
    Aligned out{next, {}};
    out.offer.media.clear();
    std::vector<bool> used(next.media.size(), false);
    const auto take = [&](size_t index) {
        used[index] = true;
        out.offer.media.push_back(next.media[index]);
        out.source.emplace_back(index);
    };
    for (const Media& slot : previous.media) {
        size_t index = 0;
        while (index < used.size() && (used[index] || next.media[index].type != slot.type)) ++index;
        if (index < used.size()) {
            take(index);
        } else {
            out.offer.media.push_back(closed(slot));
            out.source.emplace_back(std::nullopt);
        }
    }
    for (size_t index = 0; index < used.size(); ++index) {
        if (!used[index]) take(index);
    }
    return out;
}

Session unaligned_answer(const Session& answer, const Aligned& aligned, const Session& given) {
    Session out = answer;
    out.media.clear();
    for (const Media& media : given.media) out.media.push_back(closed(media));
    const size_t slots = std::min(answer.media.size(), aligned.source.size());
    for (size_t slot = 0; slot < slots; ++slot) {
        const auto index = aligned.source[slot];
        if (index && *index < out.media.size()) out.media[*index] = answer.media[slot];
    }
    return out;
}

Session rejecting_answer(const Session& offer, const Origin& origin) {
    Session answer;
    answer.origin = origin;
    answer.times = offer.times;
    answer.connection = origin.address;
    for (const Media& asked : offer.media) answer.media.push_back(closed(asked));
    return answer;
}

bool same_description(const Session& a, const Session& b) {
    if (a.media.size() != b.media.size()) return false;
    Origin origin = a.origin;
    origin.version = b.origin.version;
    if (origin != b.origin) return false;
    if (a.origin == b.origin) return a == b;
    Session copy = a;
    copy.origin = b.origin;
    return copy == b;
}

std::string_view to_string(OfferState state) {
    switch (state) {
        case OfferState::Stable:
            return "stable";
        case OfferState::LocalOffer:
            return "local offer";
        case OfferState::RemoteOffer:
            return "remote offer";
    }
    return {};
}

OfferAnswer::OfferAnswer(Origin origin) : origin_(std::move(origin)) {}

// The version rises by exactly one when the description changes, else stays (RFC 3264 8).
// An owner that does not know its media address beforehand leaves it empty: that of the first
// description stays.
void OfferAnswer::stamp(Session& session) {
    if (origin_.address.empty()) origin_.address = session.connection;
    session.origin = origin_;
    switch (version_use_) {
        case VersionUse::Unsent:
            return;
        case VersionUse::Agreed:
            if (local_ && same_description(*local_, session)) return;
            break;
        case VersionUse::Spent:
            break;
    }
    session.origin.version = ++origin_.version;
}

Result<Session> OfferAnswer::send_offer(Session offer) {
    if (state_ != OfferState::Stable) return wrong_state("an offer is under way", kRequestPending);
    if (local_) TRY(check_reoffer(*local_, offer));
    stamp(offer);
    const bool repeats = version_use_ == VersionUse::Agreed && local_ &&
                         local_->origin.version == offer.origin.version;
    if (!repeats) version_use_ = VersionUse::Spent;
    pending_ = offer;
    state_ = OfferState::LocalOffer;
    return offer;
}

Result<void> OfferAnswer::receive_answer(Session answer) {
    if (state_ != OfferState::LocalOffer)
        return wrong_state("an answer came without an offer", kNotAcceptableHere);
    TRY(check_answer(*pending_, answer));
    local_ = std::move(pending_);
    pending_.reset();
    remote_ = std::move(answer);
    version_use_ = VersionUse::Agreed;
    state_ = OfferState::Stable;
    return {};
}

Result<void> OfferAnswer::revise_answer(Session answer) {
    if (state_ != OfferState::Stable || !established())
        return wrong_state("nothing was answered yet", kNotAcceptableHere);
    TRY(check_answer(*local_, answer));
    remote_ = std::move(answer);
    return {};
}

Result<void> OfferAnswer::receive_offer(Session offer) {
    switch (state_) {
        case OfferState::LocalOffer:
            return wrong_state("our own offer is under way", kRequestPending);
        case OfferState::RemoteOffer:
            return wrong_state("the former offer has no answer yet", kServerError);
        case OfferState::Stable:
            break;
    }
    if (remote_) TRY(check_reoffer(*remote_, offer));
    pending_ = std::move(offer);
    state_ = OfferState::RemoteOffer;
    return {};
}

Result<Session> OfferAnswer::preview_answer(Session answer, const std::optional<Session>& last) {
    if (state_ != OfferState::RemoteOffer)
        return wrong_state("there is no offer to answer", kNotAcceptableHere);
    TRY(check_answer(*pending_, answer));
    stamp(answer);
    if (last && !same_description(*last, answer)) answer.origin.version = ++origin_.version;
    return answer;
}

Result<Session> OfferAnswer::send_answer(Session answer, const std::optional<Session>& previewed) {
    answer = TRY(preview_answer(std::move(answer), previewed));
    remote_ = std::move(pending_);
    pending_.reset();
    local_ = answer;
    version_use_ = VersionUse::Agreed;
    state_ = OfferState::Stable;
    return answer;
}

void OfferAnswer::roll_back() {
    pending_.reset();
    state_ = OfferState::Stable;
}

OfferAnswerSnapshot OfferAnswer::snapshot() const {
    return {state_, origin_, version_use_, local_, remote_, pending_};
}

OfferAnswer OfferAnswer::restore(OfferAnswerSnapshot snapshot) {
    OfferAnswer out(std::move(snapshot.origin));
    out.state_ = snapshot.state;
    out.version_use_ = snapshot.version_use;
    out.local_ = std::move(snapshot.local);
    out.remote_ = std::move(snapshot.remote);
    out.pending_ = std::move(snapshot.pending);
    return out;
}

}  // namespace tandem::sdp
