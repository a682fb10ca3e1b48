// The phases of a call, and who may end it.
#pragma once

#include <cstdint>
#include <string_view>

namespace tandem::call {

enum class Phase : uint8_t {
    Arriving,     // the caller's INVITE is being looked at
    Locating,     // devices of the called account and a media gate are asked for
    Ringing,      // branches are out, or wait for their ports
    Committing,   // somebody answered; the caller is told when the call is safe
    Established,  // the caller was told
    Ending,       // legs and statistics run out
    Over,
};
std::string_view to_string(Phase phase);

enum class ReleasedBy : uint8_t { System, Caller, Callee };

}  // namespace tandem::call
