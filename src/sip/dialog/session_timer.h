// Session timers: a session whose other side has vanished ends. RFC 4028.
#pragma once

#include <cstdint>
#include <optional>

#include "base/instant.h"
#include "base/result.h"
#include "sip/message.h"

namespace tandem::sip {

struct SessionTimerSettings {
    bool enabled = true;
    uint32_t session_expires_s = 1800;  // what we ask for (RFC 4028 4 recommends it)
    uint32_t min_se_s = 90;             // the least that we accept
};

struct SessionTimerSnapshot {
    SessionTimerSettings settings;
    uint32_t min_se_s = 0;    // raised by 422 responses and requests
    uint32_t interval_s = 0;  // agreed; 0: no timer runs
    bool we_refresh = false;
    bool peer_supports = false;
    std::optional<Instant> refresh;  // when we send one
    std::optional<Instant> expiry;   // when we send a BYE
};

// Owned by its leg. Its session refresh requests are INVITE and UPDATE, of either side.
class SessionTimer {
 public:
    explicit SessionTimer(const SessionTimerSettings& settings);

    // We are UAC (7): adds Session-Expires and Min-SE to a refresh request or the first INVITE.
    // Supported is the owner's.
    void decorate_request(Message& request) const;
    // A 422 came: raises Min-SE. True: try again (7.3); false: its Min-SE is absent or no higher.
    bool on_422(const Message& response);
    // A 2xx to a refresh request of ours.
    void on_response(Instant now, const Message& response);

    // We are UAS (9): nullopt, or the response (422 with Min-SE) that refuses the request.
    std::optional<Message> check_request(const Message& request) const;
    // Chooses interval and refresher, writes Session-Expires (and Require) into the 2xx, and starts
    // the timers. Call once, when the 2xx goes out.
    void answer_request(Instant now, const Message& request, Message& response);

    enum class Due : uint8_t { Nothing, Refresh, Expired };  // Expired: send a BYE (10)
    // Refresh is told once; a response to it sets the timers anew.
    Due on_timeout(Instant now);
    std::optional<Instant> next_deadline() const;
    void retry(Instant at);   // a refresh of ours could not be sent or was refused: once more
    void hurry(Instant now);  // the way to the peer was mended: what retry() put off is due
    void stop();              // the dialog is ending

    bool running() const { return s_.interval_s != 0; }
    bool we_refresh() const { return s_.we_refresh; }
    uint32_t interval_s() const { return s_.interval_s; }

    const SessionTimerSnapshot& snapshot() const { return s_; }
    static SessionTimer restore(SessionTimerSnapshot snapshot);

 private:
    void start(Instant now);
    SessionTimerSnapshot s_;
};

}  // namespace tandem::sip
