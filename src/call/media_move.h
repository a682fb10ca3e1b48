// A call whose media gate is gone, or has lost the context, on its way to another context.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
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
    std::array<std::vector<ports::LocalStream>, 2> before;  // ports that the parties know
    std::array<MoveSide, 2> sides;                          // caller, callee
};

}  // namespace tandem::call
