// How a call asks another role. Included by the parts of Call only.
#pragma once

#include <utility>

#include "call/call.h"

namespace tandem::call {

// The request's number carries the call's, so that the owner finds the call of each reply.
template <typename T>
void Call::ask(CallContext& ctx, ports::Instance to, T payload, Wanted wanted) {
    const uint64_t request = leg_key(base(), static_cast<uint8_t>(++questions_asked_));
    questions_.push_back({request, wanted.purpose, wanted.branch, ctx.now.mono + wanted.deadline});
    ctx.out.send(ctx.around.self, to, std::move(payload), request);
}

}  // namespace tandem::call
