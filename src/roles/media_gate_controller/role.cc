#include "roles/media_gate_controller/role.h"

namespace tandem::roles::media_gate_controller {

std::unique_ptr<ports::Role> make_role(ports::Surroundings surroundings) {
    return std::make_unique<MediaGateControllerRole>(surroundings);
}

MediaGateControllerRole::MediaGateControllerRole(ports::Surroundings surroundings)
    : around_(surroundings) {}

void MediaGateControllerRole::start(Now, ports::Outbox&) {}

void MediaGateControllerRole::on_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    if (const auto* load = get_if<ports::MediaLoad>(&letter.payload)) {
        placement_.on_load(now.mono, *load);
        return;
    }
    const auto* place = get_if<ports::MediaPlace>(&letter.payload);
    if (place == nullptr) return;
    const auto gate = placement_.place(now.mono, place->call, around_.directory);
    ports::MediaPlaced placed;
    if (gate) {
        ++placed_;
        placed.media_gate = *gate;
    } else {
        ++refused_;
        placed.error = make_error(ErrorCode::Unavailable, "", "no media gate has room", 503);
    }
    out.reply(letter, std::move(placed));
}

std::vector<std::pair<std::string, double>> MediaGateControllerRole::figures() const {
    return {{"media_gates", static_cast<double>(placement_.gates())},
            {"media_contexts_placed_total", static_cast<double>(placed_)},
            {"media_contexts_refused_total", static_cast<double>(refused_)}};
}

}  // namespace tandem::roles::media_gate_controller
