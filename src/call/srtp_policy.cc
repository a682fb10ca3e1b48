#include "call/srtp_policy.h"

namespace tandem::call {

std::string_view to_string(SrtpPolicy policy) {
    switch (policy) {
        case SrtpPolicy::Off:
            return "off";
        case SrtpPolicy::Optional:
            return "optional";
        case SrtpPolicy::Required:
            return "required";
    }
    return "";
}

std::optional<SrtpPolicy> srtp_policy_from(std::string_view text) {
    for (const SrtpPolicy policy : {SrtpPolicy::Off, SrtpPolicy::Optional, SrtpPolicy::Required}) {
        if (to_string(policy) == text) return policy;
    }
    return std::nullopt;
}

ProfilePlan profile_for_callee(SrtpPolicy policy, ports::Transport transport) {
    const bool secure = transport == ports::Transport::Tls || transport == ports::Transport::Wss;
    switch (policy) {
        case SrtpPolicy::Off:
            return {MediaProfile::Rtp, false};
        case SrtpPolicy::Required:
            return {MediaProfile::Srtp, false};
        case SrtpPolicy::Optional:
            break;
    }
    return {secure ? MediaProfile::Srtp : MediaProfile::Rtp, true};
}

bool accepts_profile(SrtpPolicy policy, MediaProfile offered) {
    switch (policy) {
        case SrtpPolicy::Off:
            return offered == MediaProfile::Rtp;
        case SrtpPolicy::Required:
            return offered == MediaProfile::Srtp;
        case SrtpPolicy::Optional:
            break;
    }
    return true;
}

}  // namespace tandem::call
