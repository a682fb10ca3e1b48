// Values that the parts of a call's snapshot share. See snapshot_codec.cc.
#pragma once

#include <optional>
#include <string>

#include "base/octets.h"
#include "call/call_context.h"

namespace tandem::proto {
class SnapshotForward;
}

namespace tandem::call {

template <typename Tag>
std::string octets(Id<Tag> id) {
    return octets_of(id.bits);
}
template <typename T>
T id_from(const std::string& octets) {  // nil: there are not 16
    return {bits_of(octets).value_or(Bits128{})};
}

void encode_forward(const routing::Forward& from, proto::SnapshotForward& out);
routing::Forward decode_forward(const proto::SnapshotForward& in);

}  // namespace tandem::call
