// A trunk's picture for operators.
#pragma once

#include <string>

#include "ports/address.h"
#include "roles/external_sip_gate/trunk_line.h"

namespace tandem::roles::external_sip_gate {

// One JSON object; `gate` looks after it.
std::string state_json(const TrunkLine& line, Now now, ports::Instance gate);

}  // namespace tandem::roles::external_sip_gate
