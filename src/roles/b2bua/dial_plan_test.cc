// Calls by the rules of a dial plan.
#include "roles/b2bua/b2bua_fixture_test.h"

namespace tandem::roles::b2bua {
namespace {

struct DialPlanTest : B2buaTest {
    static model::DialRule rule(std::string dialled) {
        model::DialRule rule;
        rule.name = "rule";
        rule.dialled = std::move(dialled);
        return rule;
    }
    std::string from_of_call(std::string_view number, std::string_view more_headers = {}) {
        stage.call(kAlice, "1001", number, Stage::sdp(4000), more_headers);
        return std::string(stage.one_at(kBob).message.header(HeaderId::From).value_or(""));
    }
};

TEST_F(DialPlanTest, NumbersAndNamesChangeOnTheWay) {
    model::DialRule exit = rule("0*");
    exit.called_number.strip = 1;
    exit.caller_number.prefix = "77";
    exit.caller_name.replace = "Reception";
    stage.add_rule(exit);
    const std::string from = from_of_call("01002");
    EXPECT_TRUE(from.starts_with("\"Reception\" <sip:771001@acme.test>")) << from;
}

TEST_F(DialPlanTest, WhoHidesStaysHidden) {
    model::DialRule exit = rule("");
    exit.caller_number.prefix = "77";
    stage.add_rule(exit);
    const std::string from = from_of_call("1002", "Privacy: id\n");
    EXPECT_EQ(from.find("1001"), std::string::npos) << from;
}

TEST_F(DialPlanTest, ARefusalHasTheStatusAndReasonOfItsRule) {
    model::DialRule barred = rule("1002");
    barred.action = model::DialAction::Reject;
    barred.reject_status = 488;
    barred.reject_reason = "barred";
    stage.add_rule(barred);
    stage.call(kAlice, "1001", "1002", Stage::sdp(4000));
    EXPECT_TRUE(stage.at(kBob).empty());
    const auto at_alice = stage.at(kAlice);
    ASSERT_FALSE(at_alice.empty());
    EXPECT_EQ(at_alice.back().message.status(), 488);
    EXPECT_EQ(at_alice.back().message.header(HeaderId::Reason), "SIP;cause=488;text=\"barred\"");
    stage.advance(40s);
    const model::Cdr cdr = record();
    EXPECT_EQ(cdr.reason, "barred");
    EXPECT_EQ(cdr.sip_status, 488);
}

TEST_F(DialPlanTest, ARouteTestExplainsInTheDirectionAskedFor) {
    model::DialRule in = rule("49*");
    in.name = "in";
    in.directions = {model::DialDirection::Outer};
    in.called_number.keep_last = 4;
    stage.add_rule(in);
    ports::Outbox out;
    const auto tested = [&](ports::RouteTest test) {
        ports::Letter letter{kIndex, kSelf, 1, std::move(test)};
        stage.role().on_letter(stage.now, std::move(letter), out);
        const auto letters = out.take();
        return get<ports::RouteTestReply>(letters.back().payload);
    };
    EXPECT_NE(tested({"acme.test", "0301", "491002", "outer"}).json.find("\"number\":\"1002\""),
              std::string::npos);
    EXPECT_NE(tested({"acme.test", "1001", "491002", ""}).json.find("\"sip_status\":404"),
              std::string::npos);
    EXPECT_EQ(tested({"acme.test", "1001", "491002", "up"}).error->field, "direction");
    EXPECT_EQ(tested({"acme.test", "4711", "1002", "inner"}).error->field, "caller");
    EXPECT_EQ(tested({"none.test", "1001", "1002", ""}).error->field, "domain");
}

}  // namespace
}  // namespace tandem::roles::b2bua
