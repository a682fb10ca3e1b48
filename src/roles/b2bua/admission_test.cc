// What new calls wait for, and how many may come.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

TEST_F(B2buaTest, ANewCallWaitsForARegistrarAndAController) {
    const std::vector<ports::DirectoryEntry> all(stage.directory.entries().begin(),
                                                 stage.directory.entries().end());
    auto few = all;
    std::erase_if(few, [](const auto& each) {
        return each.kind == ports::RoleKind::Registrar ||
               each.kind == ports::RoleKind::MediaGateController;
    });
    stage.directory.replace(few);
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    stage.advance(1s);
    EXPECT_FALSE(has_status(stage.at(kAlice), 503));
    EXPECT_TRUE(stage.at(kBob).empty());
    stage.directory.replace(all);
    stage.advance(50ms);
    EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Invite);
    stage.directory.replace(few);
    stage.call(kAlice, "1001", "1002", Stage::sdp(4002));
    stage.advance(2100ms);
    EXPECT_TRUE(has_status(stage.at(kAlice), 503));
}

TEST_F(B2buaTest, ANewCallWaitsForTheOnlyMediaGateToComeBack) {
    stage.has_room = false;
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    stage.advance(300ms);
    EXPECT_FALSE(has_status(stage.at(kAlice), 503));
    stage.has_room = true;
    stage.advance(150ms);
    EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Invite);
    stage.has_room = false;
    stage.call(kAlice, "1001", "1002", Stage::sdp(4002));
    stage.advance(800ms);
    EXPECT_TRUE(has_status(stage.at(kAlice), 503)) << "all are full";
}

TEST_F(B2buaTest, NewCallsASecondAreBounded) {
    stage.change_instance([](model::B2buaSettings& settings) { settings.call_rate_max = 2; });
    stage.advance(2s);
    const auto refused = [&] {
        stage.at(kAlice);
        stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
        return has_status(stage.at(kAlice), 503);
    };
    EXPECT_FALSE(refused());
    EXPECT_FALSE(refused());
    EXPECT_TRUE(refused());
    stage.advance(500ms);
    EXPECT_FALSE(refused());
    EXPECT_TRUE(refused());
    stage.change_instance([](model::B2buaSettings& settings) { settings.call_rate_max = 0; });
    EXPECT_FALSE(refused());
}

// Calls that have ended are kept for 32 s, and are none of those at once.
TEST_F(B2buaTest, CallsAtOnceAreBoundedNotThoseThatHaveEnded) {
    stage.change_instance([](model::B2buaSettings& settings) { settings.calls_max = 2; });
    const auto call = [&] {
        stage.at(kBob);
        stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
        return stage.one_at(kBob);
    };
    // Overload is said before anybody is asked who he is.
    const auto is_full = [&] {
        stage.at(kAlice);
        stage.from_phone(
            kAlice,
            "INVITE sip:1002@acme.test SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5001;branch="
            "z9hG4bKfull" +
                std::to_string(stage.now.mono.since_epoch.count()) +
                "\nFrom: <sip:1001@acme.test>;tag=o\nTo: <sip:1002@acme.test>\n"
                "Call-ID: o\nCSeq: 1 INVITE\nMax-Forwards: 70\n"
                "Contact: <sip:phone@192.0.2.1:5001>\n");
        const bool full = has_status(stage.at(kAlice), 503);
        stage.advance(1ms);
        return full;
    };
    for (int i = 0; i < 4; ++i) {
        const auto invite = call();
        stage.respond(kBob, invite, 486);
        EXPECT_FALSE(is_full()) << i;
    }
    call();
    EXPECT_FALSE(is_full());
    const auto invite = call();
    EXPECT_TRUE(is_full()) << "two ring";
    stage.respond(kBob, invite, 486);
    EXPECT_FALSE(is_full());
}

}  // namespace
}  // namespace tandem::roles::b2bua
