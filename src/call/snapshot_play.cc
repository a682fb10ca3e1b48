#include "call/snapshot_play.h"

#include "base/octets.h"
#include "call_snapshot.pb.h"

namespace tandem::call {
void encode_play(const ports::MediaPlay& from, proto::SnapshotPlay& out) {
    out.set_termination(from.termination);
    out.set_stream(from.stream);
    out.set_codec(static_cast<uint32_t>(from.codec));
    out.set_payload_type(from.payload_type);
    out.set_sound(static_cast<uint32_t>(from.sound));
    out.set_domain(octets_of(from.domain.bits));
    out.set_music(octets_of(from.music.bits));
    out.set_once(from.once);
}

std::optional<ports::MediaPlay> decode_play(const proto::SnapshotPlay& in) {
    if (in.codec() > static_cast<uint32_t>(ports::MediaCodec::Opus) ||
        in.sound() > static_cast<uint32_t>(ports::MediaSound::Mix) || in.payload_type() > 127)
        return std::nullopt;
    ports::MediaPlay out;
    out.termination = in.termination();
    out.stream = in.stream();
    out.codec = static_cast<ports::MediaCodec>(in.codec());
    out.payload_type = static_cast<uint8_t>(in.payload_type());
    out.sound = static_cast<ports::MediaSound>(in.sound());
    out.domain.bits = bits_of(in.domain()).value_or(Bits128{});
    out.music.bits = bits_of(in.music()).value_or(Bits128{});
    out.once = in.once();
    return out;
}

}  // namespace tandem::call
