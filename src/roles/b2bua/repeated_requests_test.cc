// Requests that are repeated over UDP while the directory changes: one B2B answers them.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "roles/b2bua/stage.h"
#include "sip/parser.h"

namespace tandem::roles::b2bua {
namespace {

using namespace std::chrono_literals;

constexpr ports::Instance kOther{33};
constexpr uint16_t kAlice = 5001;
constexpr std::string_view kOptions =
    "OPTIONS sip:b@acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5001;branch=z9hG4bK-9\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:a@acme.test>;tag=f\r\nTo: <sip:b@acme.test>\r\n"
    "Call-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";

struct RepeatedRequests : testing::Test {
    RepeatedRequests() {
        stage.add_account("1001");
        members(true);
    }
    void members(bool reachable, bool suspected = false) {
        const auto known = stage.directory.entries();
        std::vector<ports::DirectoryEntry> all(known.begin(), known.end());
        std::erase_if(all, [](const auto& each) { return each.instance == kOther; });
        all.push_back({kOther, ports::RoleKind::B2bua, 1, 100, reachable});
        all.back().suspected = suspected;
        stage.directory.replace(std::move(all));
        stage.advance(1ms);
    }
    static ports::SipInbound options(ports::Instance previous,
                                     ports::Transport transport = ports::Transport::Udp) {
        ports::SipInbound in;
        in.flow = {kGate, transport, 1, 0, {*IpAddress::parse("192.0.2.1"), kAlice}};
        in.local = {*IpAddress::parse("198.51.100.1"), 5060};
        in.message = *sip::parse_message(kOptions);
        in.previous_owner = previous;
        return in;
    }
    // To whom the last message went, and who it names; then it is forgotten.
    std::pair<ports::Instance, ports::Instance> passed_on() {
        EXPECT_EQ(stage.passed_on.size(), 1u);
        if (stage.passed_on.empty()) return {};
        const ports::Letter& letter = stage.passed_on.back();
        const std::pair result{letter.to, get<ports::SipInbound>(letter.payload).previous_owner};
        stage.passed_on.clear();
        return result;
    }
    bool is_answered() { return !stage.at(kAlice).empty(); }
    Stage stage;
};

TEST_F(RepeatedRequests, AreAskedForAtWhomTheFormerGenerationChose) {
    stage.give(options(kOther), kGate);
    EXPECT_EQ(passed_on(), std::pair(kOther, kSelf));
    EXPECT_FALSE(is_answered());
    stage.give(options(kSelf), kOther);  // he does not know it
    EXPECT_TRUE(is_answered());
    stage.give(options(kOther), kGate);
    EXPECT_TRUE(stage.passed_on.empty()) << "now it is ours";
    EXPECT_TRUE(is_answered());
}

TEST_F(RepeatedRequests, AreReturnedByWhomDoesNotKnowThem) {
    stage.give(options(kOther), kOther);
    EXPECT_EQ(passed_on(), std::pair(kOther, kOther));
    EXPECT_FALSE(is_answered());
}

TEST_F(RepeatedRequests, AreAnsweredByWhoHasThem) {
    stage.give(options({}), kGate);
    EXPECT_TRUE(is_answered());
    stage.give(options(kOther), kOther);
    EXPECT_TRUE(stage.passed_on.empty());
    EXPECT_TRUE(is_answered());
}

TEST_F(RepeatedRequests, AreNotLookedForWhereNothingIsRepeated) {
    stage.give(options(kOther, ports::Transport::Tcp), kGate);
    EXPECT_TRUE(stage.passed_on.empty());
}

TEST_F(RepeatedRequests, AreNotLookedForWhenTheirTimeIsOver) {
    stage.advance(33s);
    stage.give(options(kOther), kGate);
    EXPECT_TRUE(stage.passed_on.empty());
    EXPECT_TRUE(is_answered());
}

TEST_F(RepeatedRequests, AreOursWhenTheOtherIsDead) {
    stage.advance(5s);
    members(false);
    stage.give(options(kOther), kGate);
    EXPECT_TRUE(stage.passed_on.empty());
    EXPECT_TRUE(is_answered());
}

TEST_F(RepeatedRequests, AreOursWhenTheOtherIsNotHeardOf) {
    for (const auto pause : {0s, 5s}) {
        stage.advance(pause);
        members(true, true);
        stage.give(options(kOther), kGate);
        EXPECT_TRUE(stage.passed_on.empty());
        EXPECT_TRUE(is_answered());
    }
}

TEST_F(RepeatedRequests, WaitForTheOtherWhenWeHaveJustBegun) {
    members(false);
    stage.restart();
    stage.give(options(kOther), kGate);
    EXPECT_FALSE(is_answered());
    members(true);
    EXPECT_EQ(passed_on(), std::pair(kOther, kSelf));
}

TEST_F(RepeatedRequests, WaitForTheOtherNotForLong) {
    members(false);
    stage.restart();
    stage.give(options(kOther), kGate);
    stage.advance(2100ms);
    EXPECT_TRUE(stage.passed_on.empty());
    EXPECT_TRUE(is_answered());
}

}  // namespace
}  // namespace tandem::roles::b2bua
