// Which media profile is offered to a phone and which is accepted from it: RTP on one side and
// SRTP on the other works, as the media gate decrypts and encrypts for each side. RFC 3711, 4568.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ports/sip_port.h"

namespace tandem::call {

enum class SrtpPolicy : uint8_t {
    Off,       // never
    Optional,  // as the phone likes it
    Required,  // nothing else
};

std::string_view to_string(SrtpPolicy policy);  // "off", "optional", "required"
std::optional<SrtpPolicy> srtp_policy_from(std::string_view text);

enum class MediaProfile : uint8_t { Rtp, Srtp };

struct ProfilePlan {
    MediaProfile first = MediaProfile::Rtp;
    bool try_other = false;  // after a 488 or 415 the other profile is offered
};

// Towards a phone that is called. Keys in a description are only as secret as the signalling that
// carries them (RFC 4568 7), so SRTP is offered first where that is TLS.
ProfilePlan profile_for_callee(SrtpPolicy policy, ports::Transport transport);

// Of a phone that offers: it gets what it offered, unless the policy forbids it.
bool accepts_profile(SrtpPolicy policy, MediaProfile offered);

}  // namespace tandem::call
