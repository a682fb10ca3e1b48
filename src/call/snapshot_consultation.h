// A transfer whose sender asks first, in a call's snapshot. See snapshot_codec.cc.
#pragma once

#include "call/transfer.h"

namespace tandem::proto {
class CallSnapshot;
}

namespace tandem::call {

void encode_consultation(const TransferSnapshot& from, proto::CallSnapshot& out);
// `out` has the referrer, and `in` has been looked through: those who talk are there.
void decode_consultation(const proto::CallSnapshot& in, TransferSnapshot& out);

}  // namespace tandem::call
