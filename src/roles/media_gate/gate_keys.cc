// Keys that parties press (RFC 4733), for owners that have asked for them. The events pass to the
// other parties as all packets do.
#include <algorithm>

#include "roles/media_gate/gate.h"

namespace tandem::roles::media_gate {

void Gate::note_key(Instant now, const Route& route, BytesView packet) {
    const auto key = route.stream->key_in(now, packet);
    if (key && pressed_.size() < kKeysUntoldMax)
        pressed_.push_back({route.stream->ports().rtp, *key});
}

// Nobody presses often, so the context is looked for.
void Gate::tell_pressed(GateOutput& out) {
    for (const Pressed& pressed : pressed_) {
        const Route* route = route_of(pressed.port);
        if (route == nullptr || route->stream == nullptr) continue;
        for (const auto& [call, context] : contexts_) {
            for (const auto& [id, termination] : context.terminations) {
                const auto at = std::ranges::find(termination.streams, route->stream,
                                                  &std::unique_ptr<Stream>::get);
                if (at == termination.streams.end()) continue;
                const auto index = static_cast<uint32_t>(at - termination.streams.begin());
                out.events.push_back({context.owner,
                                      {call, ports::MediaEvent::Kind::Key, id, index,
                                       static_cast<uint8_t>(pressed.key)}});
            }
        }
    }
    pressed_.clear();
}

}  // namespace tandem::roles::media_gate
