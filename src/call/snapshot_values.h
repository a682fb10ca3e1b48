// Values that the parts of a call's snapshot share. See snapshot_codec.cc.
#pragma once

#include <optional>
#include <string>

#include "call/call_context.h"

namespace tandem::proto {
class SnapshotForward;
}

namespace tandem::call {

std::string octets(Bits128 bits);              // 16 of them
Bits128 bits_from(const std::string& octets);  // nil: there are not 16

template <typename Tag>
std::string octets(Id<Tag> id) {
    return octets(id.bits);
}
template <typename T>
T id_from(const std::string& octets) {
    return T{bits_from(octets)};
}

void encode_forward(const routing::Forward& from, proto::SnapshotForward& out);
routing::Forward decode_forward(const proto::SnapshotForward& in);

}  // namespace tandem::call
