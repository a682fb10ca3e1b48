#include "sip/dialog/dialog.h"

#include <gtest/gtest.h>

#include "sip/dialog/limits.h"
#include "sip/dialog/session_timer.h"
#include "sip/parser.h"

namespace tandem::sip {
namespace {

Message message(const std::string& start, const std::string& headers) {
    auto parsed = parse_message(start + "\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n" + headers + "\r\n");
    EXPECT_TRUE(parsed.has_value());
    return std::move(*parsed);
}

Message invite(const std::string& more) {
    return message("INVITE sip:bob@b.test SIP/2.0",
                   "From: \"A\" <sip:alice@a.test>;tag=1;x=y\r\nTo: <sip:bob@b.test>\r\n" + more);
}

Message ok(const std::string& more) {
    return message("SIP/2.0 200 OK",
                   "From: \"A\" <sip:alice@a.test>;tag=1\r\nTo: <sip:bob@b.test>;tag=2\r\n" + more);
}

struct RouteCase {
    const char* name;
    const char* record_routes;  // of the 200
    const char* uri;
    std::vector<std::string> routes;
};

class ClientRoutes : public testing::TestWithParam<RouteCase> {};

// RFC 3261 12.1.2, 12.2.1.1.
TEST_P(ClientRoutes, Request) {
    const RouteCase& c = GetParam();
    const Message response =
        ok(std::string("Contact: <sip:bob@192.0.2.2?x=y>\r\n") + c.record_routes);
    auto dialog = Dialog::as_client(invite("Contact: <sip:a@192.0.2.1>\r\n"), response);
    ASSERT_TRUE(dialog.has_value());
    dialog->confirm(response);
    const Message bye = dialog->request(Method::Bye);
    EXPECT_EQ(bye.request_uri(), c.uri);
    std::vector<std::string> routes;
    for (const auto route : bye.values(HeaderId::Route)) routes.emplace_back(route);
    EXPECT_EQ(routes, c.routes);
    EXPECT_EQ(bye.header(HeaderId::CSeq), "8 BYE");
    EXPECT_EQ(bye.header(HeaderId::From), "\"A\" <sip:alice@a.test>;tag=1");
    EXPECT_EQ(bye.header(HeaderId::To), "<sip:bob@b.test>;tag=2");
    EXPECT_EQ(dialog->ack(7).header(HeaderId::CSeq), "7 ACK");
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ClientRoutes,
    testing::Values(RouteCase{"none", "", "sip:bob@192.0.2.2", {}},
                    RouteCase{"loose",
                              "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n",
                              "sip:bob@192.0.2.2",
                              {"<sip:p1;lr>", "<sip:p2;lr>"}},
                    RouteCase{"strict",
                              "Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1>\r\n",
                              "sip:p1",
                              {"<sip:p2;lr>", "<sip:bob@192.0.2.2>"}}),
    [](const auto& info) { return info.param.name; });

TEST(Dialog, ServerSide) {
    const Message request = invite("Contact: <sip:a@192.0.2.1>\r\nRecord-Route: <sip:p1;lr>\r\n");
    auto dialog = Dialog::as_server(request, "us");
    ASSERT_TRUE(dialog.has_value());
    const Message bye = dialog->request(Method::Bye);
    EXPECT_EQ(bye.request_uri(), "sip:a@192.0.2.1");
    EXPECT_EQ(bye.header(HeaderId::Route), "<sip:p1;lr>");
    EXPECT_EQ(bye.header(HeaderId::From), "<sip:bob@b.test>;tag=us");
    EXPECT_EQ(bye.header(HeaderId::CSeq), "1 BYE");
}

TEST(Dialog, NeedsAContactAndBoundsItsRoutes) {
    EXPECT_EQ(Dialog::as_server(invite(""), "us").error().sip_status, 400);
    std::string routes;
    for (size_t i = 0; i <= route_set_max; ++i) routes += "Record-Route: <sip:p;lr>\r\n";
    EXPECT_FALSE(Dialog::as_server(invite("Contact: <sip:a@b>\r\n" + routes), "us").has_value());
}

TEST(Dialog, OrdersCSeq) {
    auto dialog = Dialog::as_server(invite("Contact: <sip:a@192.0.2.1>\r\n"), "us");
    ASSERT_TRUE(dialog.has_value());
    const auto verdict = [&](const char* cseq) {
        Message info = invite("");
        info.replace(HeaderId::CSeq, cseq);
        return dialog->accept_cseq(info);
    };
    EXPECT_EQ(verdict("6 INFO"), CSeqVerdict::OutOfOrder);
    EXPECT_EQ(verdict("9 INFO"), CSeqVerdict::InOrder);
    EXPECT_EQ(verdict("8 INFO"), CSeqVerdict::OutOfOrder);
    EXPECT_EQ(verdict("10 INFO"), CSeqVerdict::InOrder);
}

struct RefresherCase {
    const char* name;
    const char* request;
    const char* session_expires;  // of our 200
    bool we_refresh;
};
class Refreshers : public testing::TestWithParam<RefresherCase> {};

// RFC 4028 9, table 2.
TEST_P(Refreshers, AsServer) {
    const RefresherCase& c = GetParam();
    SessionTimer timer({.enabled = true, .session_expires_s = 600, .min_se_s = 90});
    Message response = ok("");
    timer.answer_request(Instant{1s}, invite(c.request), response);
    EXPECT_EQ(response.header(HeaderId::SessionExpires), c.session_expires);
    EXPECT_EQ(response.has_value(HeaderId::Require, "timer"), !c.we_refresh);
    EXPECT_EQ(timer.we_refresh(), c.we_refresh);
    EXPECT_TRUE(timer.next_deadline().has_value());
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Refreshers,
    testing::Values(
        RefresherCase{"unsupported", "", "600;refresher=uas", true},
        RefresherCase{"supported", "Supported: timer\r\n", "600;refresher=uac", false},
        RefresherCase{"shorter", "Supported: timer\r\nSession-Expires: 300\r\n",
                      "300;refresher=uac", false},
        RefresherCase{"ours", "Supported: timer\r\nSession-Expires: 900;refresher=uas\r\n",
                      "600;refresher=uas", true},
        RefresherCase{"floor",
                      "Supported: timer\r\nSession-Expires: 900;refresher=uac\r\nMin-SE: 800\r\n",
                      "800;refresher=uac", false}),
    [](const auto& info) { return info.param.name; });

TEST(SessionTimer, ARefreshThatWasPutOffIsDueWhenThePhoneIsReachedAgain) {
    SessionTimer timer({.enabled = true, .session_expires_s = 90, .min_se_s = 90});
    Message response = ok("");
    timer.answer_request(Instant{0s}, invite(""), response);
    timer.hurry(Instant{10s});
    EXPECT_EQ(timer.next_deadline(), Instant{45s}) << "nothing has failed";
    EXPECT_EQ(timer.on_timeout(Instant{45s}), SessionTimer::Due::Refresh);
    timer.hurry(Instant{46s});
    EXPECT_EQ(timer.next_deadline(), Instant{60s}) << "one is under way";
    timer.retry(Instant{56s});
    timer.hurry(Instant{47s});
    EXPECT_EQ(timer.on_timeout(Instant{47s}), SessionTimer::Due::Refresh);
}

}  // namespace
}  // namespace tandem::sip
