#include "roles/media_gate/role.h"

#include <algorithm>

#include "model/generated/music.h"
#include "roles/media_gate/settings_of.h"
#include "store/domain_kinds.h"
#include "store/keys.h"

namespace tandem::roles::media_gate {
namespace {

GateSettings first_settings(const ports::Surroundings& around, const std::vector<IpAddress>& own) {
    GateSettings settings = settings_of(around.catalog, around.self, own);
    settings.life = around.epoch;
    settings.seed = around.rng.next();
    return settings;
}

}  // namespace

MediaGateRole::MediaGateRole(const ports::Surroundings& surroundings, OwnAddresses own_addresses)
    : around_(surroundings),
      own_addresses_(std::move(own_addresses)),
      own_(own_addresses_()),
      gate_(first_settings(surroundings, own_)) {}

void MediaGateRole::take_settings() {
    own_ = own_addresses_();
    gate_.set_settings(settings_of(around_.catalog, around_.self, own_));
}

void MediaGateRole::start(Now now, ports::Outbox& out) {
    next_tick_ = now.mono + kTick;
    report_load(out);
}

void MediaGateRole::on_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    GateOutput effects;
    if (const auto* request = get_if<ports::MediaRequest>(&letter.payload)) {
        ask_for_music(now, *request, out);
        auto reply = gate_.on_request(now.mono, letter.from, *request, effects);
        flush(effects, out);  // ports are open before anybody is told of them
        if (letter.request != 0) out.reply(letter, std::move(reply));
        return;
    }
    if (const auto* reply = get_if<store::Reply>(&letter.payload)) return on_music(now, *reply);
    if (const auto* query = get_if<ports::MediaStatisticsQuery>(&letter.payload)) {
        out.reply(letter, gate_.statistics(query->context));
    } else if (const auto* alive = get_if<ports::MediaReconcile>(&letter.payload)) {
        gate_.reconcile(*alive, effects);
    } else if (const auto* failed = get_if<ports::MediaPortFailed>(&letter.payload)) {
        out.send(around_.self, ports::kJournal,
                 ports::LogLine{ports::LogLine::Level::Warn,
                                "media port " + std::to_string(failed->port_id) +
                                    " cannot be opened: " + failed->error.message,
                                {},
                                {}});
        gate_.on_port_failed(failed->port_id, effects);
    }
    flush(effects, out);
}

// A gate's shard has no domains in its catalog: files that are to be played are read one by one, as
// they are now. Until one is here there is silence, and where there is none the melody.
void MediaGateRole::ask_for_music(Now now, const ports::MediaRequest& request, ports::Outbox& out) {
    for (const ports::MediaPlay& play : request.play) {
        if (play.music.is_nil()) continue;
        if (asked_.size() >= kMusicAskedMax) asked_.erase(asked_.begin());
        const uint64_t id = (around_.rng.next() & 0xffff'ffff) | 1;
        asked_.emplace_back(id, play.music);
        gate_.expect_music(now.mono, play.music);
        store::RangeRequest range;
        range.range = store::KeyRange::one(store::keys::in_domain(
            play.domain, store::DomainKind<model::Music>::segment, play.music.bits));
        out.send(around_.self, ports::kKeyValue, store::Request{id, range}, id);
    }
}

void MediaGateRole::on_music(Now now, const store::Reply& reply) {
    const auto asked = std::ranges::find(asked_, reply.id, &std::pair<uint64_t, MusicId>::first);
    if (asked == asked_.end()) return;
    const MusicId id = asked->second;
    asked_.erase(asked);
    const auto* page = reply.body ? std::get_if<store::RangeReply>(&*reply.body) : nullptr;
    const bool is_there = page != nullptr && !page->items.empty();
    const auto music =
        is_there
            ? model::decode_stored<model::Music>(page->items.front().value)
            : Result<model::Stored<model::Music>>(make_error(ErrorCode::NotFound, "music", ""));
    gate_.take_music(now.mono, id, music ? BytesView(music->value.wav) : BytesView());
}

void MediaGateRole::on_timeout(Now now, ports::Outbox& out) {
    if (gate_.has_news()) {
        GateOutput news;
        gate_.tell_news(news);
        flush(news, out);
    }
    if (!next_tick_ || now.mono < *next_tick_) return;
    next_tick_ = now.mono + kTick;
    if (own_addresses_() != own_) take_settings();
    GateOutput effects;
    gate_.on_tick(now.mono, effects);
    flush(effects, out);
    report_load(out);
}

void MediaGateRole::on_catalog(Now, ports::Outbox&) {
    take_settings();
}

void MediaGateRole::drain(Now, ports::Outbox& out) {
    gate_.refuse_new_contexts();
    report_load(out);
}

// A gate that takes nothing new says that it has no ports left.
void MediaGateRole::report_load(ports::Outbox& out) {
    const auto controller = around_.directory.active_of_site(ports::RoleKind::MediaGateController);
    if (!controller) return;
    ports::MediaLoad load;
    load.media_gate = around_.self;
    load.contexts = static_cast<uint32_t>(gate_.contexts());
    load.ports_total = static_cast<uint32_t>(gate_.ports_total());
    load.ports_used =
        gate_.takes_new_contexts() ? static_cast<uint32_t>(gate_.ports_used()) : load.ports_total;
    out.send(around_.self, *controller, load);
}

void MediaGateRole::flush(GateOutput& effects, ports::Outbox& out) {
    for (auto& close : effects.close) out.send(around_.self, ports::kMediaPorts, close);
    for (auto& open : effects.open) out.send(around_.self, ports::kMediaPorts, open);
    for (auto& [owner, event] : effects.events) out.send(around_.self, owner, event);
}

void MediaGateRole::on_packet(Now now, uint32_t port_id, const SocketAddress& source,
                              std::span<uint8_t> buffer, size_t length, ports::PacketSink& out) {
    gate_.on_packet({now.mono, port_id, source, buffer, length}, out);
}

std::vector<std::pair<std::string, double>> MediaGateRole::figures() const {
    return {{"media_contexts", static_cast<double>(gate_.contexts())},
            {"media_ports_used", static_cast<double>(gate_.ports_used())},
            {"media_packets_relayed_total", static_cast<double>(gate_.packets_relayed())},
            {"media_packets_refused_total", static_cast<double>(gate_.packets_refused())}};
}

}  // namespace tandem::roles::media_gate
