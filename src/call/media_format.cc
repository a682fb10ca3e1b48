#include "call/media_format.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"
#include "model/generated/domain.h"
#include "sdp/intersection.h"

namespace tandem::call {

namespace {

struct KnownFormat {
    std::string_view encoding;
    uint32_t clock_rate;
    std::optional<uint8_t> static_type;  // RFC 3551 6
    ports::MediaCodec codec;
};
constexpr std::array known_formats{
    KnownFormat{"PCMA", 8000, 8, ports::MediaCodec::Pcma},
    KnownFormat{"PCMU", 8000, 0, ports::MediaCodec::Pcmu},
    KnownFormat{"G722", 8000, 9, ports::MediaCodec::G722},
    KnownFormat{"opus", 48000, std::nullopt, ports::MediaCodec::Opus},
};

// A table each way, where the others are work for each party.
bool is_cheap(const MixedFormat& format) {
    return format.codec == ports::MediaCodec::Pcma || format.codec == ports::MediaCodec::Pcmu;
}

}  // namespace

std::optional<MixedFormat> mixed_format(const sdp::Media& media, std::string_view format) {
    uint8_t payload_type = 0;
    const char* end = format.data() + format.size();
    const auto read = std::from_chars(format.data(), end, payload_type);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    const sdp::RtpMap* map = media.rtpmap(payload_type);
    for (const KnownFormat& known : known_formats) {
        const bool is_it = map != nullptr ? equals_ignoring_case(map->encoding, known.encoding) &&
                                                map->clock_rate == known.clock_rate
                                          : known.static_type == payload_type;
        if (is_it) return MixedFormat{payload_type, known.codec};
    }
    return std::nullopt;
}

sdp::Session mixable(const sdp::Session& offer) {
    sdp::Session ours = offer;
    bool has_audio = false;
    for (sdp::Media& media : ours.media) {
        const bool any_cheap = std::ranges::any_of(media.formats, [&](const auto& format) {
            const auto known = mixed_format(media, format);
            return known && is_cheap(*known);
        });
        std::erase_if(media.formats, [&](const std::string& format) {
            const auto known = mixed_format(media, format);
            return has_audio || media.type != "audio" || !known || (any_cheap && !is_cheap(*known));
        });
        has_audio |= !media.formats.empty();
        media.direction = sdp::Direction::SendRecv;
    }
    ours.direction.reset();
    return sdp::in_common(offer, ours);
}

std::optional<uint32_t> audio_stream(const PartyMedia& media) {
    const auto& streams = media.streams();
    const auto found = std::ranges::find_if(streams, [](const PartyStream& stream) {
        return stream.settings.enabled && stream.settings.kind == ports::MediaKind::Audio;
    });
    if (found == streams.end()) return std::nullopt;
    return static_cast<uint32_t>(found - streams.begin());
}

std::vector<MixedFormat> mixed_formats_of(const Party& party) {
    std::vector<MixedFormat> formats;
    const auto stream = audio_stream(party.media);
    const sip::Leg& leg = party.leg;
    if (!stream || !leg.remote_sdp() || !leg.local_sdp()) return formats;
    const sdp::Session agreed = sdp::in_common(*leg.local_sdp(), *leg.remote_sdp());
    if (*stream >= agreed.media.size()) return formats;
    const sdp::Media& media = agreed.media[*stream];
    for (const std::string& format : media.formats) {
        if (const auto mixed = mixed_format(media, format)) formats.push_back(*mixed);
    }
    std::ranges::stable_partition(formats, is_cheap);
    return formats;
}

std::optional<ports::MediaPlay> play_in(const PartyMedia& to, uint32_t stream,
                                        const MixedFormat& format, ports::MediaSound sound) {
    if (!to.streams()[stream].listens()) return std::nullopt;
    ports::MediaPlay play;
    play.termination = to.termination();
    play.stream = stream;
    play.sound = sound;
    play.codec = format.codec;
    play.payload_type = format.payload_type;
    return play;
}

void choose_music(ports::MediaPlay& play, DomainId domain, const model::DomainSettings& settings) {
    if (!settings.music) return;
    play.domain = domain;
    play.music = *settings.music;
}

}  // namespace tandem::call
