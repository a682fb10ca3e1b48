#include "rtp/key_presses.h"

namespace tandem::rtp {

bool KeyPresses::is_new(const Header& header, const TelephoneEvent& event) const {
    if (!has_any_ || header.ssrc != ssrc_) return true;
    // The same press, or one before it that was overtaken.
    const auto later = static_cast<int32_t>(header.timestamp - timestamp_);
    if (later <= 0) return false;
    // One that is longer than a duration can say goes on as another segment (RFC 4733 2.5.1.3).
    const bool goes_on =
        !has_ended_ && event.event == event_ && header.timestamp - timestamp_ == duration_;
    return !goes_on;
}

std::optional<char> KeyPresses::on_event(const Header& header, const TelephoneEvent& event) {
    const auto key = dtmf_digit(event.event);
    if (!key) return std::nullopt;
    const bool fresh = is_new(header, event);
    const auto later = static_cast<int32_t>(header.timestamp - timestamp_);
    if (!fresh && later < 0) return std::nullopt;
    if (fresh || later > 0) has_ended_ = false;
    has_any_ = true;
    ssrc_ = header.ssrc;
    timestamp_ = header.timestamp;
    duration_ = event.duration;
    event_ = event.event;
    has_ended_ = has_ended_ || event.end;
    return fresh ? key : std::nullopt;
}

}  // namespace tandem::rtp
