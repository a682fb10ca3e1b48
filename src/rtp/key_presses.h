// Keys out of telephone events: one press is many packets, with one timestamp. RFC 4733 2.5.
#pragma once

#include <cstdint>
#include <optional>

#include "rtp/packet.h"

namespace tandem::rtp {

class KeyPresses {
 public:
    // The key, with the first packet of its press that came, whichever it is; nullopt: it is known,
    // or no key of a phone.
    std::optional<char> on_event(const Header& header, const TelephoneEvent& event);

 private:
    bool is_new(const Header& header, const TelephoneEvent& event) const;

    uint32_t ssrc_ = 0;
    uint32_t timestamp_ = 0;
    uint16_t duration_ = 0;
    uint8_t event_ = 0;
    bool has_any_ = false;
    bool has_ended_ = false;
};

}  // namespace tandem::rtp
