#include <gtest/gtest.h>

#include "stun/ice_lite.h"
#include "stun/message.h"

namespace tandem::stun {
namespace {

constexpr std::string_view kPassword = "VOkJxbRl1RmTxUk/WvJxBt";  // RFC 5769 2

// RFC 5769 2.1: SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME, MESSAGE-INTEGRITY, FINGERPRINT.
const Bytes kRequest = *hex_decode(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff"
    "80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf");
// 2.2: 192.0.2.1, port 32853.
const Bytes kResponse4 = *hex_decode(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96");
// 2.3: 2001:db8:1234:5678:11:2233:4455:6677, port 32853.
const Bytes kResponse6 = *hex_decode(
    "010100482112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c");

TEST(Rfc5769, Request) {
    const auto message = Message::parse(kRequest);
    ASSERT_TRUE(message.has_value());
    EXPECT_EQ(message->message_class(), Class::Request);
    EXPECT_EQ(message->method(), kBinding);
    EXPECT_EQ(hex_encode(message->transaction()), "b7e7a701bc34d686fa87dfae");
    EXPECT_EQ(message->username(), "evtj:h6vY");
    EXPECT_EQ(message->priority(), 0x6e0001ffu);
    EXPECT_TRUE(message->has_integrity(as_bytes(kPassword)));
    EXPECT_FALSE(message->has_integrity(as_bytes("wrong")));
    EXPECT_TRUE(message->has_fingerprint());
}

TEST(Rfc5769, Responses) {
    const std::pair<const Bytes*, const char*> cases[] = {
        {&kResponse4, "192.0.2.1:32853"},
        {&kResponse6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"}};
    for (const auto& [bytes, address] : cases) {
        const auto message = Message::parse(*bytes);
        ASSERT_TRUE(message.has_value());
        EXPECT_EQ(message->message_class(), Class::Success);
        EXPECT_EQ(message->mapped_address(), SocketAddress::parse(address));
        EXPECT_TRUE(message->has_integrity(as_bytes(kPassword)));
        EXPECT_TRUE(message->has_fingerprint());
    }
}

TEST(Message, AChangedByteIsNoticed) {
    for (size_t i = 0; i < kRequest.size(); ++i) {
        Bytes changed = kRequest;
        changed[i] ^= 0x10;
        const auto message = Message::parse(changed);
        EXPECT_FALSE(message && message->has_fingerprint()) << i;
    }
}

TEST(Message, RefusesWhatIsNotStun) {
    Bytes cut(kRequest.begin(), kRequest.end() - 4);
    Bytes cookie = kRequest;
    cookie[5] ^= 1;
    Bytes rtp = kRequest;
    rtp[0] = 0x80;
    Bytes attribute = kRequest;
    attribute[23] = 0xff;
    for (const Bytes& bytes : {cut, cookie, rtp, attribute, Bytes(), Bytes(19)})
        EXPECT_FALSE(Message::parse(bytes).has_value());
}

TEST(Binding, AnswersKeepAlives) {
    const Bytes request = *hex_decode("000100002112a442b7e7a701bc34d686fa87dfae");
    const SocketAddress source = *SocketAddress::parse("[2001:db8::9]:5060");
    std::array<uint8_t, 128> out;
    const auto answer = Message::parse(answer_binding(request, source, out));
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->message_class(), Class::Success);
    EXPECT_EQ(answer->mapped_address(), source);
    EXPECT_EQ(hex_encode(answer->transaction()), "b7e7a701bc34d686fa87dfae");
    EXPECT_TRUE(answer_binding(kResponse4, source, out).empty());

    const Bytes demanding = *hex_decode("000100042112a442b7e7a701bc34d686fa87dfae00990000");
    const auto refusal = Message::parse(answer_binding(demanding, source, out));
    EXPECT_EQ(refusal->error_code(), 420);
    EXPECT_EQ(hex_encode(refusal->find(AttributeType::UnknownAttributes)->value), "0099");
}

class IceLiteTest : public testing::Test {
 protected:
    struct Check {
        std::string username = "ours:theirs";
        std::string password = "password";
        bool nominates = true;
        AttributeType role = AttributeType::IceControlling;
        bool fingerprint = true;
    };
    Bytes made(const Check& check) {
        std::array<uint8_t, 512> buffer;
        Writer writer(buffer, Class::Request, kBinding, {1, 2, 3});
        writer.text(AttributeType::Username, check.username);
        writer.number32(AttributeType::Priority, 7);
        writer.number64(check.role, 99);
        if (check.nominates) writer.flag(AttributeType::UseCandidate);
        writer.integrity(as_bytes(check.password));
        if (check.fingerprint) writer.fingerprint();
        EXPECT_TRUE(writer.ok());
        return Bytes(writer.written().begin(), writer.written().end());
    }
    IceAnswer answer(const Check& check) { return agent.on_message(source, made(check), out); }

    IceLite agent{{"ours", "password"}, "theirs"};
    const SocketAddress source = *SocketAddress::parse("203.0.113.9:7000");
    std::array<uint8_t, 256> out;
};

TEST_F(IceLiteTest, AnswersAndFollowsNominations) {
    Check check;
    check.nominates = false;
    const IceAnswer first = answer(check);
    EXPECT_TRUE(first.valid);
    EXPECT_FALSE(first.nominated);
    EXPECT_EQ(agent.selected(), std::nullopt);
    const auto response = Message::parse(first.response);
    ASSERT_TRUE(response.has_value());
    EXPECT_EQ(response->mapped_address(), source);
    EXPECT_TRUE(response->has_integrity(as_bytes("password")));
    EXPECT_TRUE(response->has_fingerprint());
    EXPECT_TRUE(answer({}).nominated);
    EXPECT_EQ(agent.selected(), source);
    EXPECT_EQ(IceLite::restore(agent.snapshot()).selected(), source);
}

TEST_F(IceLiteTest, RefusesWithTheRightCode) {
    const std::pair<Check, int> cases[] = {
        {{.username = "other:theirs"}, 401},
        {{.username = "ours:stranger"}, 401},
        {{.username = "ours"}, 401},
        {{.password = "wrong"}, 401},
        {{.role = AttributeType::IceControlled}, 487},
    };
    for (const auto& [check, code] : cases) {
        const IceAnswer refused = answer(check);
        EXPECT_FALSE(refused.valid || refused.nominated);
        EXPECT_EQ(Message::parse(refused.response)->error_code(), code);
    }
    EXPECT_TRUE(answer({.fingerprint = false}).response.empty());
    EXPECT_EQ(agent.selected(), std::nullopt);
}

TEST(Writer, SaysWhenItDoesNotFit) {
    std::array<uint8_t, 24> small;
    Writer writer(small, Class::Request, kBinding, {});
    writer.flag(AttributeType::UseCandidate);
    EXPECT_TRUE(writer.ok());
    writer.fingerprint();
    EXPECT_FALSE(writer.ok());
    EXPECT_TRUE(writer.written().empty());
}

}  // namespace
}  // namespace tandem::stun
