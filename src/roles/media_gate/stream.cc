#include "roles/media_gate/stream.h"

#include <algorithm>

#include "rtp/rtcp.h"

namespace tandem::roles::media_gate {
namespace {

bool party_sends(ports::MediaDirection direction) {
    return direction == ports::MediaDirection::SendRecv ||
           direction == ports::MediaDirection::SendOnly;
}

Result<void> check_key(const ports::SrtpKey& key, std::string_view field) {
    const auto suite = suite_of(key.suite);
    if (!suite || key.key_and_salt.size() == rtp::key_and_salt_bytes(*suite)) return {};
    return make_error(ErrorCode::OutOfRange, field, "the key does not have its suite's length",
                      488);
}

// Keeps the context, with its roll-over counters, when the key is the same.
void set_key(const ports::SrtpKey& key, rtp::SrtpUse use,
             std::optional<rtp::SrtpContext>& context) {
    const auto suite = suite_of(key.suite);
    if (!suite) return context.reset();
    if (context && context->same_key(*suite, key.key_and_salt)) return;
    auto made = rtp::SrtpContext::create(*suite, key.key_and_salt, use);
    if (made)
        context = std::move(*made);
    else
        context.reset();  // check() came first
}

Vouched vouched_for(const std::optional<SocketAddress>& described, const IpAddress& signalling) {
    Vouched vouched{described, std::nullopt};
    if (described && described->ip.is_unspecified()) vouched.described.reset();  // hold of RFC 2543
    if (!signalling.is_unspecified()) vouched.signalling = signalling;
    return vouched;
}

}  // namespace

std::optional<rtp::SrtpSuite> suite_of(ports::SrtpSuite suite) {
    switch (suite) {
        case ports::SrtpSuite::None:
            return std::nullopt;
        case ports::SrtpSuite::AesCm128HmacSha1_80:
            return rtp::SrtpSuite::AesCm128HmacSha1_80;
        case ports::SrtpSuite::AesCm128HmacSha1_32:
            return rtp::SrtpSuite::AesCm128HmacSha1_32;
        case ports::SrtpSuite::AesCm256HmacSha1_80:
            return rtp::SrtpSuite::AesCm256HmacSha1_80;
        case ports::SrtpSuite::AeadAes128Gcm:
            return rtp::SrtpSuite::AeadAes128Gcm;
        case ports::SrtpSuite::AeadAes256Gcm:
            return rtp::SrtpSuite::AeadAes256Gcm;
    }
    return std::nullopt;
}

Result<void> check(const ports::StreamSettings& settings) {
    TRY(check_key(settings.from_party, "from_party"));
    TRY(check_key(settings.to_party, "to_party"));
    return {};
}

void Stream::configure(const ports::StreamSettings& settings, const IpAddress& signalling_source) {
    settings_ = settings;
    signalling_source_ = signalling_source;
    rtp_latch_.vouch(vouched_for(settings.remote_rtp, signalling_source), sources_max());
    auto rtcp = settings.remote_rtcp ? settings.remote_rtcp : settings.remote_rtp;
    if (!settings.remote_rtcp && rtcp && !settings.rtcp_mux && rtcp->port < 65535) ++rtcp->port;
    rtcp_latch_.vouch(vouched_for(rtcp, signalling_source), kVideoSourcesMax);
    set_key(settings.from_party, rtp::SrtpUse::Receive, from_party_);
    set_key(settings.to_party, rtp::SrtpUse::Send, to_party_);
}

Player& Stream::make_player(const Player::Source& source) {
    if (!player_) player_ = std::make_unique<Player>(source);
    return *player_;
}

size_t Stream::sources_max() const {
    return settings_.kind == ports::MediaKind::Audio ? kAudioSourcesMax : kVideoSourcesMax;
}

bool Stream::is_expected() const {
    return settings_.enabled && settings_.remote_rtp && party_sends(settings_.direction);
}

std::nullopt_t Stream::refuse() {
    ++traffic_.packets_refused;
    return std::nullopt;
}

// Nothing is taken before the party's description came: until then neither its address nor whether
// it encrypts is known, and what it sends could not be told from noise.
std::optional<size_t> Stream::receive_rtp(Instant now, const SocketAddress& source,
                                          std::span<uint8_t> packet) {
    if (!settings_.enabled || !settings_.remote_rtp) return refuse();
    size_t length = packet.size();
    if (from_party_) {
        const rtp::SrtpOutcome outcome = from_party_->unprotect(packet);
        if (outcome.status != rtp::SrtpStatus::Ok) return refuse();
        length = outcome.length;
    }
    const auto header = rtp::parse_header(packet.first(length));
    if (!header) return refuse();
    const Proof proof = from_party_ ? Proof::Authenticated : Proof::None;
    if (!rtp_latch_.admit(now, source, &*header, proof)) return refuse();
    note_reception(now, *header, packet.size());
    return length;
}

std::optional<char> Stream::key_in(Instant now, BytesView packet) {
    const auto header = rtp::parse_header(packet);
    const uint8_t type = settings_.telephone_event_type;
    if (!header || type == 0 || header->payload_type != type) return std::nullopt;
    const auto payload = rtp::payload_of(packet, *header);
    const auto event = payload ? rtp::parse_telephone_event(*payload) : std::nullopt;
    const auto key = event ? key_presses_.on_event(*header, *event) : std::nullopt;
    if (!key) return std::nullopt;
    if (now - keys_since_ >= 1s) {
        keys_since_ = now;
        keys_ = 0;
    }
    return ++keys_ <= kKeysPerSecondMax ? key : std::nullopt;
}

std::optional<size_t> Stream::receive_rtcp(Instant now, const SocketAddress& source,
                                           std::span<uint8_t> packet, bool on_rtp_port) {
    if (!settings_.enabled || !settings_.remote_rtp) return refuse();
    size_t length = packet.size();
    if (from_party_) {
        const rtp::SrtpOutcome outcome = from_party_->unprotect_rtcp(packet);
        if (outcome.status != rtp::SrtpStatus::Ok) return refuse();
        length = outcome.length;
    }
    const BytesView plain = packet.first(length);
    if (!rtp::is_valid_compound(plain)) return refuse();
    const Proof proof = from_party_ ? Proof::Authenticated : Proof::None;
    if (on_rtp_port) {
        // Multiplexed: it comes from where RTP comes from, and must not move that without proof.
        const bool same = rtp_latch_.locked() && rtp_latch_.target() == source;
        if (!same && !rtp_latch_.admit(now, source, nullptr, proof)) return refuse();
    } else if (!rtcp_latch_.admit(now, source, nullptr, proof)) {
        return refuse();
    }
    note_echo(now, plain);
    return length;
}

bool Stream::receive_other(Instant now, const SocketAddress& source, size_t length) {
    const bool taken = settings_.enabled && settings_.remote_rtp && !from_party_ &&
                       rtp_latch_.admit(now, source, nullptr, Proof::None);
    if (!taken) {
        refuse();
        return false;
    }
    ++traffic_.packets_received;
    traffic_.bytes_received += length;
    last_heard_ = now;
    return true;
}

void Stream::note_reception(Instant now, const rtp::Header& header, size_t bytes) {
    ++traffic_.packets_received;
    traffic_.bytes_received += bytes;
    last_heard_ = now;
    const bool other = reception_ && reception_->ssrc() != header.ssrc;
    if (other && now - reception_->last_packet() < kSourcePause) return;  // a second source: video
    if (other) {
        expected_before_ += reception_->expected();
        lost_before_ += reception_->lost();
    }
    if (other || !reception_) reception_.emplace(header.ssrc);
    reception_->on_packet(now, header);
}

// Who encrypts and has no key of ours yet, as while a moved call agrees on new ones, is sent
// nothing: it would go out in the clear.
bool Stream::may_send() const {
    return settings_.enabled && (!from_party_ || to_party_);
}

void Stream::send_rtp(std::span<uint8_t> buffer, size_t length, ports::PacketSink& out) {
    const auto target = may_send() ? rtp_latch_.target() : std::nullopt;
    if (!target) {
        ++traffic_.packets_unsent;
        return;
    }
    if (to_party_) {
        const rtp::SrtpOutcome outcome = to_party_->protect(buffer, length);
        if (outcome.status != rtp::SrtpStatus::Ok) {
            ++traffic_.packets_unsent;
            return;
        }
        length = outcome.length;
    }
    ++traffic_.packets_sent;
    traffic_.bytes_sent += length;
    out.send(ports_.rtp, *target, buffer.first(length));
}

// A party behind a NAT has told us an address of its own network: when RTP came from elsewhere,
// RTCP waits until it has come as well.
std::optional<SocketAddress> Stream::rtcp_target() const {
    if (settings_.rtcp_mux) return rtp_latch_.target();
    const auto target = rtcp_latch_.target();
    if (rtcp_latch_.locked() || !target || !rtp_latch_.locked()) return target;
    const bool moved = settings_.remote_rtp && rtp_latch_.target()->ip != settings_.remote_rtp->ip;
    return moved ? std::nullopt : target;
}

void Stream::send_rtcp(Instant now, std::span<uint8_t> buffer, size_t length,
                       ports::PacketSink& out) {
    const auto target = may_send() ? rtcp_target() : std::nullopt;
    if (!target) return;
    note_passed_report(now, buffer.first(length));
    if (to_party_) {
        const rtp::SrtpOutcome outcome = to_party_->protect_rtcp(buffer, length);
        if (outcome.status != rtp::SrtpStatus::Ok) return;
        length = outcome.length;
    }
    out.send(settings_.rtcp_mux ? ports_.rtp : ports_.rtcp(), *target, buffer.first(length));
}

void Stream::note_passed_report(Instant now, BytesView rtcp) {
    rtp::RtcpReader reader(rtcp);
    const auto block = reader.next();
    const auto report = block ? rtp::parse_report(*block) : std::nullopt;
    if (!report || !report->sender) return;
    passed_[passed_next_] = {rtp::middle_of(report->sender->ntp), now};
    passed_next_ = (passed_next_ + 1) % passed_.size();
}

// The party echoes a report that we passed to it: the time between, less its own delay, is the
// round trip between us and it, whatever the clocks of the two parties say (RFC 3550 6.4.1).
void Stream::note_echo(Instant now, BytesView rtcp) {
    rtp::RtcpReader reader(rtcp);
    while (const auto block = reader.next()) {
        const auto report = rtp::parse_report(*block);
        if (!report) continue;
        for (const rtp::ReportBlock& echo : report->reports()) {
            const auto passed = std::ranges::find(passed_, echo.last_sr, &PassedReport::middle);
            if (echo.last_sr == 0 || passed == passed_.end()) continue;
            const double away = std::chrono::duration<double, std::milli>(now - passed->at).count();
            const double there = echo.delay_since_last_sr * 1000.0 / 65536;
            if (away >= there) round_trip_ms_ = away - there;
        }
    }
}

void Stream::fill(ports::StreamStatistics& out) const {
    out.kind = settings_.kind;
    out.packets_received = traffic_.packets_received;
    out.bytes_received = traffic_.bytes_received;
    out.packets_sent = traffic_.packets_sent;
    out.bytes_sent = traffic_.bytes_sent;
    out.packets_refused = traffic_.packets_refused;
    out.srtp = from_party_.has_value();
    out.round_trip_ms = round_trip_ms_;
    if (!reception_) return;
    const int64_t lost = std::max<int64_t>(0, lost_before_ + reception_->lost());
    const uint64_t expected = expected_before_ + reception_->expected();
    out.packets_lost = static_cast<uint64_t>(lost);
    out.jitter_ms = reception_->jitter_ms();
    const double fraction =
        expected == 0 ? 0 : static_cast<double>(lost) / static_cast<double>(expected);
    out.mos = rtp::mos(fraction, out.jitter_ms, out.round_trip_ms);
}

StreamSnapshot Stream::snapshot() const {
    StreamSnapshot out{settings_,
                       signalling_source_,
                       ports_,
                       rtp_latch_.snapshot(),
                       rtcp_latch_.snapshot(),
                       {},
                       {},
                       traffic_};
    if (from_party_) out.from_party = from_party_->snapshot();
    if (to_party_) out.to_party = to_party_->snapshot();
    return out;
}

Result<Stream> Stream::restore(const StreamSnapshot& snapshot) {
    Stream out(snapshot.ports);
    TRY(check(snapshot.settings));
    out.configure(snapshot.settings, snapshot.signalling_source);
    out.rtp_latch_ = Latch::restore(snapshot.rtp_latch, out.sources_max());
    out.rtcp_latch_ = Latch::restore(snapshot.rtcp_latch, kVideoSourcesMax);
    if (snapshot.from_party) out.from_party_ = TRY(rtp::SrtpContext::restore(*snapshot.from_party));
    if (snapshot.to_party) out.to_party_ = TRY(rtp::SrtpContext::restore(*snapshot.to_party));
    out.traffic_ = snapshot.traffic;
    return out;
}

}  // namespace tandem::roles::media_gate
