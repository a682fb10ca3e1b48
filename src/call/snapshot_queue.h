// The queues that a call came to, in its snapshot. See snapshot_codec.cc.
#pragma once

#include "call/queue_wait.h"

namespace tandem::proto {
class CallSnapshot;
}

namespace tandem::call {

void encode_queue(const QueueSnapshot& from, proto::CallSnapshot& out);
QueueSnapshot decode_queue(const proto::CallSnapshot& in);

}  // namespace tandem::call
