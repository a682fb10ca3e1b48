#include "roles/media_gate/gate.h"

#include <cstring>

#include "roles/media_gate/gate_fixture_test.h"
#include "roles/media_gate/limits.h"
#include "rtp/rtcp.h"
#include "rtp/wire.h"

namespace tandem::roles::media_gate {
namespace {

const SocketAddress kAliceRtcp = at("192.0.2.10:4001");
const SocketAddress kBobRtcp = at("192.0.2.20:5001");
const SocketAddress kStranger = at("198.51.100.66:5555");

struct Sent {
    uint32_t port = 0;
    SocketAddress to;
    std::array<uint8_t, 512> bytes{};
    size_t length = 0;
    Bytes copy() const { return Bytes(bytes.begin(), bytes.begin() + static_cast<long>(length)); }
};

class Sink final : public ports::PacketSink {
 public:
    void send(uint32_t port, const SocketAddress& to, std::span<const uint8_t> packet) override {
        ASSERT_LT(count, sent.size());
        sent[count].port = port;
        sent[count].to = to;
        sent[count].length = packet.size();
        std::memcpy(sent[count].bytes.data(), packet.data(), packet.size());
        ++count;
    }
    void clear() { count = 0; }
    std::array<Sent, 8> sent;
    size_t count = 0;
};

Bytes rtp_packet(uint16_t sequence, uint32_t ssrc = 1) {
    Bytes packet(172);
    packet[0] = 0x80;
    packet[1] = 8;
    rtp::store16(&packet[2], sequence);
    rtp::store32(&packet[4], sequence * 160u);
    rtp::store32(&packet[8], ssrc);
    for (size_t i = 12; i < packet.size(); ++i) packet[i] = static_cast<uint8_t>(i + sequence);
    return packet;
}

Bytes sender_report(uint32_t ssrc, uint64_t ntp) {
    Bytes buffer(64);
    rtp::RtcpWriter writer(buffer);
    writer.report(ssrc, rtp::SenderInfo{ntp, 0, 1, 160}, {});
    buffer.resize(writer.written().size());
    return buffer;
}

Bytes receiver_report(uint32_t ssrc, uint32_t last_sr, uint32_t delay) {
    Bytes buffer(64);
    rtp::RtcpWriter writer(buffer);
    rtp::ReportBlock block;
    block.last_sr = last_sr;
    block.delay_since_last_sr = delay;
    writer.report(ssrc, std::nullopt, {&block, 1});
    buffer.resize(writer.written().size());
    return buffer;
}

class GateTest : public TwoParties {
 protected:
    ports::MediaReply ask() {
        output = {};
        auto reply = gate.on_request(now, kOwner, request, output);
        for (const auto& local : reply.local) {
            if (!local.streams.empty()) ports_of[local.termination] = local.streams[0].rtp.port;
        }
        return reply;
    }
    uint16_t alice() { return ports_of[1]; }
    uint16_t bob() { return ports_of[2]; }

    // One datagram in; what it caused is in `sink`.
    void receive(uint32_t port, const SocketAddress& from, const Bytes& packet) {
        std::memcpy(buffer.data(), packet.data(), packet.size());
        sink.clear();
        gate.on_packet({now, port, from, buffer, packet.size()}, sink);
    }
    // How many events it has told.
    size_t tick(Duration later) {
        now = now + later;
        output = {};
        gate.on_tick(now, output);
        return output.events.size();
    }
    ports::StreamStatistics statistics_of(uint32_t termination) {
        for (const auto& line : gate.statistics(request.context).statistics)
            if (line.termination == termination) return line;
        ADD_FAILURE() << "no such termination";
        return {};
    }

    GateOutput output;
    std::map<uint32_t, uint16_t> ports_of;
    Sink sink;
};

TEST_F(GateTest, OpensPortsAndRelaysBothWays) {
    const auto reply = ask();
    ASSERT_FALSE(reply.error.has_value());
    EXPECT_EQ(reply.local[0].streams[0].rtp, at("203.0.113.1:30000"));
    EXPECT_EQ(reply.local[1].streams[0].rtcp, at("203.0.113.1:30003"));
    ASSERT_EQ(output.open.size(), 4u);
    EXPECT_EQ(output.open[1].local, at("0.0.0.0:30001"));
    EXPECT_EQ(output.open[1].port_id, 30001u);

    const Bytes packet = rtp_packet(1);
    receive(alice(), kAlice, packet);
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].port, bob());
    EXPECT_EQ(sink.sent[0].to, kBob);
    EXPECT_EQ(sink.sent[0].copy(), packet);
    receive(bob(), kBob, rtp_packet(9, 5));
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].to, kAlice);
    receive(bob() + 1u, kBobRtcp, sender_report(5, 1));
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].to, kAliceRtcp);
    EXPECT_EQ(sink.sent[0].port, alice() + 1u);
    Bytes named(64);
    rtp::RtcpWriter writer(named);
    writer.report(5, rtp::SenderInfo{1, 0, 1, 160}, {});
    writer.source_description(5, "1002@192.0.2.20");
    receive(bob() + 1u, kBobRtcp, Bytes(writer.written().begin(), writer.written().end()));
    ASSERT_EQ(sink.count, 1u);
    const Bytes seen = sink.sent[0].copy();
    EXPECT_TRUE(rtp::is_valid_compound(seen));
    EXPECT_EQ(std::string(seen.begin(), seen.end()).find("192.0.2.20"), std::string::npos);
    // APP, and nothing else: there is nothing to send.
    receive(bob() + 1u, kBobRtcp, {0x80, 204, 0, 2, 0, 0, 0, 5, 'N', 'A', 'M', 'E'});
    EXPECT_EQ(sink.count, 0u);
}

TEST_F(GateTest, RefusesStrangersAndNoise) {
    ask();
    receive(alice(), kStranger, rtp_packet(1));
    receive(alice() + 1u, kStranger, sender_report(1, 1));
    receive(alice() + 1u, kAlice, rtp_packet(1));
    receive(alice(), kAlice, {0, 1, 2, 3});
    receive(alice(), kAlice, {0x80, 8, 0});
    receive(alice() + 1u, kAliceRtcp, {0x80, 200, 0, 9});
    receive(29999, kAlice, rtp_packet(1));
    receive(31000, kAlice, rtp_packet(1));
    EXPECT_EQ(sink.count, 0u);
    EXPECT_EQ(gate.packets_relayed(), 0u);
    receive(alice(), kAlice, rtp_packet(1));
    EXPECT_EQ(sink.count, 1u);
    now = now + 5ms;
    receive(alice(), kStranger, rtp_packet(2));
    EXPECT_EQ(sink.count, 0u) << "a stranger in a live stream";
    EXPECT_EQ(statistics_of(1).packets_refused, 5u);
}

TEST_F(GateTest, AnswersAPartyBehindANatWhereItSendsFrom) {
    request.set[0] = party(1, at("10.0.0.5:4000"));
    request.set[0].signalling_source = *IpAddress::parse("203.0.113.77");
    ask();
    receive(alice(), at("203.0.113.77:61000"), rtp_packet(1));
    receive(bob(), kBob, rtp_packet(1));
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].to, at("203.0.113.77:61000"));
    receive(bob() + 1u, kBobRtcp, sender_report(1, 1));
    EXPECT_EQ(sink.count, 0u) << "RTCP does not go to an address of the party's own network";
    receive(alice() + 1u, at("203.0.113.77:61001"), sender_report(1, 1));
    receive(bob() + 1u, kBobRtcp, sender_report(1, 1));
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].to, at("203.0.113.77:61001"));
}

TEST_F(GateTest, TranslatesBetweenSrtpAndRtp) {
    request.set[0].streams[0].from_party = key_of(1);
    request.set[0].streams[0].to_party = key_of(2, ports::SrtpSuite::AeadAes128Gcm);
    ask();
    auto alice_sends = *rtp::SrtpContext::create(rtp::SrtpSuite::AesCm128HmacSha1_80,
                                                 key_of(1).key_and_salt, rtp::SrtpUse::Send);
    auto alice_hears = *rtp::SrtpContext::create(rtp::SrtpSuite::AeadAes128Gcm, Bytes(28, 2),
                                                 rtp::SrtpUse::Receive);
    const Bytes plain = rtp_packet(1);
    Bytes secret = plain;
    secret.resize(plain.size() + rtp::kSrtpOverheadMax);
    secret.resize(alice_sends.protect(secret, plain.size()).length);

    // From an unknown address: the packet authenticates, so that is where she is.
    receive(alice(), kStranger, secret);
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].copy(), plain);
    receive(alice(), kAlice, secret);
    EXPECT_EQ(sink.count, 0u) << "replayed";
    receive(alice(), kAlice, plain);
    EXPECT_EQ(sink.count, 0u) << "not encrypted";

    receive(bob(), kBob, rtp_packet(7, 3));
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].to, kStranger);
    Bytes heard = sink.sent[0].copy();
    ASSERT_EQ(alice_hears.unprotect(heard).length, 172u);
    heard.resize(172);
    EXPECT_EQ(heard, rtp_packet(7, 3));

    receive(bob() + 1u, kBobRtcp, sender_report(3, 1));
    EXPECT_EQ(sink.count, 0u) << "her RTCP address is not known";
    const Bytes report = sender_report(1, 77);
    Bytes secret_report = report;
    secret_report.resize(report.size() + rtp::kSrtpOverheadMax);
    secret_report.resize(alice_sends.protect_rtcp(secret_report, report.size()).length);
    receive(alice() + 1u, kStranger, secret_report);
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].copy(), report);
    EXPECT_TRUE(statistics_of(1).srtp);
    EXPECT_FALSE(statistics_of(2).srtp);
}

TEST_F(GateTest, NothingGoesInTheClearToWhoEncrypts) {
    request.set[0].streams[0].from_party = key_of(1);
    ask();
    receive(bob(), kBob, rtp_packet(7, 3));
    EXPECT_EQ(sink.count, 0u) << "she has no key of ours yet";
    receive(bob() + 1u, kBobRtcp, sender_report(3, 1));
    EXPECT_EQ(sink.count, 0u);
    request.set[0].streams[0].to_party = key_of(2);
    ask();
    receive(bob(), kBob, rtp_packet(8, 3));
    EXPECT_EQ(sink.count, 1u);
}

TEST_F(GateTest, MultiplexesOnOneSideOnly) {
    request.set[0].streams[0].rtcp_mux = true;
    const auto reply = ask();
    EXPECT_EQ(reply.local[0].streams[0].rtcp, reply.local[0].streams[0].rtp);
    const Bytes report = sender_report(1, 1);
    receive(alice(), kAlice, rtp_packet(1));
    receive(alice(), kAlice, report);
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].port, bob() + 1u);
    EXPECT_EQ(sink.sent[0].to, kBobRtcp);
    receive(bob() + 1u, kBobRtcp, report);
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].port, alice());
    EXPECT_EQ(sink.sent[0].to, kAlice);
}

TEST_F(GateTest, ThePathOfAPacketAllocatesNothing) {
    request.set[0].streams[0].from_party = key_of(1);
    request.set[0].streams[0].to_party = key_of(2);
    request.set.push_back(party(3, at("192.0.2.30:6000")));
    request.set[2].streams[0].to_party = key_of(4, ports::SrtpSuite::AeadAes256Gcm);
    request.joined = {{1, 2}, {2, 3}};
    ask();
    receive(bob(), kBob, rtp_packet(0));
    const size_t before = counted_allocations;
    std::array<uint8_t, 172> plain;
    std::memcpy(plain.data(), rtp_packet(0).data(), plain.size());
    const size_t packet_made = counted_allocations - before;
    for (uint16_t n = 1; n < 200; ++n) {
        rtp::store16(&plain[2], n);
        rtp::store32(&plain[4], n * 160u);
        std::memcpy(buffer.data(), plain.data(), plain.size());
        now = now + 20ms;
        sink.clear();
        gate.on_packet({now, bob(), kBob, buffer, plain.size()}, sink);
        ASSERT_EQ(sink.count, 2u);
    }
    EXPECT_EQ(counted_allocations - before, packet_made);
    EXPECT_NE(sink.sent[0].copy(), sink.sent[1].copy()) << "each with its own key";
    EXPECT_EQ(sink.sent[0].length, 172u + 10);
    EXPECT_EQ(sink.sent[1].length, 172u + 16);
}

TEST_F(GateTest, NothingBeforeTheDescription) {
    request.set[1].streams[0].remote_rtp.reset();
    request.set[1].streams[0].remote_rtcp.reset();
    ask();
    receive(bob(), kBob, rtp_packet(1));
    EXPECT_EQ(sink.count, 0u);
    receive(alice(), kAlice, rtp_packet(1));
    EXPECT_EQ(sink.count, 0u) << "nowhere to send to";
}

TEST_F(GateTest, ARequestIsAppliedWholeOrNotAtAll) {
    ask();
    const size_t used = gate.ports_used();
    auto bad = request;
    bad.set[0].streams[0].from_party = {ports::SrtpSuite::AesCm128HmacSha1_80, Bytes(5)};
    bad.remove = {2};
    request = bad;
    EXPECT_TRUE(ask().error.has_value());
    EXPECT_TRUE(output.open.empty() && output.close.empty());
    receive(alice(), kAlice, rtp_packet(1));
    EXPECT_EQ(sink.count, 1u) << "all is as before";

    request.set = {party(9, kStranger)};
    request.set[0].streams.resize(kStreamsMax, request.set[0].streams[0]);
    request.remove.clear();
    EXPECT_EQ(ask().error->code, ErrorCode::Unavailable) << "16 ports have no room for 16 streams";
    EXPECT_EQ(gate.ports_used(), used);
    request.set[0].streams.resize(1);
    request.set[0].family = AddressFamily::V6;
    EXPECT_EQ(ask().error->code, ErrorCode::Unsupported);
    request.context.bits = {8, 8};
    request.set.clear();
    EXPECT_EQ(ask().error->code, ErrorCode::NotFound);
}

TEST_F(GateTest, ALostContextGetsItsPortsAgainWhereTheyAreFree) {
    request.set[0].ports_wanted = {30008};
    request.set[1].ports_wanted = {30008};
    ASSERT_FALSE(ask().error.has_value());
    EXPECT_EQ(alice(), 30008);
    EXPECT_NE(bob(), 30008);
    request.set[1].ports_wanted = {30010};
    ASSERT_FALSE(ask().error.has_value());
    EXPECT_NE(bob(), 30010) << "streams keep their ports";
    request.context.bits = {3, 4};
    request.set[0].ports_wanted = {30001};
    request.set[1].ports_wanted = {40000, 5};
    ASSERT_FALSE(ask().error.has_value());
    EXPECT_EQ(alice() % 2, 0) << "what is no port of ours is not given";
}

TEST_F(GateTest, WhatMustExistIsNotMade) {
    request.must_exist = true;
    EXPECT_EQ(ask().error->code, ErrorCode::NotFound);
    EXPECT_EQ(gate.contexts(), 0u);
    request.must_exist = false;
    ask();
    ports::MediaRequest check;
    check.context = request.context;
    check.must_exist = true;
    EXPECT_FALSE(gate.on_request(now, kOwner, check, output).error.has_value());
    receive(alice(), kAlice, rtp_packet(1));
    EXPECT_EQ(sink.count, 1u) << "asking changes nothing";
}

TEST_F(GateTest, ClosingGivesStatisticsAndPortsBack) {
    ask();
    for (uint16_t n = 0; n < 100; ++n) {
        now = now + 20ms;
        if (n % 10 != 5) receive(alice(), kAlice, rtp_packet(n));
    }
    // Bob echoes a report of Alice's 100 ms later, of which he kept it for 40 ms.
    receive(alice() + 1u, kAliceRtcp, sender_report(1, uint64_t{0xabcd} << 16));
    now = now + 100ms;
    receive(bob() + 1u, kBobRtcp, receiver_report(5, 0xabcd, 65536 / 25));
    EXPECT_NEAR(statistics_of(2).round_trip_ms, 60, 0.1);

    request.set.clear();
    request.joined.reset();
    request.close = true;
    const auto reply = ask();
    ASSERT_EQ(reply.statistics.size(), 2u);
    const auto& line = reply.statistics[0];
    EXPECT_EQ(line.packets_received, 90u);
    EXPECT_EQ(line.packets_lost, 10u);
    EXPECT_GT(line.mos, 1.0);
    EXPECT_LT(line.mos, 4.0) << "a tenth is lost";
    EXPECT_EQ(reply.statistics[1].packets_sent, 90u);
    EXPECT_EQ(output.close.size(), 4u);
    EXPECT_EQ(gate.contexts(), 0u);
    EXPECT_EQ(gate.ports_used(), 0u);
    receive(alice(), kAlice, rtp_packet(1));
    EXPECT_EQ(sink.count, 0u);
}

TEST_F(GateTest, HoldKeepsKeysAndNewKeysBegin) {
    request.set[0].streams[0].to_party = key_of(2);
    ask();
    receive(bob(), kBob, rtp_packet(65535));
    receive(bob(), kBob, rtp_packet(0));
    request.set[0].streams[0].direction = ports::MediaDirection::SendOnly;
    ask();
    EXPECT_TRUE(output.open.empty()) << "streams keep their ports";
    receive(bob(), kBob, rtp_packet(0));
    EXPECT_EQ(sink.count, 0u) << "the same index under the same key";
    request.set[0].streams[0].to_party = key_of(3);
    ask();
    receive(bob(), kBob, rtp_packet(0));
    EXPECT_EQ(sink.count, 1u);
}

TEST_F(GateTest, ReportsSilenceAndSound) {
    request.silence_timeout_s = 10;
    ask();
    EXPECT_EQ(tick(9s), 0u);
    ASSERT_EQ(tick(1s), 1u);
    EXPECT_EQ(output.events[0].first, kOwner);
    EXPECT_EQ(output.events[0].second.kind, ports::MediaEvent::Kind::Silence);
    EXPECT_EQ(tick(1s), 0u) << "not at every tick";
    ASSERT_EQ(tick(9s), 1u) << "but again, as it may not have been heard";
    receive(alice(), kAlice, rtp_packet(1));
    ASSERT_EQ(tick(1s), 1u);
    EXPECT_EQ(output.events[0].second.kind, ports::MediaEvent::Kind::SoundAgain);
    for (auto& termination : request.set)
        termination.streams[0].direction = ports::MediaDirection::Inactive;
    ask();
    EXPECT_EQ(tick(9s), 0u) << "on hold";
    ASSERT_EQ(tick(1s), 1u);
    EXPECT_EQ(output.events[0].second.kind, ports::MediaEvent::Kind::Idle);
}

// The devices of one turn of a queue go, and those of the next come, in one request.
TEST_F(GateTest, TerminationsThatLeaveMakeRoomForOthers) {
    const auto bare = [](uint32_t first, uint32_t last) {
        std::vector<ports::TerminationSettings> set;
        for (uint32_t id = first; id <= last; ++id) {
            set.push_back(party(id, kAlice));
            set.back().streams.clear();
        }
        return set;
    };
    request.joined.reset();
    request.set = bare(1, 33);  // a page of 32 phones
    EXPECT_FALSE(gate.on_request(now, kOwner, request, output).error.has_value());
    request.set = bare(34, 48);
    EXPECT_FALSE(gate.on_request(now, kOwner, request, output).error.has_value());
    request.set = bare(49, 64);
    EXPECT_TRUE(gate.on_request(now, kOwner, request, output).error.has_value());
    for (uint32_t id = 2; id <= 17; ++id) request.remove.push_back(id);
    EXPECT_FALSE(gate.on_request(now, kOwner, request, output).error.has_value());
}

// What was to join its parties, and what was to close it, went over a link that was cut.
TEST_F(GateTest, AsksAfterAContextThatWasNeverJoined) {
    request.silence_timeout_s = 10;
    request.joined.reset();
    ask();
    EXPECT_EQ(tick(9s), 0u);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(tick(10s), 1u) << i;
        EXPECT_EQ(output.events[0].first, kOwner);
        EXPECT_EQ(output.events[0].second.kind, ports::MediaEvent::Kind::Idle);
    }
}

TEST_F(GateTest, GoesOnAfterRestore) {
    request.set[0].streams[0].from_party = key_of(1);
    request.set[0].streams[0].to_party = key_of(2);
    ask();
    auto alice_sends = *rtp::SrtpContext::create(rtp::SrtpSuite::AesCm128HmacSha1_80,
                                                 key_of(1).key_and_salt, rtp::SrtpUse::Send);
    const auto from_alice = [&](uint16_t sequence) {
        Bytes packet = rtp_packet(sequence);
        packet.resize(172 + rtp::kSrtpOverheadMax);
        packet.resize(alice_sends.protect(packet, 172).length);
        return packet;
    };
    receive(alice(), kStranger, from_alice(65535));
    receive(alice(), kStranger, from_alice(0));
    ASSERT_EQ(sink.count, 1u);
    Gate second{gate_settings()};
    GateOutput opened;
    ASSERT_TRUE(second.restore(now, gate.snapshot(), opened).has_value());
    EXPECT_EQ(opened.open.size(), 4u);
    gate = std::move(second);
    receive(alice(), kStranger, from_alice(1));
    ASSERT_EQ(sink.count, 1u) << "roll-over counter";
    EXPECT_EQ(sink.sent[0].copy(), rtp_packet(1));
    receive(bob(), kBob, rtp_packet(3, 3));
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].to, kStranger) << "the latched address";
    EXPECT_FALSE(gate.restore(now, gate.snapshot(), opened).has_value()) << "ports are in use";
}

TEST_F(GateTest, AFailedPortIsReportedAndReplaced) {
    ask();
    output = {};
    gate.on_port_failed(alice() + 1u, output);
    ASSERT_EQ(output.events.size(), 1u);
    EXPECT_EQ(output.events[0].second.kind, ports::MediaEvent::Kind::Lost);
    EXPECT_EQ(output.events[0].second.termination, 1u);
    const uint16_t before = alice();
    ask();
    EXPECT_NE(alice(), before);
    receive(alice(), kAlice, rtp_packet(1));
    EXPECT_EQ(sink.count, 1u);
}

TEST_F(GateTest, ReconcileClosesWhatItsOwnerForgot) {
    ask();
    GateOutput effects;
    gate.reconcile({ports::Instance{8}, {}}, effects);
    gate.reconcile({kOwner, {request.context}}, effects);
    EXPECT_EQ(gate.contexts(), 1u);
    gate.reconcile({kOwner, {}}, effects);
    EXPECT_EQ(gate.contexts(), 0u);
    gate.refuse_new_contexts();
    EXPECT_EQ(ask().error->code, ErrorCode::Unavailable);
}

TEST_F(GateTest, FaxPassesAsItIs) {
    for (auto& termination : request.set) termination.streams[0].kind = ports::MediaKind::Other;
    ask();
    const Bytes udptl{0, 1, 2, 3, 4};
    receive(alice(), kAlice, udptl);
    ASSERT_EQ(sink.count, 1u);
    EXPECT_EQ(sink.sent[0].copy(), udptl);
    receive(alice(), kStranger, udptl);
    EXPECT_EQ(sink.count, 0u);
}

TEST(AddressPlan, TheLongestNetworkWins) {
    const auto ip = [](const char* text) { return *IpAddress::parse(text); };
    AddressPlan plan{ip("0.0.0.0"), ip("203.0.113.1"), {}};
    plan.advertised_for = {{*IpNetwork::parse("10.0.0.0/8"), ip("10.0.0.1")},
                           {*IpNetwork::parse("10.9.0.0/16"), ip("10.9.0.1")}};
    EXPECT_EQ(plan.advertised_to(ip("10.9.8.7")), ip("10.9.0.1"));
    EXPECT_EQ(plan.advertised_to(ip("10.1.1.1")), ip("10.0.0.1"));
    EXPECT_EQ(plan.advertised_to(ip("8.8.8.8")), ip("203.0.113.1"));
}

// As the first start makes it: bound to all, and nothing said of what to advertise.
TEST(AddressPlan, EachPartyIsToldTheNearestAddressOfTheMachine) {
    const auto ip = [](const char* text) { return *IpAddress::parse(text); };
    AddressPlan plan{ip("0.0.0.0"), ip("0.0.0.0"), {}};
    plan.own = {ip("192.0.2.10"), ip("10.0.0.1"), ip("127.0.0.1")};
    EXPECT_EQ(plan.advertised_to(ip("192.0.2.77")), ip("192.0.2.10"));
    EXPECT_EQ(plan.advertised_to(ip("10.9.8.7")), ip("10.0.0.1"));
    EXPECT_EQ(plan.advertised_to(ip("127.0.0.1")), ip("127.0.0.1"));
}

}  // namespace
}  // namespace tandem::roles::media_gate
