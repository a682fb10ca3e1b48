// What a party hears from the media gate, in the snapshot of its call.
#pragma once

#include <optional>

#include "ports/media_port.h"

namespace tandem::proto {
class SnapshotPlay;
}

namespace tandem::call {

// The voices of a mix are not kept.
void encode_play(const ports::MediaPlay& from, proto::SnapshotPlay& out);
// nullopt: a newer program plays what we do not know. It is told anew, as nothing is like it.
std::optional<ports::MediaPlay> decode_play(const proto::SnapshotPlay& in);

}  // namespace tandem::call
