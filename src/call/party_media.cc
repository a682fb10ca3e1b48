#include "call/party_media.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "call/limits.h"
#include "sdp/relay.h"

namespace tandem::call {

using ports::MediaDirection;
using ports::MediaKind;
using ports::SrtpKey;
using ports::SrtpSuite;
using ports::StreamSettings;

namespace {

struct SuiteFacts {
    SrtpSuite suite;
    std::string_view name;
    size_t key_bytes;
};
// In the order in which we offer them: what every phone has comes first (RFC 4568 6.2.1 makes it
// mandatory), then the cheaper and stronger ones (RFC 7714 14.2, RFC 6188 4).
constexpr std::array<SuiteFacts, 5> kSuites{{
    {SrtpSuite::AesCm128HmacSha1_80, "AES_CM_128_HMAC_SHA1_80", 30},
    {SrtpSuite::AeadAes128Gcm, "AEAD_AES_128_GCM", 28},
    {SrtpSuite::AeadAes256Gcm, "AEAD_AES_256_GCM", 44},
    {SrtpSuite::AesCm256HmacSha1_80, "AES_256_CM_HMAC_SHA1_80", 46},
    {SrtpSuite::AesCm128HmacSha1_32, "AES_CM_128_HMAC_SHA1_32", 30},
}};

MediaKind kind_of(const sdp::Media& media) {
    if (!media.is_rtp()) return MediaKind::Other;
    if (media.type == "audio") return MediaKind::Audio;
    return media.type == "video" ? MediaKind::Video : MediaKind::Other;
}

MediaDirection direction_from(sdp::Direction direction) {
    switch (direction) {
        case sdp::Direction::SendRecv:
            return MediaDirection::SendRecv;
        case sdp::Direction::SendOnly:
            return MediaDirection::SendOnly;
        case sdp::Direction::RecvOnly:
            return MediaDirection::RecvOnly;
        case sdp::Direction::Inactive:
            return MediaDirection::Inactive;
    }
    return MediaDirection::Inactive;
}

// RFC 4733 2.5.1.1.
uint8_t telephone_event_type(const sdp::Media& media) {
    for (const sdp::RtpMap& map : media.rtpmaps) {
        if (equals_ignoring_case(map.encoding, "telephone-event")) return map.payload_type;
    }
    return 0;
}

bool is_dtls(sdp::Protocol protocol) {
    return protocol == sdp::Protocol::UdpTlsRtpSavp || protocol == sdp::Protocol::UdpTlsRtpSavpf;
}

MediaProfile profile_of(sdp::Protocol protocol) {
    const bool secure = protocol == sdp::Protocol::RtpSavp || protocol == sdp::Protocol::RtpSavpf;
    return secure ? MediaProfile::Srtp : MediaProfile::Rtp;
}

// Keys that we can use: one key, no MKI, none of the session parameters that change the packets
// (RFC 4568 6.3; WSH is only a hint).
bool is_usable(const sdp::Crypto& crypto) {
    const SrtpSuite suite = suite_from(crypto.suite);
    if (suite == SrtpSuite::None || crypto.keys.size() != 1) return false;
    const sdp::CryptoKey& key = crypto.keys.front();
    const bool plain =
        crypto.session_parameters.empty() || crypto.session_parameters.starts_with("WSH=");
    return plain && key.mki.empty() && key.key_and_salt.size() == suite_key_bytes(suite);
}

SrtpKey key_of(const sdp::Crypto& crypto) {
    return {suite_from(crypto.suite), crypto.keys.front().key_and_salt};
}

sdp::Crypto fresh_crypto(uint32_t tag, SrtpSuite suite, Rng& rng) {
    sdp::Crypto crypto;
    crypto.tag = tag;
    crypto.suite = suite_name(suite);
    Bytes key(suite_key_bytes(suite));
    for (size_t i = 0; i < key.size(); i += 8) {
        const uint64_t word = rng.next();
        const size_t bytes = std::min<size_t>(8, key.size() - i);
        for (size_t k = 0; k < bytes; ++k) key[i + k] = static_cast<uint8_t>(word >> (8 * k));
    }
    crypto.keys.push_back({std::move(key), {}, {}});
    return crypto;
}

}  // namespace

std::string_view suite_name(SrtpSuite suite) {
    for (const SuiteFacts& facts : kSuites) {
        if (facts.suite == suite) return facts.name;
    }
    return "";
}

SrtpSuite suite_from(std::string_view name) {
    for (const SuiteFacts& facts : kSuites) {
        if (facts.name == name) return facts.suite;
    }
    return SrtpSuite::None;
}

size_t suite_key_bytes(SrtpSuite suite) {
    for (const SuiteFacts& facts : kSuites) {
        if (facts.suite == suite) return facts.key_bytes;
    }
    return 0;
}

PartyMedia::PartyMedia(uint32_t termination, AddressFamily family, IpAddress signalling_source,
                       MediaProfile profile)
    : termination_(termination),
      family_(family),
      signalling_source_(signalling_source),
      profile_(profile) {}

bool PartyMedia::learn(const sdp::Session& theirs, SdpRole role, SrtpPolicy policy) {
    if (theirs.media.size() > kStreamsMax) return false;
    streams_.resize(theirs.media.size());
    for (size_t i = 0; i < theirs.media.size(); ++i) {
        const sdp::Media& media = theirs.media[i];
        PartyStream& stream = streams_[i];
        StreamSettings& settings = stream.settings;
        settings.kind = kind_of(media);
        settings.enabled = !media.rejected();
        if (!settings.enabled) continue;
        if (is_dtls(media.protocol)) return false;
        settings.remote_rtp = sdp::rtp_address(theirs, media);
        settings.remote_rtcp = sdp::rtcp_address(theirs, media);
        settings.direction = direction_from(sdp::direction_of(theirs, media));
        settings.telephone_event_type = telephone_event_type(media);
        settings.rtcp_mux = role == SdpRole::Answer && stream.mux_offered && media.rtcp_mux;
        stream.mux_offered = media.rtcp_mux;
        stream.protocol = media.protocol;
        if (!media.is_rtp()) continue;
        if (!accepts_profile(policy, profile_of(media.protocol))) return false;
        if (!learn_keys(stream, media, role)) return false;
        profile_ = profile_of(media.protocol);
    }
    return true;
}

// RFC 4568 5.1.2: of an offer the first line that we can do; of an answer the one that names the
// tag of ours.
bool PartyMedia::learn_keys(PartyStream& stream, const sdp::Media& media, SdpRole role) {
    if (profile_of(media.protocol) == MediaProfile::Rtp) {
        stream.settings.from_party = {};
        stream.settings.to_party = {};
        stream.ours.clear();
        return true;
    }
    const auto chosen = std::find_if(media.cryptos.begin(), media.cryptos.end(), is_usable);
    if (chosen == media.cryptos.end()) return false;
    stream.settings.from_party = key_of(*chosen);
    if (role == SdpRole::Offer) {
        const bool keep = stream.ours.size() == 1 && stream.ours.front().suite == chosen->suite;
        if (!keep) stream.ours = {sdp::Crypto{chosen->tag, chosen->suite, {}, {}}};
        stream.ours.front().tag = chosen->tag;
        return true;
    }
    const auto ours =
        std::find_if(stream.ours.begin(), stream.ours.end(), [&](const sdp::Crypto& crypto) {
            return crypto.tag == chosen->tag && crypto.suite == chosen->suite;
        });
    if (ours == stream.ours.end()) return false;
    stream.ours = {sdp::Crypto(*ours)};
    stream.settings.to_party = key_of(stream.ours.front());
    return true;
}

void PartyMedia::prepare(const sdp::Session& other) {
    const size_t count = std::min(other.media.size(), kStreamsMax);
    if (streams_.size() < count) streams_.resize(count);
    for (size_t i = 0; i < count; ++i) {
        streams_[i].settings.kind = kind_of(other.media[i]);
        streams_[i].settings.enabled = !other.media[i].rejected();
        streams_[i].mux_offered = other.media[i].rtcp_mux;
    }
}

// The keys of our description. An offer repeats those that are agreed (RFC 4568 7.1.4 lets a new
// offer keep them), so that a hold does not restart the cipher.
std::vector<sdp::Crypto> PartyMedia::keys_for(PartyStream& stream, SdpRole role, Rng& rng) {
    if (role == SdpRole::Offer) {
        if (stream.ours.empty()) {
            uint32_t tag = 0;
            for (const SuiteFacts& facts : kSuites) {
                stream.ours.push_back(fresh_crypto(++tag, facts.suite, rng));
            }
        }
        return stream.ours;
    }
    if (stream.ours.empty()) return {};
    sdp::Crypto& ours = stream.ours.front();
    if (ours.keys.empty()) ours = fresh_crypto(ours.tag, suite_from(ours.suite), rng);
    stream.settings.to_party = key_of(ours);
    return {ours};
}

sdp::Session PartyMedia::describe(const sdp::Session& other, SdpRole role, Rng& rng) {
    sdp::RelayView view;
    if (!local_.empty()) view.origin.address = sdp::Connection::of(local_.front().rtp.ip);
    view.media.resize(other.media.size());
    if (streams_.size() < std::min(other.media.size(), kStreamsMax)) prepare(other);
    for (size_t i = 0; i < other.media.size() && i < streams_.size(); ++i) {
        const sdp::Media& media = other.media[i];
        PartyStream& stream = streams_[i];
        if (media.rejected() || i >= local_.size() || local_[i].rtp.port == 0) continue;
        sdp::RelayMedia& ours = view.media[i];
        ours.rtp = local_[i].rtp;
        ours.rtcp_port = local_[i].rtcp.port;
        if (role == SdpRole::Answer) {
            stream.settings.rtcp_mux = stream.mux_offered && media.rtcp_mux;
        }
        if (role == SdpRole::Offer) stream.mux_offered = media.rtcp_mux;
        if (!media.is_rtp()) continue;
        // INTEROP: feedback profiles are not offered, as phones without them refuse the line.
        if (role == SdpRole::Offer) {
            stream.protocol =
                profile_ == MediaProfile::Srtp ? sdp::Protocol::RtpSavp : sdp::Protocol::RtpAvp;
        }
        ours.protocol = stream.protocol;
        if (profile_of(stream.protocol) == MediaProfile::Srtp) {
            ours.cryptos = keys_for(stream, role, rng);
        }
    }
    sdp::Session described = sdp::rewrite_for_relay(other, view);
    if (role == SdpRole::Offer) limit_offer(limits_, described);
    return described;
}

ports::TerminationSettings PartyMedia::settings() const {
    ports::TerminationSettings settings;
    settings.termination = termination_;
    settings.family = family_;
    settings.signalling_source = signalling_source_;
    settings.streams.reserve(streams_.size());
    for (const PartyStream& stream : streams_) settings.streams.push_back(stream.settings);
    settings.reports_keys = reports_keys_;
    return settings;
}

bool PartyMedia::has_ports_for(const sdp::Session& description) const {
    return description.media.size() <= local_.size();
}

void PartyMedia::forget_keys() {
    for (PartyStream& stream : streams_) {
        stream.ours.clear();
        stream.settings.to_party = {};
    }
}

bool PartyMedia::is_secure() const {
    bool any = false;
    for (const PartyStream& stream : streams_) {
        if (!stream.settings.enabled || stream.settings.kind == MediaKind::Other) continue;
        if (stream.settings.from_party.suite == SrtpSuite::None) return false;
        any = true;
    }
    return any;
}

}  // namespace tandem::call
