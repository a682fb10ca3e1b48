// Packets from one party to the other: which of them pass, and where they go.
#include "roles/media_gate/relay_fixture_test.h"

namespace tandem::roles::media_gate {
namespace {

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
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].port, bob());
    EXPECT_EQ(sink.sent[0].to, kBob);
    EXPECT_EQ(sink.sent[0].bytes, packet);
    receive(bob(), kBob, rtp_packet(9, 5));
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].to, kAlice);
    receive(bob() + 1u, kBobRtcp, sender_report(5, 1));
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].to, kAliceRtcp);
    EXPECT_EQ(sink.sent[0].port, alice() + 1u);
    Bytes named(64);
    rtp::RtcpWriter writer(named);
    writer.report(5, rtp::SenderInfo{1, 0, 1, 160}, {});
    writer.source_description(5, "1002@192.0.2.20");
    receive(bob() + 1u, kBobRtcp, Bytes(writer.written().begin(), writer.written().end()));
    ASSERT_EQ(sink.sent.size(), 1u);
    const Bytes seen = sink.sent[0].bytes;
    EXPECT_TRUE(rtp::is_valid_compound(seen));
    EXPECT_EQ(std::string(seen.begin(), seen.end()).find("192.0.2.20"), std::string::npos);
    // APP, and nothing else: there is nothing to send.
    receive(bob() + 1u, kBobRtcp, {0x80, 204, 0, 2, 0, 0, 0, 5, 'N', 'A', 'M', 'E'});
    EXPECT_EQ(sink.sent.size(), 0u);
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
    EXPECT_EQ(sink.sent.size(), 0u);
    EXPECT_EQ(gate.packets_relayed(), 0u);
    receive(alice(), kAlice, rtp_packet(1));
    EXPECT_EQ(sink.sent.size(), 1u);
    now = now + 5ms;
    receive(alice(), kStranger, rtp_packet(2));
    EXPECT_EQ(sink.sent.size(), 0u) << "a stranger in a live stream";
    EXPECT_EQ(statistics_of(1).packets_refused, 5u);
}

TEST_F(GateTest, AnswersAPartyBehindANatWhereItSendsFrom) {
    request.set[0] = party(1, at("10.0.0.5:4000"));
    request.set[0].signalling_source = *IpAddress::parse("203.0.113.77");
    ask();
    receive(alice(), at("203.0.113.77:61000"), rtp_packet(1));
    receive(bob(), kBob, rtp_packet(1));
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].to, at("203.0.113.77:61000"));
    receive(bob() + 1u, kBobRtcp, sender_report(1, 1));
    EXPECT_EQ(sink.sent.size(), 0u) << "RTCP does not go to an address of the party's own network";
    receive(alice() + 1u, at("203.0.113.77:61001"), sender_report(1, 1));
    receive(bob() + 1u, kBobRtcp, sender_report(1, 1));
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].to, at("203.0.113.77:61001"));
}

TEST_F(GateTest, MultiplexesOnOneSideOnly) {
    request.set[0].streams[0].rtcp_mux = true;
    const auto reply = ask();
    EXPECT_EQ(reply.local[0].streams[0].rtcp, reply.local[0].streams[0].rtp);
    const Bytes report = sender_report(1, 1);
    receive(alice(), kAlice, rtp_packet(1));
    receive(alice(), kAlice, report);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].port, bob() + 1u);
    EXPECT_EQ(sink.sent[0].to, kBobRtcp);
    receive(bob() + 1u, kBobRtcp, report);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].port, alice());
    EXPECT_EQ(sink.sent[0].to, kAlice);
}

TEST_F(GateTest, NothingBeforeTheDescription) {
    request.set[1].streams[0].remote_rtp.reset();
    request.set[1].streams[0].remote_rtcp.reset();
    ask();
    receive(bob(), kBob, rtp_packet(1));
    EXPECT_EQ(sink.sent.size(), 0u);
    receive(alice(), kAlice, rtp_packet(1));
    EXPECT_EQ(sink.sent.size(), 0u) << "nowhere to send to";
}

TEST_F(GateTest, FaxPassesAsItIs) {
    for (auto& termination : request.set) termination.streams[0].kind = ports::MediaKind::Other;
    ask();
    const Bytes udptl{0, 1, 2, 3, 4};
    receive(alice(), kAlice, udptl);
    ASSERT_EQ(sink.sent.size(), 1u);
    EXPECT_EQ(sink.sent[0].bytes, udptl);
    receive(alice(), kStranger, udptl);
    EXPECT_EQ(sink.sent.size(), 0u);
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
    const auto receive_plain = [&](uint16_t n) {
        store16(&plain[2], n);
        store32(&plain[4], n * 160u);
        std::memcpy(buffer.data(), plain.data(), plain.size());
        now = now + 20ms;
        sink.clear();
        gate.on_packet({now, bob(), kBob, buffer, plain.size()}, sink);
    };
    sink.only_counts = true;
    for (uint16_t n = 1; n < 200; ++n) {
        receive_plain(n);
        ASSERT_EQ(sink.count, 2u);
    }
    EXPECT_EQ(counted_allocations - before, packet_made);
    sink.only_counts = false;
    receive_plain(200);
    ASSERT_EQ(sink.sent.size(), 2u);
    EXPECT_NE(sink.sent[0].bytes, sink.sent[1].bytes) << "each with its own key";
    EXPECT_EQ(sink.sent[0].bytes.size(), 172u + 10);
    EXPECT_EQ(sink.sent[1].bytes.size(), 172u + 16);
}

}  // namespace
}  // namespace tandem::roles::media_gate
