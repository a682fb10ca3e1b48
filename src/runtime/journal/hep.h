// Homer Encapsulation Protocol, version 3: copies of SIP messages for capture servers. Pure.
// https://github.com/sipcapture/HEP/blob/master/docs/HEP3NetworkProtocolSpecification_REV32.pdf
#pragma once

#include <cstdint>
#include <string>

#include "ports/letter.h"

namespace tandem::runtime {

struct HepSettings {
    uint32_t capture_id = 0;
    std::string password;  // empty: none
    std::string node_name;
};

// One HEP3 packet:
//   "HEP3", total length (16), then chunks of vendor id (16, 0: generic), type (16),
//   length with these six bytes (16), value.
std::string hep_packet(const ports::SipTrace& trace, const HepSettings& settings);

}  // namespace tandem::runtime
