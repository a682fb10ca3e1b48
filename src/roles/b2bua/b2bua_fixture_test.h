// Phones around a B2B, and a call of two of them: what the tests of calls share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/codec.h"
#include "model/generated/cdr.h"
#include "roles/b2bua/stage.h"
#include "sdp/session.h"
#include "sip/headers.h"

namespace tandem::roles::b2bua {

using sip::HeaderId;

inline constexpr uint16_t kAlice = 5001;
inline constexpr uint16_t kBob = 5002;
inline constexpr uint16_t kCarol = 5003;

inline sdp::Session body_of(const ports::SipOutbound& sip) {
    auto session = sdp::parse(sip.message.body());
    EXPECT_TRUE(session.has_value()) << sip.message.to_text();
    return session ? std::move(*session) : sdp::Session{};
}

// Accounts 1001 and 1002, and 1003 where there are three, each with a phone.
struct B2buaTest : testing::Test {
    explicit B2buaTest(uint16_t phones = 2) {
        for (uint16_t n = 1; n <= phones; ++n) {
            const std::string number = std::to_string(1000 + n);
            stage.add_account(number);
            stage.register_phone(number, static_cast<uint16_t>(5000 + n));
        }
    }
    // The INVITE that reached Bob's phone.
    ports::SipOutbound ring(std::string_view sdp = Stage::sdp(4000)) {
        stage.call(kAlice, "1001", "1002", sdp);
        ports::SipOutbound invite = stage.one_at(kBob);
        EXPECT_EQ(invite.message.method(), sip::Method::Invite) << invite.message.to_text();
        return invite;
    }
    // Alice's 200 of an established call; both have ACKed.
    ports::SipOutbound establish(std::string_view sdp = Stage::sdp(4000),
                                 std::string_view bobs = Stage::sdp(4100)) {
        bob_invite = ring(sdp);
        stage.respond(kBob, bob_invite, 180);
        EXPECT_EQ(stage.one_at(kAlice).message.status(), 180);
        stage.respond(kBob, bob_invite, 200, bobs);
        EXPECT_EQ(stage.one_at(kBob).message.method(), sip::Method::Ack);
        ports::SipOutbound answer = stage.one_at(kAlice);
        EXPECT_EQ(answer.message.status(), 200) << answer.message.to_text();
        stage.from_phone(kAlice, stage.request_in_dialog("ACK", answer.message, 2));
        return answer;
    }
    // What Bob's own requests are made of: our INVITE with his tag.
    sip::Message bob_dialog() {
        sip::Message dialog = bob_invite.message;
        dialog.replace(HeaderId::To, std::string(*dialog.header(HeaderId::To)) + ";tag=phone5002");
        return dialog;
    }
    std::vector<model::Cdr> records() {
        std::vector<model::Cdr> made;
        for (const std::string& each : stage.records()) {
            auto cdr = model::decode<model::Cdr>(each, model::Source::Store);
            EXPECT_TRUE(cdr.has_value()) << each;
            if (cdr) made.push_back(std::move(*cdr));
        }
        return made;
    }
    model::Cdr record() {  // the only one
        auto made = records();
        EXPECT_EQ(made.size(), 1u);
        return made.empty() ? model::Cdr{} : std::move(made.front());
    }
    size_t count(const std::vector<ports::SipOutbound>& sent, sip::Method method) {
        return static_cast<size_t>(
            std::count_if(sent.begin(), sent.end(), [&](const ports::SipOutbound& sip) {
                return sip.message.is_request() && sip.message.method() == method;
            }));
    }
    bool has_status(const std::vector<ports::SipOutbound>& sent, int status) {
        return std::any_of(sent.begin(), sent.end(), [&](const ports::SipOutbound& sip) {
            return sip.message.status() == status;
        });
    }

    Stage stage;
    ports::SipOutbound bob_invite;
};

}  // namespace tandem::roles::b2bua
