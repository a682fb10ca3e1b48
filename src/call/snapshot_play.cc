#include "call/snapshot_play.h"

#include "call_snapshot.pb.h"

namespace tandem::call {
namespace {

std::string octets(Bits128 bits) {
    std::string out(16, '\0');
    for (unsigned i = 0; i < 8; ++i) {
        out[i] = static_cast<char>(bits.high >> (56 - 8 * i));
        out[8 + i] = static_cast<char>(bits.low >> (56 - 8 * i));
    }
    return out;
}

Bits128 bits_from(const std::string& octets) {
    Bits128 bits;
    if (octets.size() != 16) return bits;
    for (unsigned i = 0; i < 8; ++i) {
        bits.high = bits.high << 8 | static_cast<uint8_t>(octets[i]);
        bits.low = bits.low << 8 | static_cast<uint8_t>(octets[8 + i]);
    }
    return bits;
}

}  // namespace

void encode_play(const ports::MediaPlay& from, proto::SnapshotPlay& out) {
    out.set_termination(from.termination);
    out.set_stream(from.stream);
    out.set_codec(static_cast<uint32_t>(from.codec));
    out.set_payload_type(from.payload_type);
    out.set_sound(static_cast<uint32_t>(from.sound));
    out.set_domain(octets(from.domain.bits));
    out.set_music(octets(from.music.bits));
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
    out.domain.bits = bits_from(in.domain());
    out.music.bits = bits_from(in.music());
    out.once = in.once();
    return out;
}

}  // namespace tandem::call
