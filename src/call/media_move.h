// A call whose media gate is gone, or has lost the context, on its way to another context. One that
// rings goes on ringing: what its phones were told of ports that are gone is put right when it has
// been answered.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "ports/media_port.h"

namespace tandem::call {

// One party and the new ports: it is offered them unless it has them already.
struct MoveSide {
    bool wanted = false;           // it has to be offered them
    bool offering = false;         // our offer is under way, or its leg waits to repeat it
    std::optional<Instant> again;  // when to offer them (again)
};

struct MediaMove {
    enum class Stage : uint8_t {
        Placing,   // the controller is asked, again at `again` while no gate is there
        Opening,   // the gate is asked for the context
        Offering,  // the parties are offered what is new to them
    };
    Stage stage = Stage::Placing;
    Instant give_up;
    ports::Instance former;  // a gate that still carries the sound; none: it is gone
    std::optional<Instant> again;
    std::vector<std::vector<ports::LocalStream>> before;  // ports that each leg knows
    bool joins = false;                                   // the new context joins the parties
    std::pair<uint8_t, uint8_t> joined;                   // these, who may be others by now
    std::map<uint8_t, MoveSide> sides;                    // by leg
    MoveSide side_of(uint8_t leg) const {
        const auto found = sides.find(leg);
        return found == sides.end() ? MoveSide{} : found->second;
    }
};

}  // namespace tandem::call
