#include "call/offer_limits.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/bytes.h"

namespace tandem::call {
namespace {

// RFC 3551 6: what needs no rtpmap.
constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kStatic{{{"0", "PCMU"},
                                                                                {"3", "GSM"},
                                                                                {"4", "G723"},
                                                                                {"8", "PCMA"},
                                                                                {"9", "G722"},
                                                                                {"13", "CN"},
                                                                                {"18", "G729"}}};

std::string_view encoding_of(const sdp::Media& media, const std::string& format) {
    for (const sdp::RtpMap& map : media.rtpmaps)
        if (std::to_string(map.payload_type) == format) return map.encoding;
    for (const auto& [number, name] : kStatic)
        if (number == format) return name;
    return {};
}

bool is_named(std::string_view encoding, std::string_view name) {
    return equals_ignoring_case(encoding, name);
}

// The place of a format in the new order; nullopt: it goes. Digits and comfort noise (RFC 3389) go
// with any codec, behind them.
std::optional<size_t> place_of(const OfferLimits& limits, std::string_view encoding) {
    const size_t last = limits.codecs.size();
    if (is_named(encoding, "telephone-event"))
        return limits.no_events ? std::nullopt : std::optional(last);
    if (limits.codecs.empty() || is_named(encoding, "CN")) return last;
    const auto found = std::ranges::find_if(
        limits.codecs, [&](const std::string& codec) { return is_named(encoding, codec); });
    return found == limits.codecs.end()
               ? std::nullopt
               : std::optional(static_cast<size_t>(found - limits.codecs.begin()));
}

bool is_limited(const sdp::Media& media) {
    return media.type == "audio" && media.is_rtp() && !media.rejected();
}

std::vector<std::string> formats_within(const OfferLimits& limits, const sdp::Media& media) {
    std::vector<std::pair<size_t, std::string>> kept;
    bool has_codec = false;
    for (const std::string& format : media.formats) {
        const std::string_view encoding = encoding_of(media, format);
        const auto place = place_of(limits, encoding);
        if (!place) continue;
        has_codec =
            has_codec || !(is_named(encoding, "telephone-event") || is_named(encoding, "CN"));
        kept.emplace_back(*place, format);
    }
    std::vector<std::string> formats;
    if (!has_codec) return formats;
    std::ranges::stable_sort(kept, {}, &std::pair<size_t, std::string>::first);
    for (auto& [place, format] : kept) formats.push_back(std::move(format));
    return formats;
}

}  // namespace

void limit_offer(const OfferLimits& limits, sdp::Session& offer) {
    if (limits.empty()) return;
    for (sdp::Media& media : offer.media) {
        if (!is_limited(media)) continue;
        std::vector<std::string> formats = formats_within(limits, media);
        if (formats.empty()) {
            media.port = 0;  // RFC 3264 6
            continue;
        }
        const auto is_gone = [&](const std::string& format) {
            return std::ranges::count(formats, format) == 0;
        };
        std::erase_if(media.rtpmaps, [&](const sdp::RtpMap& map) {
            return is_gone(std::to_string(map.payload_type));
        });
        std::erase_if(media.fmtps, [&](const sdp::Fmtp& fmtp) { return is_gone(fmtp.format); });
        media.formats = std::move(formats);
    }
}

bool is_within(const OfferLimits& limits, const sdp::Session& offer) {
    return limits.empty() || std::ranges::all_of(offer.media, [&](const sdp::Media& media) {
               return !is_limited(media) || !formats_within(limits, media).empty();
           });
}

}  // namespace tandem::call
