// Phones that watch, and whose connection dies with its gate.
#include "roles/call_state/watchers_fixture_test.h"

namespace tandem::roles::call_state {
namespace {

struct LostFlowTest : WatchersTest {
    LostFlowTest() {
        flow.transport = ports::Transport::Tls;
        flow.connection = 8;
        look();
        begun = subscribe();
        wait(10ms);
        (void)notify();
        pass(1s);
    }
    void look() {
        ports::Outbox out;
        role->on_directory(now, out);
        play(out);
    }
    void gate_begins_anew() {
        std::vector<ports::DirectoryEntry> all(directory.entries().begin(),
                                               directory.entries().end());
        for (ports::DirectoryEntry& each : all)
            if (each.instance == kGate) ++each.epoch;
        directory.replace(std::move(all));
        look();
    }
    void registers_anew() {
        ports::Binding binding;
        binding.contact = "sip:1001@192.0.2.1:5062";
        binding.flow = flow;
        binding.flow.connection = 9;
        bindings = {binding};
    }
    // The gate has no such connection any more.
    void fail() {
        ASSERT_EQ(sent.size(), 1u);
        const std::string branch = sent.front().branch;
        sent.clear();
        give(ports::SipUndeliverable{branch, 430}, kGate);
    }
    double subscriptions() const {
        for (const auto& [name, value] : role->figures())
            if (name == "subscriptions") return value;
        return -1;
    }
    sip::Message begun;
};

TEST_F(LostFlowTest, ANotifyThatGotLostWithTheGateFollowsThePhone) {
    report(CallPhase::Ringing, true);
    ASSERT_EQ(sent.size(), 1u);
    sent.clear();
    gate_begins_anew();
    EXPECT_TRUE(sent.empty()) << "the phone has not come back yet";
    wait(kUnreachedAgain);
    registers_anew();
    fail();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent.front().flow.connection, 9u);
    EXPECT_TRUE(has(notify(), "<state>early</state>"));
    report(CallPhase::Answered);
    wait(1s);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent.front().flow.connection, 9u);
}

TEST_F(LostFlowTest, APhoneThatSubscribesAgainIsToldAtOnce) {
    report(CallPhase::Ringing, true);
    sent.clear();
    gate_begins_anew();
    flow.connection = 10;
    EXPECT_EQ(subscribe("Event: dialog\r\n", tag_of(begun), kGate).status(), 200);
    wait(10ms);
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent.front().flow.connection, 10u);
}

TEST_F(LostFlowTest, OneThatStaysAwayIsForgotten) {
    report(CallPhase::Ringing, true);
    fail();
    for (int i = 1; i <= kUnreachedMax; ++i) {
        EXPECT_EQ(subscriptions(), 1);
        wait(kUnreachedAgain);
        fail();
    }
    EXPECT_EQ(subscriptions(), 0);
    wait(60s);
    EXPECT_TRUE(sent.empty());
}

}  // namespace
}  // namespace tandem::roles::call_state
