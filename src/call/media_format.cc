#include "call/media_format.h"

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "sdp/intersection.h"

namespace tandem::call {

std::optional<MixedFormat> mixed_format(const sdp::Media& media, std::string_view format) {
    MixedFormat found;
    const char* end = format.data() + format.size();
    const auto read = std::from_chars(format.data(), end, found.payload_type);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    const sdp::RtpMap* map = media.rtpmap(found.payload_type);
    if (map != nullptr && map->clock_rate != 8000) return std::nullopt;
    std::string_view name = found.payload_type == 8 ? "PCMA" : "";
    if (found.payload_type == 0) name = "PCMU";
    if (map != nullptr) name = map->encoding;
    if (!equals_ignoring_case(name, "PCMA") && !equals_ignoring_case(name, "PCMU"))
        return std::nullopt;
    const bool is_a = equals_ignoring_case(name, "PCMA");
    found.codec = is_a ? ports::MediaCodec::Pcma : ports::MediaCodec::Pcmu;
    return found;
}

sdp::Session mixable(const sdp::Session& offer) {
    sdp::Session ours = offer;
    bool has_audio = false;
    for (sdp::Media& media : ours.media) {
        std::erase_if(media.formats, [&](const std::string& format) {
            return has_audio || media.type != "audio" || !mixed_format(media, format);
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
    return formats;
}

}  // namespace tandem::call
