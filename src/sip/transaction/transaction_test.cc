#include <gtest/gtest.h>

#include "sip/parser.h"
#include "sip/transaction/layer_snapshot.h"
#include "sip/transaction/match_key.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::sip {
namespace {

constexpr SipHashKey kKey{1, 2};

std::string request_text(std::string_view method, std::string_view branch, std::string_view rest) {
    std::string text(method);
    text += " sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=";
    text += branch;
    text += "\r\nMax-Forwards: 70\r\nCall-ID: c1\r\n";
    text += rest;
    text += "\r\n\r\n";
    return text;
}

Message parse(const std::string& text) {
    auto message = parse_message(std::string_view(text));
    EXPECT_TRUE(message.has_value());
    return std::move(*message);
}

Message request(std::string_view method, std::string_view branch, std::string_view cseq,
                std::string_view to_tag = "", std::string_view from_tag = "a") {
    std::string rest = "From: <sip:alice@example.org>;tag=";
    rest.append(from_tag).append("\r\nTo: <sip:bob@example.org>");
    if (!to_tag.empty()) rest.append(";tag=").append(to_tag);
    rest.append("\r\nCSeq: ").append(cseq).append(" ").append(method);
    return parse(request_text(method, branch, rest));
}

TEST(MatchKey, SeparatesTransactions) {
    const auto key = [](const Message& m, MatchAs as) { return server_match_key(kKey, m, as); };
    const Message invite = request("INVITE", "z9hG4bK1", "1");
    const uint64_t base = key(invite, MatchAs::ItsMethod);
    EXPECT_EQ(base, key(request("INVITE", "z9hG4bK1", "1"), MatchAs::ItsMethod));
    EXPECT_EQ(base, key(request("ACK", "z9hG4bK1", "1", "b"), MatchAs::Invite));
    EXPECT_EQ(base, key(request("CANCEL", "z9hG4bK1", "1"), MatchAs::Invite));
    EXPECT_NE(base, key(request("CANCEL", "z9hG4bK1", "1"), MatchAs::ItsMethod));
    EXPECT_NE(base, key(request("INVITE", "z9hG4bK2", "1"), MatchAs::ItsMethod));
    EXPECT_NE(base, key(request("OPTIONS", "z9hG4bK1", "1"), MatchAs::ItsMethod));
    EXPECT_NE(base, server_match_key({3, 4}, invite, MatchAs::ItsMethod));
}

TEST(MatchKey, Rfc2543NeedsNoBranch) {
    const auto key = [](const Message& m) { return server_match_key(kKey, m, MatchAs::Invite); };
    const uint64_t base = key(request("INVITE", "1", "1"));
    EXPECT_EQ(base, key(request("ACK", "1", "1", "b")));
    EXPECT_NE(base, key(request("INVITE", "1", "2")));
    EXPECT_NE(base, key(request("INVITE", "1", "1", "", "other")));
}

struct LayerTest : testing::Test {
    LayerSettings settings{.hash_key = kKey, .first_key = 100};
    TransactionLayer layer{settings};
    LayerOutbox out;
    Instant now{1s};
    Hop udp = Hop::of(7, Reliability::Unreliable);
    Hop tcp = Hop::of(8, Reliability::Reliable);

    RequestArrival receive(const Message& message, const Hop& hop) {
        out.clear();
        return layer.on_request(now, message, hop, out);
    }
    void run_until_idle() {
        while (const auto deadline = layer.next_deadline()) {
            now = *deadline;
            layer.on_timeout(now, out);
        }
    }
};

using Kind = RequestArrival::Kind;

TEST_F(LayerTest, AnswersCarryTheHopOfTheRequest) {
    const Message options = request("OPTIONS", "z9hG4bK1", "1");
    const auto arrival = receive(options, tcp);
    ASSERT_EQ(arrival.kind, Kind::Request);
    layer.respond(now, arrival.server, make_response(options, 200, {}, "t"), {}, out);
    ASSERT_EQ(out.messages.size(), 1u);
    EXPECT_EQ(out.messages[0].envelope.hop.flow<int>(), 8);
    EXPECT_EQ(layer.size(), 0u);  // timer J is zero over a reliable transport
}

TEST_F(LayerTest, MergedRequestIsRefused) {
    ASSERT_EQ(receive(request("INVITE", "z9hG4bK1", "1"), udp).kind, Kind::Request);
    EXPECT_EQ(receive(request("INVITE", "z9hG4bK2", "1"), udp).kind, Kind::Absorbed);
    ASSERT_EQ(out.messages.size(), 1u);
    EXPECT_EQ(out.messages[0].message.status(), 482);
    EXPECT_EQ(receive(request("INVITE", "z9hG4bK3", "2"), udp).kind, Kind::Request);
}

TEST_F(LayerTest, ChallengedRequestMayComeAgainWithItsCSeq) {
    const Message invite = request("INVITE", "z9hG4bK1", "1");
    const auto arrival = receive(invite, udp);
    layer.respond(now, arrival.server, make_response(invite, 401, {}, "t"), {}, out);
    EXPECT_EQ(receive(request("INVITE", "z9hG4bK2", "1"), udp).kind, Kind::Request);
}

TEST_F(LayerTest, FullLayerRefusesNewCallsFirst) {
    settings.transactions_max = 16;
    layer = TransactionLayer(settings);
    size_t accepted = 0;
    for (int i = 0; i < 20; ++i) {
        const std::string branch = "z9hG4bK" + std::to_string(i);
        const Message invite = request("INVITE", branch, "1", "", branch);
        accepted += receive(invite, udp).kind == Kind::Request;
    }
    EXPECT_EQ(accepted, 14u);
    ASSERT_EQ(out.messages.size(), 1u);
    EXPECT_EQ(out.messages[0].message.status(), 503);
    EXPECT_TRUE(out.messages[0].message.has(HeaderId::RetryAfter));
    EXPECT_EQ(receive(request("BYE", "z9hG4bKx", "2", "tag"), udp).kind, Kind::Request);
    EXPECT_EQ(receive(request("BYE", "z9hG4bKy", "3", "tag"), udp).kind, Kind::Request);
    EXPECT_EQ(receive(request("BYE", "z9hG4bKz", "4", "tag"), udp).kind, Kind::Absorbed);
}

TEST_F(LayerTest, EveryTransactionEnds) {
    for (const Hop& hop : {udp, tcp}) {
        const std::string branch = "z9hG4bK" + std::to_string(layer.size());
        ASSERT_EQ(receive(request("OPTIONS", branch, "1", "", branch), hop).kind, Kind::Request);
        layer.send_request(now, request("INVITE", "z", "1"), {hop, {}, {}}, 5, out);
        layer.send_request(now, request("INFO", "z", "1"), {hop, {}, {}}, 5, out);
    }
    EXPECT_EQ(layer.size(), 6u);
    run_until_idle();
    EXPECT_EQ(layer.size(), 0u);
    EXPECT_EQ(layer.counters().timeouts, 4u);
}

TEST_F(LayerTest, UndeliverableRequestTellsItsUser) {
    const auto key = layer.send_request(now, request("INVITE", "z", "1"), {tcp, {}, {}}, 5, out);
    out.clear();
    layer.on_undeliverable(now, key, 430, out);
    ASSERT_EQ(out.events.size(), 2u);
    EXPECT_EQ(out.events[0].kind, LayerEvent::Kind::TransportError);
    EXPECT_EQ(out.events[0].status, 430);
    EXPECT_EQ(out.events[0].user, 5u);
    EXPECT_EQ(out.events[1].kind, LayerEvent::Kind::ClientTerminated);
}

// Each waits for an answer; the way that is lost is that of hop 8.
TEST_F(LayerTest, WhatWasSentOverALostConnectionFailsAtOnce) {
    const Hop other = Hop::of(9, Reliability::Reliable);
    const auto send = [&](const char* method, const char* cseq, const char* tag, const Hop& hop) {
        return layer.send_request(now, request(method, "z", cseq, tag), {hop, {}, {}}, 5, out);
    };
    const auto update = send("UPDATE", "2", "t", tcp);
    const auto reinvite = send("INVITE", "3", "t", tcp);
    send("INVITE", "1", "", tcp);  // may ring, and answer by another way
    send("UPDATE", "2", "t", other);
    send("UPDATE", "2", "t", udp);  // is sent again
    out.clear();
    layer.on_connections_lost(
        now, [](const Hop& hop) { return hop.flow<int>() != 9; }, out);
    std::vector<uint64_t> failed;
    for (const LayerEvent& event : out.events) {
        if (event.kind != LayerEvent::Kind::TransportError) continue;
        EXPECT_EQ(event.status, 430);
        failed.push_back(event.client.value);
    }
    EXPECT_EQ(failed, (std::vector<uint64_t>{update.value, reinvite.value}));
    EXPECT_EQ(layer.size(), 3u);
}

TEST_F(LayerTest, SnapshotGoesOn) {
    const auto key = layer.send_request(now, request("INVITE", "z", "1"), {udp, {}, {}}, 5, out);
    receive(request("INVITE", "z9hG4bK1", "1"), udp);
    auto other = TransactionLayer::restore(settings, layer.snapshot());
    EXPECT_EQ(other.size(), 2u);
    EXPECT_EQ(other.next_deadline(), layer.next_deadline());
    EXPECT_EQ(other.send_ack({}, {}, out).value, key.value + 1);
}

}  // namespace
}  // namespace tandem::sip
