#include "roles/media_gate/latch.h"

#include <algorithm>
#include <utility>

namespace tandem::roles::media_gate {

void Latch::vouch(const Vouched& vouched, size_t sources_max) {
    sources_max_ = std::clamp<size_t>(sources_max, 1, sources_.size());
    source_may_change_ = true;
    if (vouched == vouched_) return;
    vouched_ = vouched;
    locked_.reset();
    former_.reset();
    sources_ = {};
}

bool Latch::is_vouched_for(const IpAddress& ip) const {
    return (vouched_.described && vouched_.described->ip == ip) || vouched_.signalling == ip;
}

const Latch::Source* Latch::find(uint32_t ssrc) const {
    const auto found = std::ranges::find_if(
        sources_, [&](const Source& source) { return source.used && source.ssrc == ssrc; });
    return found == sources_.end() ? nullptr : &*found;
}

Latch::Source* Latch::find(uint32_t ssrc) {
    return const_cast<Source*>(std::as_const(*this).find(ssrc));
}

bool Latch::admit(Instant now, const SocketAddress& source, const rtp::Header* header,
                  Proof proof) {
    if (proof == Proof::Authenticated) {
        // Whoever holds the key is the party, wherever its NAT puts it. A packet held back on its
        // way and sent from elsewhere is taken, but does not move the stream.
        if (locked_ != source && !(locked_ && is_older(header))) lock(source);
    } else if (!locked_) {
        if (!is_vouched_for(source.ip)) return false;
        lock(source);
    } else if (locked_ == source) {
        if (!admit_source(now, header)) return false;
    } else if (may_move(now, source, header)) {
        lock(source);
    } else {
        return false;
    }
    remember(now, header);
    return true;
}

bool Latch::is_older(const rtp::Header* header) const {
    const Source* known = header == nullptr ? nullptr : find(header->ssrc);
    return known != nullptr && static_cast<int16_t>(header->sequence - known->sequence) <= 0;
}

// A second source beside a live one, at the same address, is an injection: whoever forges the
// address does not know the SSRC. A source that took the place of a silent one, or that signalling
// announced, is not.
bool Latch::admit_source(Instant now, const rtp::Header* header) {
    if (header == nullptr || find(header->ssrc) != nullptr || source_may_change_) return true;
    const auto live = std::ranges::count_if(sources_, [&](const Source& source) {
        return source.used && now - source.heard < kSourcePause;
    });
    return static_cast<size_t>(live) < sources_max_;
}

// A NAT gave the party another address in mid-call. Nobody but the party knows its SSRC and where
// its numbers are.
bool Latch::may_move(Instant now, const SocketAddress& source, const rtp::Header* header) const {
    if (source == vouched_.described) return true;
    // Who was displaced comes back at once: an intruder that used a pause does not keep the stream.
    if (former_ == source && header != nullptr && header->ssrc == former_ssrc_) return true;
    const Duration silence = now - heard_;
    const bool same = header != nullptr && continues(now, *header);
    if (is_vouched_for(source.ip)) return same || silence >= kMoveSilence;
    return same && silence >= kStrangerSilence;
}

// The known source, a little further on: sequence numbers by a step that is no jump, timestamps
// forward by no more than the fastest clock (90 kHz) runs in the time that has passed, with two
// seconds for bursts.
bool Latch::continues(Instant now, const rtp::Header& header) const {
    const Source* known = find(header.ssrc);
    if (known == nullptr) return false;
    const auto step = static_cast<int16_t>(header.sequence - known->sequence);
    if (step <= 0 || step > kContinuationPackets) return false;
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - known->heard);
    const auto advance = static_cast<int32_t>(header.timestamp - known->timestamp);
    return advance >= 0 && advance <= 90 * (elapsed.count() + 2000);
}

void Latch::lock(const SocketAddress& source) {
    if (locked_) {
        former_ = locked_;
        const auto latest = std::ranges::max_element(sources_, {}, &Source::heard);
        former_ssrc_ = latest->ssrc;
    }
    locked_ = source;
}

void Latch::remember(Instant now, const rtp::Header* header) {
    heard_ = now;
    if (header == nullptr) return;
    Source* source = find(header->ssrc);
    if (source == nullptr) {
        // The one silent for longest makes room; unused ones have never been heard.
        auto* const end = sources_.data() + sources_max_;
        source = std::min_element(sources_.data(), end, [](const Source& a, const Source& b) {
            return a.used != b.used ? !a.used : a.heard < b.heard;
        });
        source_may_change_ = false;
    } else if (const auto step = static_cast<int16_t>(header->sequence - source->sequence);
               step <= 0 && step > -kReorderedMax) {
        source->heard = now;  // overtaken on its way: the numbers stay at the newest
        return;
    }
    *source = {header->ssrc, header->sequence, header->timestamp, now, true};
}

Latch Latch::restore(const LatchSnapshot& snapshot, size_t sources_max) {
    Latch latch;
    latch.vouch(snapshot.vouched, sources_max);
    latch.locked_ = snapshot.locked;
    if (snapshot.locked) latch.sources_[0] = {snapshot.ssrc, 0, 0, {}, true};
    return latch;
}

}  // namespace tandem::roles::media_gate
