// Ended calls as a client asks for them, page by page.
#include "roles/web_gate/limits.h"
#include "roles/web_gate/web_gate_fixture_test.h"

namespace tandem::roles::web_gate {
namespace {

struct ExportTest : WebTest {
    static HttpRequest csv() {
        HttpRequest request = get("/api/v1/domains/acme.test/cdr");
        request.query = {{"format", "csv"}, {"number", "100*"}};
        return request;
    }
    std::vector<ports::Letter> taken(bool gone = false) {
        ports::Outbox out;
        web.on_letter(now, {ports::kHttp, kSelf, asked, ports::HttpTaken{gone}}, out);
        return out.take();
    }
    static ports::HistoryPage page(std::string lines, std::string next) {
        return {{}, std::move(lines), std::move(next)};
    }
};

TEST_F(ExportTest, TakesAPageWhenTheClientHasTakenTheOneBefore) {
    auto letters = ask(csv());
    ASSERT_EQ(letters.size(), 1u);
    const auto& query = ports::get<ports::HistoryQuery>(letters[0].payload);
    EXPECT_TRUE(query.csv);
    EXPECT_EQ(query.number, "100*");
    EXPECT_EQ(query.limit, page_limit_max);
    auto answered = answer(letters[0], page("head\r\na\r\n", "7"));
    const HttpResponse* response = response_in(answered);
    ASSERT_TRUE(response);
    EXPECT_TRUE(response->streamed);
    EXPECT_EQ(response->body, "head\r\na\r\n");
    EXPECT_TRUE(response->content_type.starts_with("text/csv"));

    letters = taken();
    ASSERT_EQ(letters.size(), 1u);
    EXPECT_EQ(ports::get<ports::HistoryQuery>(letters[0].payload).after, "7");
    EXPECT_TRUE(taken().empty()) << "one page at a time";
    auto empty = answer(letters[0], page("", "6"));
    ASSERT_EQ(empty.size(), 1u) << "a search that has found nothing yet goes on by itself";
    EXPECT_EQ(ports::get<ports::HistoryQuery>(empty[0].payload).after, "6");
    auto last = answer(empty[0], page("b\r\n", ""));
    ASSERT_EQ(last.size(), 1u);
    EXPECT_EQ(ports::get<ports::HttpPart>(last[0].payload).bytes, "b\r\n");
    EXPECT_TRUE(ports::get<ports::HttpPart>(last[0].payload).last);
    EXPECT_EQ(last[0].request, asked);
    EXPECT_TRUE(taken().empty());
    ports::Outbox out;
    web.drain(now, out);
    EXPECT_TRUE(web.is_idle());
}

TEST_F(ExportTest, OnePageIsAWholeAnswer) {
    const auto letters = ask(csv());
    const auto answered = answer(letters.at(0), page("head\r\n", ""));
    ASSERT_EQ(answered.size(), 2u);
    EXPECT_TRUE(ports::get<HttpResponse>(answered[0].payload).streamed);
    EXPECT_TRUE(ports::get<ports::HttpPart>(answered[1].payload).last);
}

TEST_F(ExportTest, AnErrorComesAsOneWhileItCan) {
    auto letters = ask(csv());
    const Error bad = make_error(ErrorCode::OutOfRange, "result", "must be one of answered, ...");
    auto answered = answer(letters.at(0), ports::HistoryPage{bad, {}});
    ASSERT_TRUE(response_in(answered));
    EXPECT_EQ(response_in(answered)->status, 422);
    EXPECT_NE(response_in(answered)->body.find("\"field\":\"result\""), std::string::npos);

    letters = ask(csv());
    (void)answer(letters.at(0), page("head\r\n", "7"));
    letters = taken();
    answered = answer(letters.at(0), ports::Unreachable{ports::kHistory});
    ASSERT_EQ(answered.size(), 1u);
    EXPECT_TRUE(ports::get<ports::HttpPart>(answered[0].payload).broken)
        << "no end that looks like one";
}

TEST_F(ExportTest, IsForgottenWhenItsClientLeavesOrHistorySaysNothing) {
    for (size_t i = 0; i < exports_max; ++i) EXPECT_EQ(ask(csv()).size(), 1u);
    EXPECT_EQ(at_once(csv()).status, 503) << "so many at once";
    now.mono = now.mono + reply_deadline;
    ports::Outbox out;
    ASSERT_LE(*web.next_deadline(), now.mono);
    web.on_timeout(now, out);
    EXPECT_EQ(out.letters().size(), exports_max);
    const auto letters = ask(csv());
    EXPECT_EQ(letters.size(), 1u);
    EXPECT_TRUE(taken(true).empty());
    EXPECT_TRUE(answer(letters.at(0), page("late", "")).empty());
}

TEST_F(WebTest, QuestionsAboutCallsNameWhatIsWrong) {
    const struct {
        const char* name;
        const char* value;
    } cases[] = {{"status", "700"},     {"status", "ok"},  {"duration_min_s", "-1"},
                 {"number", "1*2"},     {"format", "xml"}, {"call", "7"},
                 {"account", "nobody"}, {"limit", "0"},    {"from", "yesterday"}};
    for (const auto& [name, value] : cases) {
        HttpRequest request = get("/api/v1/domains/acme.test/cdr");
        request.query = {{name, value}};
        const HttpResponse refused = at_once(std::move(request));
        EXPECT_EQ(refused.status, 422) << name << "=" << value;
        EXPECT_NE(refused.body.find("\"field\":\"" + std::string(name) + "\""), std::string::npos)
            << refused.body;
    }
    HttpRequest all = get("/api/v1/domains/acme.test/cdr");
    all.query = {{"account", "alice"},
                 {"direction", "internal"},
                 {"result", "busy"},
                 {"status", "486"},
                 {"duration_min_s", "60"}};
    ports::HistoryQuery query;
    (void)through<ports::HistoryQuery>(all, ports::kHistory, ports::HistoryPage{{}, "{}"}, &query);
    EXPECT_EQ(query.account_id, AccountId{kAlice}.text());
    EXPECT_EQ(query.direction, "internal");
    EXPECT_EQ(query.result, "busy");
    EXPECT_EQ(query.sip_status, 486);
    EXPECT_EQ(query.duration_min_ms, 60'000);
    EXPECT_FALSE(query.csv);
}

}  // namespace
}  // namespace tandem::roles::web_gate
