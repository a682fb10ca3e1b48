#include "roles/external_sip_gate/peers.h"

#include <gtest/gtest.h>

#include "model/codec.h"
#include "ports/trunk_port.h"
#include "roles/external_sip_gate/limits.h"
#include "sip/parser.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::external_sip_gate {
namespace {

struct PeersTest : testing::Test {
    template <typename T>
    void put(std::string key, const T& value) {
        store::KeyValue item;
        item.key = std::move(key);
        item.value = model::encode_stored(value, {});
        item.mod_revision = {1, 1};
        feed.load(item);
    }
    void add_domain(uint64_t n) {
        model::Domain domain;
        domain.id = {{1, n}};
        domain.name = "d" + std::to_string(n) + ".test";
        put(store::keys::domain(domain.id), domain);
    }
    TrunkId add(uint64_t n, uint64_t domain, std::vector<std::string> proxies,
                std::vector<std::string> addresses, std::string user = {}) {
        model::Trunk trunk;
        trunk.id = {{2, n}};
        trunk.domain = {{1, domain}};
        trunk.name = "t" + std::to_string(n);
        trunk.proxies = std::move(proxies);
        trunk.addresses = std::move(addresses);
        trunk.user = std::move(user);
        trunk.enabled = n != 99;
        put(store::keys::in_domain(trunk.domain, "trunk", trunk.id.bits), trunk);
        return trunk.id;
    }
    void add_account(uint64_t n, uint64_t domain, std::string number) {
        model::Account account;
        account.id = {{3, n}};
        account.domain = {{1, domain}};
        account.login = account.number = std::move(number);
        put(store::keys::account(account.domain, account.id), account);
    }
    std::optional<TrunkId> of(std::string_view user, std::string_view source) {
        Peers peers;
        peers.read(feed.snapshot());
        return whose(peers, user, source);
    }
    std::optional<TrunkId> whose(const Peers& peers, std::string_view user,
                                 std::string_view source) {
        const auto catalog = feed.snapshot();
        const std::string text = "INVITE sip:" + std::string(user) +
                                 "@192.0.2.1:5070 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
                                 "From: <sip:a@b>;tag=1\r\nTo: <sip:x@b>\r\nCall-ID: c\r\n"
                                 "CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
        const auto message = sip::parse_message(std::string_view(text));
        EXPECT_TRUE(message);
        return peers.trunk_of(*message, *IpAddress::parse(source), catalog, tokens);
    }

    store::CatalogFeed feed;
    ports::TokenMint tokens{{1, 2}};
};

TEST_F(PeersTest, KnowsAPeerByProxyOrAddress) {
    add_domain(1);
    const TrunkId one = add(1, 1, {"192.0.2.7:5080"}, {"198.51.100.0/24"});
    EXPECT_EQ(of("100", "192.0.2.7"), one);
    EXPECT_EQ(of("100", "198.51.100.99"), one);
    EXPECT_EQ(of("100", "203.0.113.1"), std::nullopt);
}

TEST_F(PeersTest, KnowsARegisteredTrunkByItsContact) {
    add_domain(1);
    const TrunkId open = add(1, 1, {"sip.provider.test"}, {});
    const TrunkId bound = add(2, 1, {"sip.provider.test"}, {"198.51.100.0/24"});
    const auto contact = [&](TrunkId trunk) {
        return tokens.text({ports::TokenKind::Trunk, {7}, ports::key_of(trunk)});
    };
    EXPECT_EQ(of(contact(open), "203.0.113.1"), open);
    EXPECT_EQ(of(contact(bound), "203.0.113.1"), std::nullopt);
    EXPECT_EQ(of(contact(bound), "198.51.100.1"), bound);
    std::string forged = contact(open);
    forged.back() = forged.back() == 'a' ? 'b' : 'a';
    EXPECT_EQ(of(forged, "203.0.113.1"), std::nullopt);
}

TEST_F(PeersTest, TellsTrunksAtOneProviderApart) {
    add_domain(1);
    add_domain(2);
    const TrunkId one = add(1, 1, {"192.0.2.7"}, {}, "100");
    const TrunkId two = add(2, 2, {"192.0.2.7"}, {}, "200");
    add_account(1, 1, "4930555");
    EXPECT_EQ(of("200", "192.0.2.7"), two);
    EXPECT_EQ(of("4930555", "192.0.2.7"), one);
    EXPECT_EQ(of("4930556", "192.0.2.7"), std::nullopt);
    add_account(2, 2, "4930555");  // nobody takes another's calls by having his number
    EXPECT_EQ(of("4930555", "192.0.2.7"), std::nullopt);
}

TEST_F(PeersTest, FollowsNamesAndForgetsWhatTheyLedToLongAgo) {
    add_domain(1);
    const TrunkId one = add(1, 1, {"provider.test", "192.0.2.7"}, {});
    const auto catalog = feed.snapshot();
    Peers peers;
    peers.read(catalog);
    const auto address = [](std::string_view text) { return *IpAddress::parse(text); };
    const auto comes = [&](std::string_view source) { return whose(peers, "100", source); };
    Instant now{1000s};
    EXPECT_EQ(comes("198.51.100.1"), std::nullopt);
    EXPECT_TRUE(peers.learn(now, one, {address("198.51.100.1"), address("192.0.2.7")}));
    EXPECT_EQ(peers.networks().size(), 2u);
    EXPECT_EQ(comes("198.51.100.1"), one);
    EXPECT_FALSE(peers.learn(now, one, {address("198.51.100.1")}));
    // Zones that give a part of their servers each time.
    now = now + 60s;
    EXPECT_TRUE(peers.learn(now, one, {address("198.51.100.2")}));
    EXPECT_EQ(comes("198.51.100.1"), one);
    peers.read(catalog);
    EXPECT_EQ(comes("198.51.100.2"), one);
    now = now + learned_for;
    EXPECT_TRUE(peers.learn(now, one, {address("198.51.100.2")}));
    EXPECT_EQ(comes("198.51.100.1"), std::nullopt);
    EXPECT_EQ(comes("198.51.100.2"), one);
    // However many there are.
    for (int i = 0; i < 1000; ++i)
        peers.learn(now + std::chrono::seconds(i), one,
                    {address("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250))});
    EXPECT_EQ(peers.networks().size(), 1 + learned_max);
    peers.forget(one);
    EXPECT_EQ(comes("198.51.100.2"), std::nullopt);
    EXPECT_EQ(comes("192.0.2.7"), one);
    EXPECT_FALSE(peers.learn(now, TrunkId{{9, 9}}, {address("198.51.100.1")}));
}

TEST_F(PeersTest, ForgetsADisabledTrunk) {
    add_domain(1);
    add(99, 1, {"192.0.2.7"}, {});
    EXPECT_EQ(of("100", "192.0.2.7"), std::nullopt);
}

}  // namespace
}  // namespace tandem::roles::external_sip_gate
