// Which formats of a description the media gate itself can make and read.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "call/branch.h"
#include "ports/media_port.h"
#include "sdp/session.h"

namespace tandem::model {
struct DomainSettings;
}

namespace tandem::call {

struct MixedFormat {
    uint8_t payload_type = 0;
    ports::MediaCodec codec = ports::MediaCodec::Pcma;
};
// Static payload types need no rtpmap (RFC 3551 6).
std::optional<MixedFormat> mixed_format(const sdp::Media& media, std::string_view format);

// What the gate can make and read, as an answer to the offer: its first audio line, in G.711 where
// that is offered.
sdp::Session mixable(const sdp::Session& offer);

// The first live audio line of a party.
std::optional<uint32_t> audio_stream(const PartyMedia& media);
// Those that were agreed with the party for its audio, in order, but G.711 before the others.
std::vector<MixedFormat> mixed_formats_of(const Party& party);

// What the party hears on that stream, in that format; nullopt: it does not listen there.
std::optional<ports::MediaPlay> play_in(const PartyMedia& to, uint32_t stream,
                                        const MixedFormat& format, ports::MediaSound sound);
// The domain's own music; it has none: the melody.
void choose_music(ports::MediaPlay& play, DomainId domain, const model::DomainSettings& settings);

}  // namespace tandem::call
