// Any datagram is classified and parsed without harm; what parses lies within it.
#include <array>

#include "base/check.h"
#include "rtp/packet.h"
#include "rtp/reception.h"
#include "rtp/rtcp.h"
#include "rtp/rtcp_privacy.h"

using namespace tandem;

namespace {

void try_rtcp(BytesView data) {
    rtp::RtcpReader reader(data);
    while (const auto block = reader.next()) {
        CHECK(block->body.empty() ||
              block->body.data() + block->body.size() <= data.data() + data.size());
        if (const auto report = rtp::parse_report(*block)) {
            for (const auto& one : report->reports()) rtp::round_trip_ms(report->ssrc, one);
        }
        if (const auto feedback = rtp::parse_feedback(*block))
            CHECK(feedback->control.size() + 8 == block->body.size());
        rtp::cname_of(*block);
        rtp::bye_names(*block, 1);
    }
    CHECK(rtp::is_valid_compound(data) ? reader.complete() : true);
    if (!rtp::is_valid_compound(data)) return;
    Bytes copy(data.begin(), data.end());
    const size_t left = rtp::hide_party(copy, {1, 2});
    const BytesView shown = BytesView(copy).first(left);
    CHECK(left == 0 || rtp::is_valid_compound(shown));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    const BytesView data(bytes, size);
    rtp::classify(data);
    try_rtcp(data);
    const auto header = rtp::parse_header(data);
    if (!header) return 0;
    CHECK(header->header_bytes <= size);
    if (const auto payload = rtp::payload_of(data, *header)) rtp::parse_telephone_event(*payload);
    // A run of packets, two bytes of sequence and one of time each, through the statistics.
    rtp::Reception reception(header->ssrc);
    Instant now;
    for (size_t i = header->header_bytes; i + 3 <= size; i += 3) {
        rtp::Header packet = *header;
        packet.sequence = static_cast<uint16_t>(data[i] << 8 | data[i + 1]);
        packet.timestamp += static_cast<uint32_t>(i) * 160;
        now = now + data[i + 2] * 1ms;
        reception.on_packet(now, packet);
    }
    reception.report(0, 0);
    CHECK(reception.jitter_ms() >= 0);
    return 0;
}
