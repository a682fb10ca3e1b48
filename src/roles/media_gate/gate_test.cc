#include "roles/media_gate/gate.h"

#include "roles/media_gate/limits.h"
#include "roles/media_gate/relay_fixture_test.h"

namespace tandem::roles::media_gate {
namespace {

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
    EXPECT_EQ(sink.sent.size(), 1u) << "all is as before";

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
    EXPECT_EQ(sink.sent.size(), 1u) << "asking changes nothing";
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
    EXPECT_EQ(sink.sent.size(), 0u);
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
    EXPECT_EQ(sink.sent.size(), 1u);
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

}  // namespace
}  // namespace tandem::roles::media_gate
