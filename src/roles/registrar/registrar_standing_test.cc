// How accounts stand, for those who follow them.
#include "roles/registrar/limits.h"
#include "roles/registrar/registrar_fixture_test.h"

namespace tandem::roles::registrar {
namespace {

constexpr ports::Instance kCallState{9};

struct StandingTest : RegistrarTest {
    // What it was told by one letter; nullopt: nothing, or something else last.
    std::optional<ports::AccountStanding> told() {
        std::optional<ports::AccountStanding> last;
        for (const ports::Letter& letter : std::exchange(sent, {})) {
            if (const auto* standing = get_if<ports::AccountStanding>(&letter.payload)) {
                EXPECT_EQ(letter.to, kCallState);
                EXPECT_EQ(standing->account, AccountId{kAlice});
                last = *standing;
            }
        }
        return last;
    }
    std::optional<ports::AccountStanding> follow() {
        sent.clear();
        ports::Outbox out;
        registrar->on_letter(now, {kCallState, kSelf, 5, ports::AccountFollow{{kDomain}, {kAlice}}},
                             out);
        settle(out);
        return told();
    }
    void keep() {
        ports::MessageKeep keep{{kDomain}, {kAlice}, {}};
        keep.message.from = "<sip:bob@acme.test>";
        keep.message.body = "hello";
        deliver(std::move(keep));
    }
};

TEST_F(StandingTest, IsToldWhenAskedAndAsItChanges) {
    auto standing = follow();
    ASSERT_TRUE(standing);
    EXPECT_TRUE(standing->devices.empty());
    EXPECT_EQ(standing->messages, 0u);
    Phone phone;
    ASSERT_EQ(log_in(phone, kContact)->status(), 200);
    standing = told();
    ASSERT_TRUE(standing);
    ASSERT_EQ(standing->devices.size(), 1u);
    EXPECT_EQ(standing->devices[0].binding.contact, "sip:alice@192.0.2.9:5060");
    EXPECT_TRUE(standing->devices[0].is_reachable);
    const uint64_t key = standing->devices[0].key;
    ASSERT_EQ(send(phone, kContact)->status(), 200);
    standing = told();
    ASSERT_TRUE(standing) << "a refresh, too";
    EXPECT_EQ(standing->devices.at(0).key, key);
    deliver(ports::BindingRemove{{kDomain}, {kAlice}, {}});
    standing = told();
    ASSERT_TRUE(standing);
    EXPECT_TRUE(standing->devices.empty());
    EXPECT_EQ(standing->revoked, std::vector<uint64_t>{key}) << "an operator did that";
}

TEST_F(StandingTest, TellsOfExpiryAndOfThePhoneThatLeaves) {
    Phone phone;
    ASSERT_EQ(log_in(phone, std::string(kContact) + "Expires: 60\r\n")->status(), 200);
    (void)follow();
    ASSERT_EQ(send(phone, std::string(kContact) + "Expires: 0\r\n")->status(), 200);
    auto standing = told();
    ASSERT_TRUE(standing && standing->devices.empty());
    EXPECT_TRUE(standing->revoked.empty());
    ASSERT_EQ(send(phone, std::string(kContact) + "Expires: 60\r\n")->status(), 200);
    wait(25s);
    (void)follow();
    wait(25s);
    (void)follow();
    wait(15s);
    standing = told();
    ASSERT_TRUE(standing && standing->devices.empty()) << "expired";
}

TEST_F(StandingTest, TellsOfMessagesThatWait) {
    directory.replace({{kSelf, RoleKind::Registrar}, {kGate, RoleKind::SipGate}});
    (void)follow();
    keep();
    const auto standing = told();
    ASSERT_TRUE(standing);
    EXPECT_EQ(standing->messages, 1u);
    EXPECT_EQ(follow()->messages, 1u);
}

TEST_F(StandingTest, AConnectionThatEndedIsSeenWhenAsked) {
    Phone phone;
    phone.transport = Transport::Tcp;
    phone.connection = 77;
    ASSERT_EQ(log_in(phone, "Contact: <sip:alice@192.0.2.9:5060;transport=tcp>\r\n")->status(),
              200);
    deliver(ports::FlowClosed{{kGate, Transport::Tcp, 1, 77, *SocketAddress::parse(phone.source)}});
    const auto standing = follow();
    ASSERT_TRUE(standing && standing->devices.size() == 1);
    EXPECT_FALSE(standing->devices[0].is_reachable);
}

TEST_F(StandingTest, WhoeverAsksNoMoreIsToldNoMore) {
    (void)follow();
    wait(followed_max);
    keep();
    EXPECT_FALSE(told());
}

}  // namespace
}  // namespace tandem::roles::registrar
