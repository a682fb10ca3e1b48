#include <gtest/gtest.h>

#include "ports/address.h"
#include "ports/join_token.h"
#include "ports/sip_port.h"
#include "ports/token.h"

namespace tandem::ports {
namespace {

TEST(TokenMint, ReadsOnlyItsOwn) {
    const TokenMint mint({1, 2});
    const Token token{TokenKind::Branch, {513}, 0x0123456789abcdef};
    const std::string text = mint.text(token);
    EXPECT_TRUE(text.starts_with("z9hG4bKb"));
    EXPECT_EQ(text.size(), 7u + 24u);
    EXPECT_EQ(mint.read(TokenKind::Branch, text), token);
    EXPECT_FALSE(mint.read(TokenKind::Tag, text).has_value());
    EXPECT_FALSE(TokenMint({1, 3}).read(TokenKind::Branch, text).has_value());
    for (size_t i = 8; i + 1 < text.size(); ++i) {
        std::string forged = text;
        forged[i] = forged[i] == 'a' ? 'b' : 'a';
        EXPECT_FALSE(mint.read(TokenKind::Branch, forged).has_value()) << i;
    }
    EXPECT_FALSE(mint.read(TokenKind::Branch, "z9hG4bK").has_value());
}

TEST(TokenMint, KindIsBoundIn) {
    const TokenMint mint({1, 2});
    std::string text = mint.text({TokenKind::Contact, {1}, 7});
    text[0] = 't';
    EXPECT_FALSE(mint.read(TokenKind::Tag, text).has_value());
}

TEST(Flow, TextRoundTrip) {
    const Flow flow{{7}, Transport::Tls, 2, 99, *SocketAddress::parse("[2001:db8::1]:5061")};
    EXPECT_EQ(flow.text(), "7;TLS;2;99;[2001:db8::1]:5061");
    EXPECT_EQ(Flow::parse(flow.text()), flow);
    Flow expected = flow;
    expected.tls_peer = UINT64_MAX;
    EXPECT_EQ(expected.text(), flow.text() + ";18446744073709551615");
    EXPECT_EQ(Flow::parse(expected.text()), expected);
    for (const char* tail : {";", ";x", ";0", ";1;2", ";-1"})
        EXPECT_FALSE(Flow::parse(flow.text() + tail).has_value()) << tail;
    for (const char* bad :
         {"", "7", "7;TLS;2;99", "7;XX;2;9;1.2.3.4:5", "70000;UDP;1;0;1.2.3.4:5"}) {
        EXPECT_FALSE(Flow::parse(bad).has_value()) << bad;
    }
}

TEST(Directory, OtherRolesDoNotMakeTheFormerChoiceForgotten) {
    Directory directory;
    const DirectoryEntry first{Instance{1}, RoleKind::B2bua}, second{Instance{2}, RoleKind::B2bua};
    const DirectoryEntry gate{Instance{3}, RoleKind::SipGate};
    DirectoryEntry draining = first;
    draining.weight = 0;
    directory.replace({first});
    directory.replace({first, second});
    directory.replace({first, second, gate});
    for (uint64_t key = 0; key < 100; ++key) {
        EXPECT_EQ(directory.pick_previous(RoleKind::B2bua, key), Instance{1});
    }
    directory.replace({second, gate});
    directory.replace({second, gate, draining});
    size_t to_first = 0;
    for (uint64_t key = 0; key < 100; ++key) {
        EXPECT_EQ(directory.pick(RoleKind::B2bua, key), Instance{2});
        to_first += directory.pick_previous(RoleKind::B2bua, key) == Instance{1} ? 1 : 0;
    }
    EXPECT_GT(to_first, 20u);
    EXPECT_LT(to_first, 80u);
}

TEST(JoinToken, SurvivesCopyingOrSaysThatItDidNot) {
    const JoinToken token{
        "abc123",
        std::string(64, 'f'),
        {*SocketAddress::parse("192.0.2.1:7201"), *SocketAddress::parse("[2001:db8::1]:7203")}};
    const std::string text = encode(token);
    EXPECT_EQ(text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-_"),
              std::string::npos);
    const auto back = decode_join_token(" " + text + "\n");
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->secret, token.secret);
    EXPECT_EQ(back->fingerprint, token.fingerprint);
    EXPECT_EQ(back->addresses, token.addresses);
    for (size_t size = 0; size < text.size(); ++size) {
        EXPECT_FALSE(decode_join_token(text.substr(0, size)).has_value()) << size;
    }
    for (size_t i = 0; i < text.size(); ++i) {
        std::string damaged = text;
        damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
        const auto read = decode_join_token(damaged);
        EXPECT_TRUE(!read.has_value() || read->secret == token.secret) << i;
    }
    EXPECT_FALSE(decode_join_token(encode({"a", "short", token.addresses})).has_value());
    EXPECT_FALSE(decode_join_token(encode({"a", token.fingerprint, {}})).has_value());
    EXPECT_FALSE(decode_join_token(std::string(5'000, 'a')).has_value());
}

TEST(Directory, RendezvousMovesOnlyTheLostShare) {
    Directory directory;
    std::vector<DirectoryEntry> three;
    for (uint16_t n = 1; n <= 3; ++n) three.push_back({{n}, RoleKind::B2bua});
    directory.replace(three);
    std::vector<Instance> before;
    for (uint64_t key = 0; key < 3000; ++key)
        before.push_back(*directory.pick(RoleKind::B2bua, key));
    directory.replace({three[0], three[2]});
    int counts[4] = {};
    for (uint64_t key = 0; key < 3000; ++key) {
        ++counts[before[key].number];
        if (before[key].number != 2) {
            EXPECT_EQ(directory.pick(RoleKind::B2bua, key), before[key]);
        }
        EXPECT_EQ(directory.pick_previous(RoleKind::B2bua, key), before[key]);
    }
    for (int n = 1; n <= 3; ++n) EXPECT_NEAR(counts[n], 1000, 150);
    EXPECT_EQ(directory.generation(), 2u);
    EXPECT_FALSE(directory.pick(RoleKind::SipGate, 1).has_value());
}

}  // namespace
}  // namespace tandem::ports
