// MESSAGE outside a dialog.
#include <gtest/gtest.h>

#include "roles/b2bua/limits.h"
#include "roles/b2bua/stage.h"
#include "sip/headers.h"

namespace tandem::roles::b2bua {
namespace {

using sip::HeaderId;

constexpr uint16_t kAlice = 5001;
constexpr uint16_t kBob = 5002;
constexpr uint16_t kBobDesk = 5003;

struct PageMessageTest : testing::Test {
    PageMessageTest() {
        stage.add_account("1001");
        stage.add_account("1002");
        stage.register_phone("1001", kAlice);
    }
    void send_once(std::string_view authorization) {
        ++cseq;
        stage.from_phone(kAlice,
                         "MESSAGE sip:1002@acme.test SIP/2.0\n"
                         "Via: SIP/2.0/UDP 192.0.2.1:5001;branch=z9hG4bKm" +
                             std::to_string(cseq) +
                             "\nFrom: <sip:1001@acme.test>;tag=m\n"
                             "To: <sip:1002@acme.test>\nCall-ID: m\nCSeq: " +
                             std::to_string(cseq) + " MESSAGE\nMax-Forwards: 70\n" +
                             std::string(authorization) + "Content-Type: text/plain\n\nhello");
    }
    void send() {
        send_once("");
        const auto challenged = stage.one_at(kAlice);
        const auto challenge =
            sip::first_known_challenge(challenged.message, HeaderId::ProxyAuthenticate);
        ASSERT_TRUE(challenge.has_value());
        send_once("Proxy-Authorization: " +
                  sip::answer_challenge(*challenge, {"1001", "secret"},
                                        {"MESSAGE", "sip:1002@acme.test", "c", 1}) +
                  "\n");
    }
    void be_asked_to_deliver() {
        ports::MessageDeliver deliver;
        ASSERT_EQ(stage.kept.size(), 1u);
        deliver.domain = stage.kept[0].domain;
        deliver.account = stage.kept[0].account;
        deliver.message = stage.kept[0].message;
        deliver.message.sent = {1'290'000'000'000};
        stage.give(std::move(deliver), kRegistrar, 77);
    }

    Stage stage;
    int cseq = 0;
};

TEST_F(PageMessageTest, ReachesEveryDevice) {
    stage.register_phone("1002", kBob);
    stage.register_phone("1002", kBobDesk);
    send();
    const auto mobile = stage.one_at(kBob);
    const auto desk = stage.one_at(kBobDesk);
    ASSERT_EQ(mobile.message.method(), sip::Method::Message);
    EXPECT_EQ(mobile.message.body(), "hello");
    EXPECT_FALSE(mobile.message.has(HeaderId::Date)) << "it is new";
    stage.respond(kBob, mobile, 486);
    EXPECT_TRUE(stage.at(kAlice).empty());
    stage.respond(kBobDesk, desk, 200);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 200);
    EXPECT_TRUE(stage.kept.empty());
}

TEST_F(PageMessageTest, IsStoredWhenThereIsNoDevice) {
    send();
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 202);
    ASSERT_EQ(stage.kept.size(), 1u);
    EXPECT_EQ(stage.kept[0].message.body, "hello");
    EXPECT_EQ(stage.kept[0].message.content_type, "text/plain");
    EXPECT_NE(stage.kept[0].message.from.find("<sip:1001@acme.test>"), std::string::npos);
}

TEST_F(PageMessageTest, IsStoredWhenItsDevicesDoNotAnswer) {
    stage.register_phone("1002", kBob);
    send();
    EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Message);
    stage.advance(kPageDeadline + 3s);
    EXPECT_EQ(stage.kept.size(), 1u);
    EXPECT_EQ(stage.at(kAlice).back().message.status(), 202);
}

TEST_F(PageMessageTest, IsNotStoredWhenADeviceRefusesIt) {
    stage.register_phone("1002", kBob);
    send();
    stage.respond(kBob, stage.one_at(kBob), 415);
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 415);
    EXPECT_TRUE(stage.kept.empty());
}

TEST_F(PageMessageTest, ItsSenderIsToldWhenItCouldNotBeStored) {
    stage.keeps_messages = false;
    send();
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 480);
}

TEST_F(PageMessageTest, ADomainMayStoreNone) {
    stage.change_domain([](model::Domain& domain) { domain.settings.offline_messages = false; });
    send();
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 480);
    EXPECT_TRUE(stage.kept.empty());
}

TEST_F(PageMessageTest, AStoredOneIsSentWithItsDate) {
    send();
    EXPECT_EQ(stage.one_at(kAlice).message.status(), 202);
    stage.register_phone("1002", kBob);
    be_asked_to_deliver();
    const auto arrived = stage.one_at(kBob);
    ASSERT_EQ(arrived.message.method(), sip::Method::Message);
    EXPECT_EQ(arrived.message.body(), "hello");
    EXPECT_EQ(arrived.message.header(HeaderId::Date), "Wed, 17 Nov 2010 13:20:00 GMT");
    EXPECT_TRUE(stage.delivered.empty());
    stage.respond(kBob, arrived, 200);
    EXPECT_EQ(stage.delivered, std::vector<int>{200});
}

TEST_F(PageMessageTest, AStoredOneIsNotStoredAgain) {
    send();
    be_asked_to_deliver();
    EXPECT_EQ(stage.delivered, std::vector<int>{480});
    EXPECT_EQ(stage.kept.size(), 1u);
}

}  // namespace
}  // namespace tandem::roles::b2bua
