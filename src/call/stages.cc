// A route may have several stages, of which one rings at a time: the next begins when nobody of the
// present one can answer any more, or its time is over.
#include <algorithm>

#include "call/call.h"

namespace tandem::call {

void Call::ask_for_devices(CallContext& ctx) {
    for (size_t i = 0; i < destinations_.size(); ++i) {
        if (destinations_[i].stage == stage_)
            ask_where(ctx, Purpose::Bindings, static_cast<uint8_t>(i));
    }
}

void Call::begin_stage_time(CallContext& ctx) {
    stage_deadline_.reset();
    if (stage_ < stages_.size() && stages_[stage_] > Duration{0})
        stage_deadline_ = ctx.now.mono + stages_[stage_];
}

// False: it was the last one.
bool Call::next_stage(CallContext& ctx) {
    if (stage_ + 1u >= stages_.size()) return false;
    ++stage_;
    locate_give_up_.reset();
    ask_for_devices(ctx);
    if (phase_ == Phase::Ringing) begin_stage_time(ctx);
    return true;
}

void Call::on_stage_timeout(CallContext& ctx) {
    cancel_branches(ctx, 0, "");
    if (!early_is_final_) early_ = 0;
    if (!next_stage(ctx)) on_ring_timeout(ctx);
}

}  // namespace tandem::call
