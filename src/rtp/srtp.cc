#include "rtp/srtp.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "base/octets.h"
#include "rtp/packet.h"
#include "rtp/srtp_cipher.h"

namespace tandem::rtp {
namespace {

constexpr std::string_view kNames[] = {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32",
                                       "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32",
                                       "AEAD_AES_128_GCM",        "AEAD_AES_256_GCM"};
constexpr size_t kRtcpClearBytes = 8;          // header and sender's SSRC (RFC 3711 3.4)
constexpr uint32_t kEncryptedFlag = 1u << 31;  // E of the SRTCP index word
constexpr uint64_t kRtcpIndexMax = kEncryptedFlag - 1;
constexpr uint64_t kRtpIndexMax = (uint64_t{1} << 48) - 1;
constexpr size_t kIndexBytes = 4;
constexpr uint64_t kWindowBits = 128;

// The index nearest to the highest one (RFC 3711 3.3.1 and appendix A). nullopt: it would lie
// before the source's beginning.
std::optional<uint64_t> guess_index(const ReplayWindow& window, uint16_t sequence) {
    if (!window.started) return sequence;
    const auto step = static_cast<int16_t>(sequence - static_cast<uint16_t>(window.highest));
    const int64_t index = static_cast<int64_t>(window.highest) + step;
    if (index < 0) return std::nullopt;
    return static_cast<uint64_t>(index);
}

bool equal_tags(const uint8_t* a, const uint8_t* b, size_t length) {
    return equals_constant_time(BytesView(a, length), BytesView(b, length));
}

std::unique_ptr<SrtpCipher> make_cipher(SrtpSuite suite, BytesView key_and_salt, KeySet keys,
                                        SrtpUse use) {
    return std::make_unique<SrtpCipher>(suite, derive_session_keys(suite, key_and_salt, keys), use);
}

}  // namespace

std::string_view sdes_name(SrtpSuite suite) {
    return kNames[static_cast<size_t>(suite)];
}

std::optional<SrtpSuite> suite_from_sdes(std::string_view name) {
    const auto* found = std::ranges::find(kNames, name);
    if (found == std::end(kNames)) return std::nullopt;
    return static_cast<SrtpSuite>(found - std::begin(kNames));
}

size_t key_and_salt_bytes(SrtpSuite suite) {
    return shape_of(suite).key_bytes + shape_of(suite).salt_bytes;
}

std::string_view to_string(SrtpStatus status) {
    switch (status) {
        case SrtpStatus::Ok:
            return "ok";
        case SrtpStatus::Malformed:
            return "malformed";
        case SrtpStatus::NoRoom:
            return "no room";
        case SrtpStatus::Replayed:
            return "replayed";
        case SrtpStatus::BadTag:
            return "bad tag";
        case SrtpStatus::Exhausted:
            return "exhausted";
        case SrtpStatus::TooManySources:
            return "too many sources";
    }
    return {};
}

bool ReplayWindow::is_fresh(uint64_t index) const {
    if (!started || index > highest) return true;
    const uint64_t age = highest - index;
    if (age >= kWindowBits) return false;
    return ((age < 64 ? seen_low >> age : seen_high >> (age - 64)) & 1) == 0;
}

void ReplayWindow::commit(uint64_t index) {
    if (!started) {
        *this = {true, index, 1, 0};
        return;
    }
    if (index <= highest) {
        const uint64_t age = highest - index;
        if (age < 64)
            seen_low |= uint64_t{1} << age;
        else if (age < kWindowBits)
            seen_high |= uint64_t{1} << (age - 64);
        return;
    }
    const uint64_t step = index - highest;
    if (step >= kWindowBits) {
        seen_high = seen_low = 0;
    } else if (step >= 64) {
        seen_high = seen_low << (step - 64);
        seen_low = 0;
    } else {
        seen_high = seen_high << step | seen_low >> (64 - step);
        seen_low <<= step;
    }
    seen_low |= 1;
    highest = index;
}

Result<SrtpContext> SrtpContext::create(SrtpSuite suite, BytesView key_and_salt, SrtpUse use) {
    if (key_and_salt.size() != key_and_salt_bytes(suite))
        return make_error(ErrorCode::OutOfRange, "crypto",
                          "the key does not have its suite's length", 488);
    return SrtpContext(suite, use, key_and_salt);
}

SrtpContext::SrtpContext(SrtpSuite suite, SrtpUse use, BytesView key_and_salt)
    : suite_(suite),
      use_(use),
      key_and_salt_(key_and_salt.begin(), key_and_salt.end()),
      rtp_cipher_(make_cipher(suite, key_and_salt, KeySet::Rtp, use)),
      rtcp_cipher_(make_cipher(suite, key_and_salt, KeySet::Rtcp, use)) {
    sources_.reserve(kSrtpSourcesMax);
}

SrtpContext::SrtpContext(SrtpContext&&) noexcept = default;
SrtpContext& SrtpContext::operator=(SrtpContext&&) noexcept = default;
SrtpContext::~SrtpContext() = default;

SrtpSnapshot SrtpContext::snapshot() const {
    return {suite_, use_, key_and_salt_, sources_};
}

Result<SrtpContext> SrtpContext::restore(const SrtpSnapshot& snapshot) {
    SrtpContext context = TRY(create(snapshot.suite, snapshot.key_and_salt, snapshot.use));
    if (snapshot.sources.size() > kSrtpSourcesMax)
        return make_error(ErrorCode::TooLarge, "sources", "more than 32 sources");
    for (SrtpSource source : snapshot.sources) {
        // SRTCP indexes are ours to choose; those since the snapshot must not be used again.
        if (snapshot.use == SrtpUse::Send && source.rtcp.started)
            source.rtcp.commit(source.rtcp.highest + kRestoredIndexSkip);
        context.uses_ = std::max(context.uses_, source.used);
        context.heard_ = context.heard_ || source.rtp.started;
        context.sources_.push_back(source);
    }
    return context;
}

bool SrtpContext::same_key(SrtpSuite suite, BytesView key_and_salt) const {
    return suite == suite_ && std::ranges::equal(key_and_salt, key_and_salt_);
}

SrtpSource* SrtpContext::find(uint32_t ssrc) {
    if (recent_ < sources_.size() && sources_[recent_].ssrc == ssrc) return &sources_[recent_];
    const auto found = std::ranges::find(sources_, ssrc, &SrtpSource::ssrc);
    if (found == sources_.end()) return nullptr;
    recent_ = static_cast<size_t>(found - sources_.begin());
    return &*found;
}

// A receiver forgets the source unused for longest. A sender must not, as it would begin again at
// index 0 and repeat its keystream.
SrtpSource* SrtpContext::adopt(uint32_t ssrc) {
    SrtpSource* source = find(ssrc);
    if (source == nullptr && sources_.size() < kSrtpSourcesMax) {
        source = &sources_.emplace_back(SrtpSource{ssrc});
    } else if (source == nullptr) {
        if (use_ == SrtpUse::Send) return nullptr;
        source = &*std::ranges::min_element(sources_, {}, &SrtpSource::used);
        *source = SrtpSource{ssrc};
    }
    source->used = ++uses_;
    return source;
}

SrtpOutcome SrtpContext::protect(std::span<uint8_t> buffer, size_t length) {
    CHECK(use_ == SrtpUse::Send && length <= buffer.size());
    const SuiteShape& shape = shape_of(suite_);
    const auto header = parse_header(buffer.first(length));
    if (!header) return {SrtpStatus::Malformed};
    if (buffer.size() < length + shape.rtp_tag_bytes) return {SrtpStatus::NoRoom};
    SrtpSource* source = adopt(header->ssrc);
    if (source == nullptr) return {SrtpStatus::TooManySources};
    const auto index = guess_index(source->rtp, header->sequence);
    if (!index || !source->rtp.is_fresh(*index)) return {SrtpStatus::Replayed};
    if (*index > kRtpIndexMax) return {SrtpStatus::Exhausted};
    source->rtp.commit(*index);

    const auto vector = rtp_cipher_->vector_for(header->ssrc, *index);
    const size_t clear = header->header_bytes;
    const auto payload = buffer.subspan(clear, length - clear);
    uint8_t* tag = buffer.data() + length;
    if (shape.gcm) {
        rtp_cipher_->seal(vector, buffer.first(clear), payload, tag);
    } else {
        rtp_cipher_->xor_keystream(vector, payload);
        // The ROC is authenticated as if it followed the packet (RFC 3711 4.2); a tag has room for
        // it.
        store32(tag, static_cast<uint32_t>(*index >> 16));
        const auto digest = rtp_cipher_->authenticate(buffer.first(length + 4));
        std::memcpy(tag, digest.data(), shape.rtp_tag_bytes);
    }
    return {SrtpStatus::Ok, length + shape.rtp_tag_bytes};
}

SrtpOutcome SrtpContext::unprotect(std::span<uint8_t> packet) {
    CHECK(use_ == SrtpUse::Receive);
    const SuiteShape& shape = shape_of(suite_);
    const auto header = parse_header(packet);
    if (!header || packet.size() < header->header_bytes + shape.rtp_tag_bytes)
        return {SrtpStatus::Malformed};
    const SrtpSource* known = find(header->ssrc);
    const ReplayWindow window = known ? known->rtp : ReplayWindow{};
    const auto index = guess_index(window, header->sequence);
    if (!index || *index > kRtpIndexMax || !window.is_fresh(*index)) return {SrtpStatus::Replayed};

    std::optional<uint64_t> opened = index;
    if (heard_ || searches_left_ == 0) {
        if (!open_rtp(*header, *index, packet)) opened.reset();
    } else {
        opened = find_rollovers(*header, packet);
    }
    if (!opened) return {SrtpStatus::BadTag};
    heard_ = true;
    adopt(header->ssrc)->rtp.commit(*opened);  // only now: forgeries must not move the window
    return {SrtpStatus::Ok, packet.size() - shape.rtp_tag_bytes};
}

// Decrypts the packet if it is the one of `index`; otherwise its payload may be anything.
bool SrtpContext::open_rtp(const Header& header, uint64_t index, std::span<uint8_t> packet) {
    const SuiteShape& shape = shape_of(suite_);
    const size_t length = packet.size() - shape.rtp_tag_bytes;
    const auto vector = rtp_cipher_->vector_for(header.ssrc, index);
    const size_t clear = header.header_bytes;
    const auto payload = packet.subspan(clear, length - clear);
    uint8_t* tag = packet.data() + length;
    if (shape.gcm) return rtp_cipher_->open(vector, packet.first(clear), payload, tag);
    uint8_t received[10];
    std::memcpy(received, tag, shape.rtp_tag_bytes);
    store32(tag, static_cast<uint32_t>(index >> 16));
    const auto digest = rtp_cipher_->authenticate(packet.first(length + 4));
    if (!equal_tags(received, digest.data(), shape.rtp_tag_bytes)) return false;
    rtp_cipher_->xor_keystream(vector, payload);
    return true;
}

// RFC 3711 3.3.1 leaves it to key management to tell a late joiner the counter; SDES does not (RFC
// 4568 6.4 has it begin at 0). A wrong one does not authenticate.
std::optional<uint64_t> SrtpContext::find_rollovers(const Header& header,
                                                    std::span<uint8_t> packet) {
    if (packet.size() > kPacketBytesMax) return std::nullopt;
    std::array<uint8_t, kPacketBytesMax> copy;
    std::memcpy(copy.data(), packet.data(), packet.size());
    for (uint64_t rollovers = 0; rollovers < kRolloversTriedMax; ++rollovers) {
        const uint64_t index = rollovers << 16 | header.sequence;
        if (open_rtp(header, index, packet)) return index;
        std::memcpy(packet.data(), copy.data(), packet.size());
    }
    --searches_left_;
    return std::nullopt;
}

// SRTCP, RFC 3711 3.4: header and SSRC in clear | encrypted | E and index | tag; the tag covers the
// rest. With GCM, RFC 7714 9: header and SSRC in clear | encrypted | tag | E and index; clear part
// and index word are the associated data.
SrtpOutcome SrtpContext::protect_rtcp(std::span<uint8_t> buffer, size_t length) {
    CHECK(use_ == SrtpUse::Send && length <= buffer.size());
    const SuiteShape& shape = shape_of(suite_);
    if (length < kRtcpClearBytes || buffer[0] >> 6 != 2) return {SrtpStatus::Malformed};
    const size_t total = length + shape.rtcp_tag_bytes + kIndexBytes;
    if (buffer.size() < total) return {SrtpStatus::NoRoom};
    const uint32_t ssrc = load32(&buffer[4]);
    SrtpSource* source = adopt(ssrc);
    if (source == nullptr) return {SrtpStatus::TooManySources};
    const uint64_t index = source->rtcp.started ? source->rtcp.highest + 1 : 1;
    if (index > kRtcpIndexMax) return {SrtpStatus::Exhausted};
    source->rtcp.commit(index);

    const auto vector = rtcp_cipher_->vector_for(ssrc, index);
    const uint32_t word = static_cast<uint32_t>(index) | kEncryptedFlag;
    const auto body = buffer.subspan(kRtcpClearBytes, length - kRtcpClearBytes);
    uint8_t* end = buffer.data() + length;
    if (shape.gcm) {
        uint8_t aad[kRtcpClearBytes + kIndexBytes];
        std::memcpy(aad, buffer.data(), kRtcpClearBytes);
        store32(aad + kRtcpClearBytes, word);
        rtcp_cipher_->seal(vector, aad, body, end);
        store32(end + shape.rtcp_tag_bytes, word);
    } else {
        rtcp_cipher_->xor_keystream(vector, body);
        store32(end, word);
        const auto digest = rtcp_cipher_->authenticate(buffer.first(length + kIndexBytes));
        std::memcpy(end + kIndexBytes, digest.data(), shape.rtcp_tag_bytes);
    }
    return {SrtpStatus::Ok, total};
}

SrtpOutcome SrtpContext::unprotect_rtcp(std::span<uint8_t> packet) {
    CHECK(use_ == SrtpUse::Receive);
    const SuiteShape& shape = shape_of(suite_);
    const size_t trailer = shape.rtcp_tag_bytes + kIndexBytes;
    if (packet.size() < kRtcpClearBytes + trailer || packet[0] >> 6 != 2)
        return {SrtpStatus::Malformed};
    const size_t length = packet.size() - trailer;
    uint8_t* end = packet.data() + length;
    const uint32_t word = load32(shape.gcm ? end + shape.rtcp_tag_bytes : end);
    const uint32_t index = word & ~kEncryptedFlag;
    const bool encrypted = word & kEncryptedFlag;
    const uint32_t ssrc = load32(&packet[4]);
    const SrtpSource* known = find(ssrc);
    if (known && !known->rtcp.is_fresh(index)) return {SrtpStatus::Replayed};

    const auto vector = rtcp_cipher_->vector_for(ssrc, index);
    const auto body = packet.subspan(kRtcpClearBytes, length - kRtcpClearBytes);
    if (shape.gcm) {
        // Only authenticated, the whole packet is associated data (RFC 7714 9.3). What we negotiate
        // is always encrypted (RFC 4568 6.3.2), so that such a packet is a forgery or a fault.
        if (!encrypted) return {SrtpStatus::BadTag};
        uint8_t aad[kRtcpClearBytes + kIndexBytes];
        std::memcpy(aad, packet.data(), kRtcpClearBytes);
        store32(aad + kRtcpClearBytes, word);
        if (!rtcp_cipher_->open(vector, aad, body, end)) return {SrtpStatus::BadTag};
    } else {
        const auto digest = rtcp_cipher_->authenticate(packet.first(length + kIndexBytes));
        if (!equal_tags(end + kIndexBytes, digest.data(), shape.rtcp_tag_bytes))
            return {SrtpStatus::BadTag};
        if (encrypted) rtcp_cipher_->xor_keystream(vector, body);
    }
    adopt(ssrc)->rtcp.commit(index);
    return {SrtpStatus::Ok, length};
}

}  // namespace tandem::rtp
