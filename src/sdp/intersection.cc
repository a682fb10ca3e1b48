#include "sdp/intersection.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/bytes.h"

namespace tandem::sdp {
namespace {

std::optional<uint8_t> payload_type(std::string_view format) {
    uint8_t type = 0;
    const auto [end, error] = std::from_chars(format.data(), format.data() + format.size(), type);
    if (error != std::errc() || end != format.data() + format.size()) return std::nullopt;
    return type;
}

// Static types need no rtpmap (RFC 3551 6), and are the same with one.
constexpr uint8_t kDynamicFrom = 96;

bool same_encoding(const Media& a, const Media& b, std::string_view format) {
    const auto type = payload_type(format);
    if (!type) return true;  // not RTP: the text is all there is
    const RtpMap* one = a.rtpmap(*type);
    const RtpMap* other = b.rtpmap(*type);
    if (one == nullptr || other == nullptr) return *type < kDynamicFrom;
    return equals_ignoring_case(one->encoding, other->encoding) &&
           one->clock_rate == other->clock_rate;
}

Media common_line(const Media& offer, const Media& other) {
    Media line = other;
    std::erase_if(line.formats, [&](const std::string& format) {
        return std::ranges::find(offer.formats, format) == offer.formats.end() ||
               !same_encoding(offer, other, format);
    });
    const auto is_gone = [&](std::string_view format) {
        return std::ranges::find(line.formats, format) == line.formats.end();
    };
    std::erase_if(line.rtpmaps,
                  [&](const RtpMap& map) { return is_gone(std::to_string(map.payload_type)); });
    std::erase_if(line.fmtps, [&](const Fmtp& fmtp) { return is_gone(fmtp.format); });
    return line;
}

bool is_event(const Media& line, const std::string& format) {
    const auto type = payload_type(format);
    const RtpMap* map = type ? line.rtpmap(*type) : nullptr;
    if (map == nullptr) return type == uint8_t{13};  // comfort noise (RFC 3389)
    return equals_ignoring_case(map->encoding, "telephone-event") ||
           equals_ignoring_case(map->encoding, "CN");
}

bool carries_media(const Media& line) {
    return !line.rejected() && std::ranges::any_of(line.formats, [&](const std::string& format) {
        return !is_event(line, format);
    });
}

}  // namespace

Session in_common(const Session& offer, const Session& other) {
    Session common = other;
    common.media.clear();
    for (size_t i = 0; i < offer.media.size(); ++i) {
        const Media& asked = offer.media[i];
        const bool fits = i < other.media.size() && other.media[i].type == asked.type &&
                          other.media[i].is_rtp() == asked.is_rtp();
        Media line = fits ? common_line(asked, other.media[i]) : asked;
        if (!fits || asked.rejected() || !carries_media(line)) {
            line = asked;
            line.port = 0;
        }
        common.media.push_back(std::move(line));
    }
    return common;
}

bool has_media(const Session& session) {
    return std::ranges::any_of(session.media, carries_media);
}

}  // namespace tandem::sdp
