#include <gtest/gtest.h>

#include "rtp/packet.h"
#include "rtp/reception.h"
#include "rtp/rtcp.h"
#include "rtp/rtcp_privacy.h"

namespace tandem::rtp {
namespace {

TEST(Classify, ByTheFirstTwoBytes) {
    const std::pair<Bytes, Kind> cases[] = {
        {{0x00, 0x01}, Kind::Stun}, {{0x01, 0x01}, Kind::Stun}, {{22, 254}, Kind::Dtls},
        {{0x80, 0}, Kind::Rtp},     {{0x80, 0x80}, Kind::Rtp},  {{0x80, 200}, Kind::Rtcp},
        {{0x81, 223}, Kind::Rtcp},  {{0x80, 224}, Kind::Rtp},   {{0x80, 191}, Kind::Rtp},
        {{0x40, 0}, Kind::Unknown}, {{0xc0, 0}, Kind::Unknown}, {{0x80}, Kind::Unknown},
        {{}, Kind::Unknown},
    };
    for (const auto& [bytes, kind] : cases) EXPECT_EQ(classify(bytes), kind);
}

TEST(Header, ParsesCsrcsExtensionAndPadding) {
    const Bytes packet = *hex_decode(
        "b2e0123400000020deadbeef"
        "0000000100000002"
        "bede000111223344"
        "a1a2a3000003");
    const auto header = parse_header(packet);
    ASSERT_TRUE(header.has_value());
    EXPECT_TRUE(header->marker);
    EXPECT_EQ(header->payload_type, 96);
    EXPECT_EQ(header->sequence, 0x1234);
    EXPECT_EQ(header->timestamp, 32u);
    EXPECT_EQ(header->ssrc, 0xdeadbeefu);
    EXPECT_EQ(header->header_bytes, 28);
    const auto payload = payload_of(packet, *header);
    ASSERT_TRUE(payload.has_value());
    EXPECT_EQ(hex_encode(*payload), "a1a2a3");
}

TEST(Header, RefusesWhatDoesNotFit) {
    for (const char* hex : {"", "8000", "4000123400000020deadbeef", "8f00123400000020deadbeef",
                            "9000123400000020deadbeef", "9000123400000020deadbeefbede0001"})
        EXPECT_FALSE(parse_header(*hex_decode(hex)).has_value()) << hex;
    const Bytes padded = *hex_decode("a000123400000020deadbeef0009");
    EXPECT_FALSE(payload_of(padded, *parse_header(padded)).has_value());
}

TEST(Header, WritesWhatItParses) {
    Header header;
    header.marker = true;
    header.payload_type = 101;
    header.sequence = 65535;
    header.timestamp = 0x01020304;
    header.ssrc = 0x05060708;
    Bytes out(12);
    write_header(header, out);
    EXPECT_EQ(hex_encode(out), "80e5ffff0102030405060708");
}

TEST(SequenceExtender, CountsCycles) {
    SequenceExtender extender;
    EXPECT_EQ(extender.extend(65534), 65534u);
    EXPECT_EQ(extender.extend(1), 65537u);
    EXPECT_EQ(extender.extend(65535), 65535u) << "late";
    EXPECT_EQ(extender.highest(), 65537u);
}

TEST(TelephoneEvent, Rfc4733) {
    const auto event = parse_telephone_event(*hex_decode("0b8a0320"));
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(dtmf_digit(event->event), '#');
    EXPECT_TRUE(event->end);
    EXPECT_EQ(event->volume, 10);
    EXPECT_EQ(event->duration, 800);
    std::array<uint8_t, 4> out;
    write_telephone_event(*event, out);
    EXPECT_EQ(hex_encode(out), "0b8a0320");
    EXPECT_FALSE(parse_telephone_event(*hex_decode("0b8a03")).has_value());
    EXPECT_EQ(dtmf_event('d'), 15);
    EXPECT_EQ(dtmf_event('x'), std::nullopt);
    EXPECT_EQ(dtmf_digit(16), std::nullopt);
}

Header numbered(uint32_t n, uint32_t step = 160) {
    Header header;
    header.sequence = static_cast<uint16_t>(n);
    header.timestamp = n * step;
    return header;
}

TEST(Reception, CountsLossAcrossAWrap) {
    Reception reception(1);
    for (uint32_t n = 65000; n < 66000; ++n) {
        if (n % 10 != 9) reception.on_packet(Instant{n * 20ms}, numbered(n));
    }
    EXPECT_EQ(reception.expected(), 999u);  // the last one is missing, nobody knows
    EXPECT_EQ(reception.lost(), 99);
    const ReportBlock block = reception.report(5, 6);
    EXPECT_EQ(block.fraction_lost, 99 * 256 / 999);
    EXPECT_EQ(block.cumulative_lost, 99);
    EXPECT_EQ(block.highest_sequence, 65998u);
    EXPECT_EQ(block.last_sr, 5u);
    EXPECT_EQ(reception.report(0, 0).fraction_lost, 0) << "a new interval";
}

TEST(Reception, ARestartedNumberingIsNotLoss) {
    Reception reception(1);
    for (uint32_t n = 0; n < 100; ++n) reception.on_packet(Instant{n * 20ms}, numbered(n));
    for (uint32_t n = 0; n < 100; ++n)
        reception.on_packet(Instant{2s + n * 20ms}, numbered(n + 30000));
    EXPECT_EQ(reception.expected(), 200u);
    EXPECT_EQ(reception.lost(), 0);
}

TEST(Reception, FindsTheClockAndMeasuresJitter) {
    struct Case {
        uint32_t step, hz;
    };
    for (const Case c : {Case{160, 8000}, Case{320, 16000}, Case{882, 44100}, Case{960, 48000},
                         Case{1800, 90000}}) {
        ClockRate clock;
        for (uint32_t n = 0; n < 60; ++n) clock.on_packet(Instant{n * 20ms}, n * c.step + 77);
        EXPECT_EQ(clock.hz(), c.hz);
    }
    Reception even(1), uneven(2);
    for (uint32_t n = 0; n < 500; ++n) {
        even.on_packet(Instant{n * 20ms}, numbered(n));
        uneven.on_packet(Instant{n * 20ms + (n % 2) * 10ms}, numbered(n));
    }
    EXPECT_EQ(even.jitter(), 0u);
    EXPECT_NEAR(uneven.jitter_ms(), 10, 0.5);
}

// Two chunks with more than a CNAME, a BYE with its reason.
TEST(Rtcp, HidesWhoTheOtherIs) {
    std::array<uint8_t, 200> buffer;
    RtcpWriter writer(buffer);
    writer.report(7, SenderInfo{1, 2, 3, 4}, {});
    Bytes compound(writer.written().begin(), writer.written().end());
    const auto append = [&](std::string_view text) {
        compound.insert(compound.end(), text.begin(), text.end());
    };
    using namespace std::string_view_literals;
    append("\x82\xca\x00\x0b"sv);
    append(
        "\x00\x00\x00\x07\x06\x04Talk\x01\x0e"
        "1001@10.77.0.2\x00\x00"sv);
    append(
        "\x00\x00\x00\x08\x01\x03"
        "abc\x02\x04"
        "Anna\x00"sv);
    append(
        "\x81\xcb\x00\x03\x00\x00\x00\x07\x05"
        "Adieu\x00\x00"sv);
    ASSERT_TRUE(is_valid_compound(compound));
    Bytes other = compound, again = compound;
    const size_t left = hide_party(compound, {1, 2});
    const BytesView hidden = BytesView(compound).first(left);
    ASSERT_TRUE(is_valid_compound(hidden));
    const std::string text(hidden.begin(), hidden.end());
    for (const char* secret : {"Talk", "1001", "10.77", "abc", "Anna", "Adieu"})
        EXPECT_EQ(text.find(secret), std::string::npos) << secret;

    RtcpReader reader(hidden);
    const auto report = reader.next();
    EXPECT_EQ(parse_report(*report)->sender->octets, 4u);
    const auto description = reader.next();
    EXPECT_EQ(description->count, 2);
    const std::string name(*cname_of(*description));
    EXPECT_EQ(name.size(), 14u) << "not longer than it was";
    const auto bye = reader.next();
    EXPECT_TRUE(bye_names(*bye, 7));
    EXPECT_EQ(bye->body.size(), 4u);
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.complete());

    const auto name_by = [](Bytes& bytes, SipHashKey key) {
        const size_t size = hide_party(bytes, key);
        RtcpReader each(BytesView(bytes).first(size));
        each.next();
        return std::string(*cname_of(*each.next()));
    };
    EXPECT_EQ(name_by(again, {1, 2}), name) << "its streams stay together";
    EXPECT_NE(name_by(other, {1, 3}), name) << "another call";
}

// Applications, profiles and padding can say anything; figures and requests pass as they are.
TEST(Rtcp, LeavesOutWhatItCannotRead) {
    using namespace std::string_view_literals;
    const std::string_view report = "\x80\xc9\x00\x01\x00\x00\x00\x07"sv;
    const std::string_view remb =
        "\x8f\xce\x00\x05\x00\x00\x00\x07\x00\x00\x00\x00REMB\x01\x00\x03\xe8\x00\x00\x00\x09"sv;
    const std::string_view extended =
        "\x80\xcf\x00\x04\x00\x00\x00\x07\x04\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x02"sv;
    const std::string_view picture = "\x81\xce\x00\x02\x00\x00\x00\x07\x00\x00\x00\x09"sv;
    const struct {
        const char* what;
        std::string wire;
        std::string shown;
    } cases[] = {
        {"APP", std::string(report).append("\x85\xcc\x00\x04\x00\x00\x00\x07NAME10.77.0."sv),
         std::string(report)},
        {"APP alone", std::string("\x80\xcc\x00\x02\x00\x00\x00\x07NAME"sv), ""},
        {"addresses of feedback targets",
         std::string(report).append("\x80\xd1\x00\x02\x00\x00\x00\x07\x0a\x4d\x00\x02"sv),
         std::string(report)},
        {"an unknown type", std::string("\x80\xdf\x00\x01GUID"sv).append(report),
         std::string(report)},
        {"an application's feedback",
         std::string(report).append("\x8f\xce\x00\x03\x00\x00\x00\x07\x00\x00\x00\x00VEND"sv),
         std::string(report)},
        {"a profile's extension of RR",
         std::string("\x80\xc9\x00\x03\x00\x00\x00\x07"
                     "10.77.0."sv),
         std::string(report)},
        {"figures and requests", std::string(report).append(extended).append(remb).append(picture),
         std::string(report).append(extended).append(remb).append(picture)},
        {"padding",
         std::string("\xa1\xce\x00\x03\x00\x00\x00\x07\x00\x00\x00\x09"
                     "abc\x04"sv),
         std::string("\xa1\xce\x00\x03\x00\x00\x00\x07\x00\x00\x00\x09\x00\x00\x00\x04"sv)},
    };
    for (const auto& [what, wire, shown] : cases) {
        Bytes compound(wire.begin(), wire.end());
        ASSERT_TRUE(is_valid_compound(compound)) << what;
        const size_t left = hide_party(compound, {1, 2});
        EXPECT_EQ(as_text(BytesView(compound).first(left)), shown) << what;
    }
}

TEST(Reception, APressedKeyIsNoJitter) {
    Reception reception(1);
    uint16_t sequence = 0;
    for (uint32_t n = 0; n < 200; ++n) {
        Header header = numbered(sequence++);
        header.timestamp = n * 160;
        reception.on_packet(Instant{n * 20ms}, header);
        if (n < 100 || n > 110) continue;
        header.sequence = sequence++;
        header.timestamp = 100 * 160;  // when the key went down
        reception.on_packet(Instant{n * 20ms + 1ms}, header);
    }
    EXPECT_EQ(reception.lost(), 0);
    EXPECT_EQ(reception.jitter(), 0u);
}

TEST(Quality, FallsWithLossAndDelay) {
    EXPECT_NEAR(mos(0, 0, 0), 4.4, 0.05);
    EXPECT_NEAR(mos(0.01, 5, 40), 4.3, 0.1);
    EXPECT_LT(mos(0.05, 0, 0), mos(0.01, 0, 0));
    EXPECT_LT(mos(0, 0, 600), mos(0, 0, 100));
    EXPECT_LT(mos(0.3, 50, 600), 2);
    EXPECT_GE(mos(1, 1000, 10000), 1);
    EXPECT_EQ(mos_from_r(100), 4.5);
}

TEST(Rtcp, WritesAndReadsACompound) {
    std::array<uint8_t, 256> buffer;
    RtcpWriter writer(buffer);
    ReportBlock block;
    block.ssrc = 9;
    block.fraction_lost = 12;
    block.cumulative_lost = -3;
    block.highest_sequence = 70000;
    block.jitter = 44;
    block.last_sr = 0x12345678;
    block.delay_since_last_sr = 65536;
    writer.report(7, SenderInfo{0x1122334455667788, 160, 10, 1600}, {&block, 1});
    writer.source_description(7, "tandem");
    writer.bye(7);
    ASSERT_TRUE(writer.ok());
    EXPECT_TRUE(is_valid_compound(writer.written()));

    RtcpReader reader(writer.written());
    const auto report = parse_report(*reader.next());
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->ssrc, 7u);
    EXPECT_EQ(report->sender->ntp, 0x1122334455667788u);
    EXPECT_EQ(middle_of(report->sender->ntp), 0x33445566u);
    ASSERT_EQ(report->reports().size(), 1u);
    EXPECT_EQ(report->reports()[0].cumulative_lost, -3);
    EXPECT_EQ(report->reports()[0].fraction_lost, 12);
    EXPECT_EQ(report->reports()[0].highest_sequence, 70000u);
    const auto description = reader.next();
    EXPECT_EQ(cname_of(*description), "tandem");
    const auto bye = reader.next();
    EXPECT_TRUE(bye_names(*bye, 7));
    EXPECT_FALSE(bye_names(*bye, 8));
    EXPECT_FALSE(reader.next().has_value());
    EXPECT_TRUE(reader.complete());

    RtcpWriter tight(std::span<uint8_t>(buffer).first(10));
    tight.bye(1);
    tight.bye(2);
    EXPECT_FALSE(tight.ok());
    EXPECT_EQ(tight.written().size(), 8u);
}

TEST(Rtcp, FeedbackAndFaults) {
    const Bytes pli = *hex_decode("81ce00020000000100000002");
    const auto feedback = parse_feedback(*RtcpReader(pli).next());
    ASSERT_TRUE(feedback.has_value());
    EXPECT_EQ(feedback->format, 1);
    EXPECT_EQ(feedback->media_ssrc, 2u);
    EXPECT_TRUE(is_valid_compound(pli)) << "reduced size";
    for (const char* hex : {"", "80", "80c90001", "80c90000", "81c9000100000001",
                            "40c9000100000001", "a0c9000100000009", "80c900010000000180"})
        EXPECT_FALSE(is_valid_compound(*hex_decode(hex))) << hex;
}

TEST(Rtcp, RoundTrip) {
    ReportBlock block;
    EXPECT_EQ(round_trip_ms(1, block), std::nullopt);
    block.last_sr = 0xb7058000;  // the example of RFC 3550 6.4.1, figure 2
    block.delay_since_last_sr = 0x00054000;
    EXPECT_NEAR(*round_trip_ms(0xb7108000, block), 5750, 0.01);
    EXPECT_EQ(round_trip_ms(0xb7000000, block), std::nullopt);
    EXPECT_EQ(ntp_of({0}) >> 32, 2208988800u);
    EXPECT_EQ(static_cast<uint32_t>(ntp_of({500})), 0x80000000u);
}

}  // namespace
}  // namespace tandem::rtp
