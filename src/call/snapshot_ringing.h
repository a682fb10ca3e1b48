// The way of a call that nobody has answered, in its snapshot. See snapshot_codec.cc.
#pragma once

#include "call/call_snapshot.h"

namespace tandem::proto {
class SnapshotRinging;
}

namespace tandem::call {

void encode_ringing(const RingingSnapshot& from, proto::SnapshotRinging& out);
// nullopt: none that a call could go on along.
std::optional<RingingSnapshot> decode_ringing(const proto::SnapshotRinging& in);

}  // namespace tandem::call
