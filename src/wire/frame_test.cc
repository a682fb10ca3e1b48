#include "wire/frame.h"

#include <gtest/gtest.h>

#include "wire/sample_values.h"

namespace tandem::wire {
namespace {

std::string encoded(const ports::Letter& letter) {
    std::string out;
    EXPECT_TRUE(append_letter(out, letter).has_value());
    return out;
}

Result<Frame> decoded(const std::string& wire) {
    FrameCutter cutter;
    cutter.push(wire);
    const auto frame = cutter.pop();
    EXPECT_TRUE(frame.has_value() && frame->has_value());
    return decode(**frame);
}

template <typename T>
void round_trip(int turn, int& members) {
    constexpr size_t index = ports::Payloads::index_of<T>;
    T value;
    Filler filler;
    filler.set_turn(turn);
    filler.fill(value);
    members += filler.count();
    const ports::Letter letter{{12}, {60'000}, (1ull << 63) + 5, std::move(value)};
    const std::string wire = encoded(letter);
    const auto frame = decoded(wire);
    ASSERT_TRUE(frame.has_value()) << index << " " << frame.error().message;
    const auto& back = std::get<ports::Letter>(*frame);
    EXPECT_EQ(back.from, letter.from);
    EXPECT_EQ(back.to, letter.to);
    EXPECT_EQ(back.request, letter.request);
    ASSERT_EQ(back.payload.index(), index);
    // All members have odd values, so one that was lost or changed would encode otherwise.
    EXPECT_EQ(encoded(back), wire) << index;
    // And the defaults of a value that says nothing; SIP messages must say something.
    if constexpr (!std::is_same_v<T, ports::SipInbound> && !std::is_same_v<T, ports::SipOutbound>) {
        const ports::Letter silent{letter.from, letter.to, letter.request, T{}};
        const auto plain = decoded(encoded(silent));
        ASSERT_TRUE(plain.has_value()) << index;
        EXPECT_EQ(encoded(std::get<ports::Letter>(*plain)), encoded(silent)) << index;
    }
}

TEST(Frame, EveryPayloadComesBackAsItWas) {
    for (int turn = 0; turn < 8; ++turn) {
        int members = 0;
        ports::Payloads::each([&]<typename T>() { round_trip<T>(turn, members); });
        EXPECT_GT(members, 400);
    }
}

TEST(Frame, MembersArriveInTheirPlaces) {
    ports::BindingsPage page;
    page.items.resize(2);
    page.items[1].binding.q_thousandths = 0;  // not the default
    page.items[1].binding.path = {"", "b"};
    page.items[1].binding.flow.remote = *SocketAddress::parse("[2001:db8::1]:5060");
    page.total = UINT64_MAX;
    const auto frame = decoded(encoded({{1}, {2}, 3, page}));
    ASSERT_TRUE(frame.has_value());
    const auto& back = get<ports::BindingsPage>(std::get<ports::Letter>(*frame).payload);
    ASSERT_EQ(back.items.size(), 2u);
    EXPECT_EQ(back.items[1].binding.q_thousandths, 0);
    EXPECT_EQ(back.items[1].binding.path, page.items[1].binding.path);
    EXPECT_EQ(back.items[1].binding.flow, page.items[1].binding.flow);
    EXPECT_EQ(back.total, UINT64_MAX);

    store::Reply reply{9, make_error(ErrorCode::Conflict, "key", "taken", 409)};
    const auto failed = decoded(encoded({{1}, {2}, 3, reply}));
    const auto& error = get<store::Reply>(std::get<ports::Letter>(*failed).payload).body;
    ASSERT_FALSE(error.has_value());
    EXPECT_EQ(error.error().code, ErrorCode::Conflict);
    EXPECT_EQ(error.error().message, "taken");

    ports::MediaRequest request;
    request.joined.emplace();  // nobody hears anybody, which is not the same as no change
    const auto joined = decoded(encoded({{1}, {2}, 3, request}));
    const auto& media = get<ports::MediaRequest>(std::get<ports::Letter>(*joined).payload);
    ASSERT_TRUE(media.joined.has_value());
    EXPECT_TRUE(media.joined->empty());
}

TEST(Frame, HelloAndHeartbeat) {
    Hello hello;
    Filler filler;
    hello.node = 3;
    hello.version = "0.1.0";
    hello.runs = {77, 78};
    filler.fill(hello.instances);
    std::string wire;
    ASSERT_TRUE(append_hello(wire, hello).has_value());
    const auto frame = decoded(wire);
    ASSERT_TRUE(frame.has_value());
    const auto& back = std::get<Hello>(*frame);
    EXPECT_EQ(back.node, 3);
    EXPECT_EQ(back.runs, hello.runs);
    ASSERT_EQ(back.instances.size(), 2u);
    EXPECT_EQ(back.instances[0].instance, hello.instances[0].instance);
    std::string beat;
    const Heartbeat told{{3},
                         5,
                         {{7, 1}, {8, 2}},
                         {{{4}, 9, {{6, cluster::Opinion::Stalled}, {5, {}}}}},
                         {{{31}, 750}}};
    ASSERT_TRUE(append_heartbeat(beat, told).has_value());
    EXPECT_EQ(std::get<Heartbeat>(*decoded(beat)), told);
}

TEST(Frame, ServersThatJoinAndRenew) {
    std::string wire;
    ports::ServerJoin join{"s", "two", "192.0.2.7:7200", "0.1.0", 1, {1'790'000'000'123}, "CSR", 2};
    ASSERT_TRUE(append_join(wire, join).has_value());
    const auto asked = decoded(wire);
    ASSERT_TRUE(asked.has_value());
    EXPECT_EQ(std::get<ports::ServerJoin>(*asked).clock, join.clock);
    EXPECT_EQ(std::get<ports::ServerJoin>(*asked).request, "CSR");
    JoinReply reply{{std::nullopt, 2, {{"one", 1, "192.0.2.1:7201"}}}, "C", "A", "K", "T", "0.1.0"};
    wire.clear();
    ASSERT_TRUE(append_join_reply(wire, reply).has_value());
    const auto answered = std::get<JoinReply>(*decoded(wire));
    EXPECT_EQ(answered.joined.neighbours.at(0).address, "192.0.2.1:7201");
    EXPECT_EQ(answered.certificate + answered.authority + answered.site_key, "CAK");
    EXPECT_EQ(answered.admin_token, "T");
    wire.clear();
    ASSERT_TRUE(append_certificate_request(wire, {"R"}).has_value());
    EXPECT_EQ(std::get<CertificateRequest>(*decoded(wire)).request, "R");
    wire.clear();
    ASSERT_TRUE(append_certificate_reply(wire, {"C"}).has_value());
    EXPECT_EQ(std::get<CertificateReply>(*decoded(wire)).certificate, "C");
}

TEST(Frame, RefusesDamageAndSkipsTheUnknown) {
    using namespace std::string_literals;
    const struct {
        std::string frame;
        ErrorCode code;
    } cases[] = {
        {"", ErrorCode::Malformed},
        {"\x0a"s, ErrorCode::Malformed},                                // no length
        {"\x0a\x05\x08\x01"s, ErrorCode::Malformed},                    // longer than the frame
        {"\x08\x01"s, ErrorCode::Malformed},                            // a number for a letter
        {"\x0a\x02\x08\x01"s, ErrorCode::Unsupported},                  // a letter without payload
        {"\x0a\x04\xba\x3e\x01x"s, ErrorCode::Unsupported},             // payload 999
        {"\x7a\x00"s, ErrorCode::Unsupported},                          // frame 15
        {"\x0a\x06\xba\x03\x03\x10\xc8\x01"s, ErrorCode::Unsupported},  // a media event of kind 200
        {"\x0a\x09\x62\x07\x10\xff\xff\xff\xff\xff\x01"s, ErrorCode::Malformed},
        {"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"s, ErrorCode::Malformed},
        {"\x12\x04\x08\x80\x80\x04"s, ErrorCode::Malformed},  // node 65536
        {"\x0a\x02\x52\x00"s, ErrorCode::Malformed},          // SIP without a message
    };
    for (const auto& [frame, code] : cases) {
        const auto result = decode(frame);
        ASSERT_FALSE(result.has_value()) << hex_encode(as_bytes(frame));
        EXPECT_EQ(result.error().code, code) << hex_encode(as_bytes(frame));
    }
    // Field 30 of a hello is of a later version.
    const auto later = decode("\x12\x07\x08\x03\xf2\x01\x02xy"s);
    ASSERT_TRUE(later.has_value());
    EXPECT_EQ(std::get<Hello>(*later).node, 3);
}

TEST(Frame, CutsAnyPiecesAndBoundsThem) {
    std::string wire;
    for (uint64_t i = 0; i < 20; ++i) {
        ASSERT_TRUE(append_heartbeat(wire, {{1}, i, {}, {}}).has_value());
    }
    for (size_t piece = 1; piece < 9; ++piece) {
        FrameCutter cutter;
        uint64_t seen = 0;
        for (size_t at = 0; at < wire.size(); at += piece) {
            cutter.push(std::string_view(wire).substr(at, piece));
            while (true) {
                const auto frame = cutter.pop();
                ASSERT_TRUE(frame.has_value());
                if (!*frame) break;
                EXPECT_EQ(std::get<Heartbeat>(*decode(**frame)).sequence, seen++);
            }
        }
        EXPECT_EQ(seen, 20u);
    }
    FrameCutter cutter;
    cutter.push(std::string_view("\x01\x00\x00\x01", 4));
    EXPECT_EQ(cutter.pop().error().code, ErrorCode::TooLarge);
    ports::Letter large{{1}, {2}, 0, ports::StatusReply{std::string(frame_bytes_max, 'x')}};
    std::string out = "before";
    EXPECT_EQ(append_letter(out, large).error().code, ErrorCode::TooLarge);
    EXPECT_EQ(out, "before");
}

}  // namespace
}  // namespace tandem::wire
