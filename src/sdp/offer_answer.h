// The offer/answer model of RFC 3264, as pure functions and one small state machine a dialog leg.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sdp/session.h"

namespace tandem::sdp {

// What the other side sees: sendonly of one is recvonly of the other (RFC 3264 6.1).
Direction reversed(Direction direction);

// The answer's direction for an offer's, when we are willing to do `ours` (RFC 3264 6.1).
Direction answer_direction(Direction offered, Direction ours);

// Whether the sender of a media with this direction puts the other on hold (RFC 3264 8.4).
bool is_hold(Direction direction);

// Whether the sender of this description holds: every live RTP stream is sendonly or inactive, or
// has the address 0.0.0.0 of RFC 2543.
bool is_hold(const Session& session);

// Whether `answer` may answer `offer` (RFC 3264 6): the same number of m-lines, each of the same
// type, a stream rejected in the offer stays rejected, formats of RTP are not empty. The error
// names the m-line.
Result<void> check_answer(const Session& offer, const Session& answer);

// Whether `next` may follow `previous` as a new offer of the same session (RFC 3264 8): m-lines are
// never removed or reordered (a disabled slot may be reused).
Result<void> check_reoffer(const Session& previous, const Session& next);

// An offer fitted to the m-lines that a leg already has, when its media now comes from another
// party (transfer, pickup): a slot takes the first unused m-line of its type, else is closed; what
// remains is appended. `source[slot]` is the index in the description given.
struct Aligned {
    Session offer;
    std::vector<std::optional<size_t>> source;
};
Aligned align_offer(const Session& previous, const Session& next);
// The answer to an aligned offer, in the order of the description that was given to align_offer.
Session unaligned_answer(const Session& answer, const Aligned& aligned, const Session& given);

// Refuses every stream of an offer: all ports 0, so that the dialog may stay.
Session rejecting_answer(const Session& offer, const Origin& origin);

// Equal but for the version in o=: such a description needs no new version (RFC 3264 8).
bool same_description(const Session& a, const Session& b);

enum class OfferState : uint8_t { Stable, LocalOffer, RemoteOffer };
std::string_view to_string(OfferState state);

// What the version of our o= line stands for at present.
enum class VersionUse : uint8_t {
    Unsent,  // nothing has been sent yet
    Agreed,  // the local description carries it
    Spent,   // an offer that was rolled back carried it; the next description needs a new one
};

// All that must survive the owner of a leg; the owner encodes it.
struct OfferAnswerSnapshot {
    OfferState state = OfferState::Stable;
    Origin origin;  // ours; the version is that of the last description sent
    VersionUse version_use = VersionUse::Unsent;
    std::optional<Session> local;    // agreed, or last sent
    std::optional<Session> remote;   // agreed, or last received
    std::optional<Session> pending;  // the offer under way, either side's
};

// Offers and answers of one dialog leg, seen from us. Owned by the leg. It owns our o= line: the
// owner builds a description without caring for o=, passes it through send_offer or send_answer,
// and sends what comes back. RFC 3264 4-8; RFC 6337 for offers that fail.
class OfferAnswer {
 public:
    // `origin` holds the username, session id, first version and address that this leg shows.
    explicit OfferAnswer(Origin origin);

    // Stable -> LocalOffer. Returns what to send, with o= stamped. Conflict (sip_status 491) in
    // another state.
    Result<Session> send_offer(Session offer);
    // LocalOffer -> Stable.
    Result<void> receive_answer(Session answer);
    // INTEROP: an answer in an unreliable provisional response is a preview, and the one of the 2xx
    // may differ (RFC 6337 3.1). Replaces the remote description while Stable; checks it against
    // ours.
    Result<void> revise_answer(Session answer);
    // Stable -> RemoteOffer. In LocalOffer: 491; in RemoteOffer: 500 with Retry-After (RFC
    // 3261 14.2).
    Result<void> receive_offer(Session offer);
    // An answer for an unreliable provisional response: it does not count (RFC 3261 13.2.1), and
    // the state stays RemoteOffer. `last` went out before; who took that one for the answer sees by
    // the version whether this one differs.
    Result<Session> preview_answer(Session answer, const std::optional<Session>& last);
    // RemoteOffer -> Stable. `previewed` went out before in such a response.
    Result<Session> send_answer(Session answer, const std::optional<Session>& previewed = {});
    // The offer under way failed (488, 491, timeout, CANCEL): what was agreed before holds again
    // (RFC 3261 14.1). The version that was sent stays used.
    void roll_back();

    OfferState state() const { return state_; }
    bool established() const { return local_.has_value() && remote_.has_value(); }
    // The agreed descriptions (of the last completed exchange).
    const std::optional<Session>& local() const { return local_; }
    const std::optional<Session>& remote() const { return remote_; }
    const std::optional<Session>& pending_offer() const { return pending_; }
    const Origin& origin() const { return origin_; }

    OfferAnswerSnapshot snapshot() const;
    static OfferAnswer restore(OfferAnswerSnapshot snapshot);

 private:
    void stamp(Session& session);

    OfferState state_ = OfferState::Stable;
    Origin origin_;
    VersionUse version_use_ = VersionUse::Unsent;
    std::optional<Session> local_;
    std::optional<Session> remote_;
    std::optional<Session> pending_;
};

}  // namespace tandem::sdp
