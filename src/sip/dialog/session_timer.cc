#include "sip/dialog/session_timer.h"

#include <algorithm>
#include <string>

#include "sip/dialog/limits.h"
#include "sip/transaction/earliest.h"

namespace tandem::sip {
namespace {

std::optional<SessionExpires> session_expires_of(const Message& message) {
    const auto value = message.session_expires();
    return value ? *value : std::nullopt;
}

uint32_t min_se_of(const Message& message) {
    const auto value = message.min_se();
    return value && *value ? (*value)->seconds : 0;
}

std::string with_refresher(uint32_t seconds, std::string_view refresher) {
    return std::to_string(seconds).append(";refresher=").append(refresher);
}

// RFC 4028 10: how long before the end of the session the BYE goes out.
Duration time_to_end(Duration interval) {
    return std::min<Duration>(32s, interval / 3);
}

}  // namespace

SessionTimer::SessionTimer(const SessionTimerSettings& settings) {
    s_.settings = settings;
    s_.settings.min_se_s = std::max(settings.min_se_s, min_se_floor_s);
}

SessionTimer SessionTimer::restore(SessionTimerSnapshot snapshot) {
    SessionTimer timer(snapshot.settings);
    timer.s_ = std::move(snapshot);
    return timer;
}

// RFC 4028 7.1, 7.4.
void SessionTimer::decorate_request(Message& request) const {
    if (!s_.settings.enabled) return;
    const uint32_t wanted = running() ? s_.interval_s : s_.settings.session_expires_s;
    const uint32_t min_se = std::max(s_.min_se_s, min_se_floor_s);
    const uint32_t seconds = std::max(wanted, min_se);
    // The roles of a session that runs stay as they are; for a new one the peer chooses.
    request.append(HeaderId::SessionExpires,
                   running() ? with_refresher(seconds, s_.we_refresh ? "uac" : "uas")
                             : std::to_string(seconds));
    if (min_se > min_se_floor_s) request.append(HeaderId::MinSe, std::to_string(min_se));
}

bool SessionTimer::on_422(const Message& response) {
    const uint32_t min_se = min_se_of(response);
    if (!s_.settings.enabled || min_se <= std::max(s_.min_se_s, min_se_floor_s)) return false;
    s_.min_se_s = min_se;
    return true;
}

// RFC 4028 7.2. A peer without session timers answers without Session-Expires: then the session
// need not expire, and we refresh it all the same, to learn when the peer has vanished (RFC 4028
// 4).
void SessionTimer::on_response(Instant now, const Message& response) {
    if (!s_.settings.enabled) return;
    const auto agreed = session_expires_of(response);
    if (agreed && agreed->seconds > 0) {
        s_.interval_s = agreed->seconds;
        s_.we_refresh = agreed->refresher != Refresher::Uas;
    } else {
        if (!running()) s_.interval_s = std::max(s_.settings.session_expires_s, s_.min_se_s);
        s_.we_refresh = true;
    }
    start(now);
}

std::optional<Message> SessionTimer::check_request(const Message& request) const {
    const auto asked = session_expires_of(request);
    const bool understands = request.has_value(HeaderId::Supported, "timer");
    if (!s_.settings.enabled || !asked || !understands) return std::nullopt;
    if (asked->seconds >= s_.settings.min_se_s) return std::nullopt;
    Message refusal = make_response(request, 422);
    refusal.append(HeaderId::MinSe, std::to_string(s_.settings.min_se_s));
    return refusal;
}

// RFC 4028 9, table 2.
void SessionTimer::answer_request(Instant now, const Message& request, Message& response) {
    if (!s_.settings.enabled) return;
    const auto asked = session_expires_of(request);
    s_.peer_supports = request.has_value(HeaderId::Supported, "timer");
    s_.min_se_s = std::max(s_.min_se_s, min_se_of(request));
    uint32_t seconds = s_.settings.session_expires_s;
    if (asked) seconds = std::min(seconds, asked->seconds);
    s_.interval_s = std::max({seconds, s_.min_se_s, s_.settings.min_se_s});
    // A peer that does not know session timers cannot refresh: we do (table 2, first row).
    s_.we_refresh = !s_.peer_supports || (asked && asked->refresher == Refresher::Uas);
    if (!s_.we_refresh) response.append(HeaderId::Require, "timer");
    response.append(HeaderId::SessionExpires,
                    with_refresher(s_.interval_s, s_.we_refresh ? "uas" : "uac"));
    start(now);
}

// RFC 4028 10: refresh at half the interval.
void SessionTimer::start(Instant now) {
    const Duration interval = std::chrono::seconds(s_.interval_s);
    s_.refresh.reset();
    if (s_.we_refresh) s_.refresh = now + interval / 2;
    s_.expiry = now + interval - time_to_end(interval);
}

void SessionTimer::retry(Instant at) {
    if (running() && s_.we_refresh) s_.refresh = at;
}

// A refresh later than at half the interval is one that was put off.
void SessionTimer::hurry(Instant now) {
    if (!s_.refresh || !s_.expiry) return;
    const Duration interval = std::chrono::seconds(s_.interval_s);
    const Instant began = *s_.expiry - (interval - time_to_end(interval));
    if (*s_.refresh > began + interval / 2) s_.refresh = std::min(*s_.refresh, now);
}

SessionTimer::Due SessionTimer::on_timeout(Instant now) {
    if (is_due(s_.expiry, now)) {
        stop();
        return Due::Expired;
    }
    if (!is_due(s_.refresh, now)) return Due::Nothing;
    s_.refresh.reset();
    return Due::Refresh;
}

std::optional<Instant> SessionTimer::next_deadline() const {
    return earliest({s_.refresh, s_.expiry});
}

void SessionTimer::stop() {
    s_.interval_s = 0;
    s_.refresh.reset();
    s_.expiry.reset();
}

}  // namespace tandem::sip
