#include <gtest/gtest.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>

#include "runtime/http/http_reader.h"
#include "runtime/http/http_server.h"
#include "runtime/http/static_files.h"
#include "runtime/reactor/clock.h"
#include "runtime/stream/stream_socket.h"
#include "runtime/tls/certificates.h"

namespace tandem::runtime {
namespace {

constexpr Duration kPatience = 10s;
constexpr ports::Instance kGate{9};

TEST(HttpTarget, DecodesPathsAndQueries) {
    ports::HttpRequest request;
    ASSERT_TRUE(split_target("/a%20b+c?x=1+2&y&z=%26%3d", request).has_value());
    EXPECT_EQ(request.path, "/a b+c");
    const decltype(request.query) expected{{"x", "1 2"}, {"y", ""}, {"z", "&="}};
    EXPECT_EQ(request.query, expected);
    for (const char* bad : {"", "a", "http://x/", "/%", "/%4", "/%zz", "/%00", "/?a=%"}) {
        ports::HttpRequest refused;
        EXPECT_FALSE(split_target(bad, refused).has_value()) << bad;
    }
}

TEST(HttpReader, ReadsPipelinedRequestsInAnyPieces) {
    const std::string wire =
        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nX-Y: z\r\n\r\nabc\r\n"
        "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
        "GET /c HTTP/1.0\r\n\r\n";
    for (size_t piece = 1; piece <= wire.size(); piece = piece * 2 + 1) {
        HttpReader reader{HttpLimits{}};
        std::vector<ParsedRequest> seen;
        for (size_t at = 0; at < wire.size(); at += piece) {
            reader.push(std::string_view(wire).substr(at, piece));
            while (true) {
                auto request = reader.pop();
                ASSERT_TRUE(request.has_value()) << request.error().message;
                if (!*request) break;
                seen.push_back(std::move(**request));
            }
        }
        ASSERT_EQ(seen.size(), 3u) << piece;
        EXPECT_EQ(seen[0].request.body, "abc");
        EXPECT_EQ(seen[0].request.headers.back(),
                  (std::pair<std::string, std::string>{"x-y", "z"}));
        EXPECT_EQ(seen[1].request.method, "PUT");
        EXPECT_EQ(seen[1].request.body, "de");
        EXPECT_TRUE(seen[1].keep_alive);
        EXPECT_FALSE(seen[2].keep_alive);
    }
}

TEST(HttpReader, RefusesWhatIsTooLargeOrAmbiguous) {
    HttpLimits limits;
    limits.head_bytes_max = 256;
    limits.body_bytes_max = 10;
    const struct {
        std::string wire;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(300, 'x') + "\r\n\r\n", 431},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", 413},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890", 413},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET nothing HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        {"REGISTER sip:a SIP/2.0\r\n\r\n", 400},
    };
    for (const auto& [wire, status] : cases) {
        HttpReader reader(limits);
        reader.push(wire);
        const auto request = reader.pop();
        ASSERT_FALSE(request.has_value()) << wire;
        EXPECT_EQ(request.error().sip_status, status) << wire;
    }
}

TEST(StaticFiles, ServesPagesAndNothingElse) {
    const std::string folder = testing::TempDir() + "/www-" + std::to_string(getpid());
    std::filesystem::create_directories(folder + "/assets");
    std::ofstream(folder + "/index.html") << "page";
    std::ofstream(folder + "/assets/a.js") << "code";
    std::ofstream(folder + "/.secret") << "secret";
    const StaticFiles files(folder);
    const struct {
        const char* path;
        int status;
        const char* body;
    } cases[] = {{"/", 200, "page"},
                 {"/domains/7", 200, "page"},
                 {"/assets/a.js", 200, "code"},
                 {"/assets/b.js", 404, "not found\n"},
                 {"/.secret", 404, "not found\n"},
                 {"/assets/../../etc/passwd", 404, "not found\n"},
                 {"/..", 404, "not found\n"}};
    for (const auto& [path, status, body] : cases) {
        ports::HttpRequest request;
        request.method = "GET";
        request.path = path;
        const auto response = files.answer(request);
        EXPECT_EQ(response.status, status) << path;
        EXPECT_EQ(response.body, body) << path;
    }
    ports::HttpRequest again;
    again.method = "GET";
    again.path = "/";
    again.headers.emplace_back("if-none-match", files.answer(again).headers[0].second);
    EXPECT_EQ(files.answer(again).status, 304);
    EXPECT_FALSE(StaticFiles::is_file_path("/api/v1/health"));
    EXPECT_FALSE(StaticFiles::is_file_path("/metrics"));
    EXPECT_TRUE(StaticFiles::is_file_path("/sipphone"));
    std::filesystem::remove_all(folder);
}

struct Browser final : StreamEvents {
    std::unique_ptr<StreamSocket> socket;
    bool ended = false;
    std::string received;
    void on_stream_open() override {}
    void on_stream_bytes(std::string_view bytes) override { received.append(bytes); }
    void on_stream_end(StreamEnd) override { ended = true; }
};

class HttpServerTest : public testing::Test {
 protected:
    void make(const HttpLimits& limits = {}) {
        const auto certificate = make_self_signed({"test", {"test"}, {}}, read_clocks().utc);
        ASSERT_TRUE(contexts_.load("default", *certificate).has_value());
        server_ = std::make_unique<HttpServer>(
            reactor_, [this](ports::Letter letter) { letters_.push_back(std::move(letter)); },
            contexts_, limits);
        for (const bool secure : {false, true}) {
            const uint16_t number = secure ? 2 : 1;
            to_server(
                ports::HttpListenerOpen{number, *SocketAddress::parse("127.0.0.1:0"), secure});
        }
    }
    void to_server(ports::Payload payload, uint64_t request = 0) {
        server_->handle({kGate, ports::kHttp, request, std::move(payload)});
    }
    void connect(Browser& browser, bool secure = false) {
        StreamSocket::Settings settings;
        if (secure) settings.tls = contexts_.client();
        auto made = StreamSocket::connect(reactor_, *server_->bound(kGate, secure ? 2 : 1),
                                          settings, browser);
        ASSERT_TRUE(made.has_value());
        browser.socket = std::move(*made);
    }
    bool until(const std::function<bool()>& done) { return reactor_.run_until(done, kPatience); }
    std::optional<ports::Letter> next() {
        if (!until([this] { return !letters_.empty(); })) return std::nullopt;
        auto letter = std::move(letters_.front());
        letters_.pop_front();
        return letter;
    }
    void answer(const ports::Letter& question, std::string body) {
        ports::HttpResponse response;
        response.body = std::move(body);
        response.headers.emplace_back("x-split", "a\r\nSet-Cookie: b");
        to_server(std::move(response), question.request);
    }

    Reactor reactor_;
    TlsContexts contexts_;
    std::deque<ports::Letter> letters_;
    std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersInOrderAndKeepsTheConnection) {
    make();
    for (const bool secure : {false, true}) {
        Browser browser;
        connect(browser, secure);
        browser.socket->send(
            "GET /one HTTP/1.1\r\nHost: h\r\n\r\n"
            "HEAD /two HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        auto one = next();
        ASSERT_TRUE(one.has_value());
        const auto& request = get<ports::HttpRequest>(one->payload);
        EXPECT_EQ(request.path, "/one");
        EXPECT_EQ(request.remote, "127.0.0.1");
        EXPECT_EQ(request.secure, secure);
        EXPECT_EQ(one->to, kGate);
        EXPECT_TRUE(letters_.empty());  // the second waits for the first's answer
        answer(*one, "{\"n\":1}");
        auto two = next();
        ASSERT_TRUE(two.has_value());
        EXPECT_EQ(get<ports::HttpRequest>(two->payload).path, "/two");
        answer(*two, "{\"n\":2}");
        EXPECT_TRUE(until([&] { return browser.ended; }));
        EXPECT_EQ(browser.received,
                  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
                  "x-split: a\r\nConnection: keep-alive\r\n\r\n{\"n\":1}"
                  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n"
                  "x-split: a\r\nConnection: close\r\n\r\n");
    }
}

TEST_F(HttpServerTest, ContinuesRefusesTimesOutAndForgetsClients) {
    HttpLimits limits;
    limits.body_bytes_max = 100;
    limits.head_max = 60ms;
    limits.body_max = 60ms;
    limits.answer_max = 60ms;
    limits.idle_max = 60ms;
    make(limits);
    const struct {
        const char* what;
        std::string bytes;
        std::string answer;
    } cases[] = {
        {"silent", "", "HTTP/1.1 408 "},
        {"slow head", "GET / HT", "HTTP/1.1 408 "},
        {"slow body", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab", "HTTP/1.1 408 "},
        {"waits for 100",
         "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
         "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 408 "},
        {"too large", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 999\r\n\r\n", "HTTP/1.1 413 "},
        {"no answer", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 504 "},
    };
    for (const auto& [what, bytes, expected] : cases) {
        Browser browser;
        connect(browser);
        if (!bytes.empty()) browser.socket->send(bytes);
        EXPECT_TRUE(until([&] { return browser.ended; })) << what;
        EXPECT_TRUE(browser.received.starts_with(expected)) << what << browser.received;
    }
    // The answer to a client that has left goes nowhere.
    Browser leaver;
    connect(leaver);
    leaver.socket->send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
    letters_.clear();
    auto question = next();
    ASSERT_TRUE(question.has_value());
    leaver.socket.reset();
    EXPECT_TRUE(until([this] { return server_->figures()[0].second == 0; }));
    answer(*question, "x");
}

TEST_F(HttpServerTest, Says503ForAGateThatIsGoneAndClosesListeners) {
    make();
    Browser browser;
    connect(browser);
    browser.socket->send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    auto question = next();
    ASSERT_TRUE(question.has_value());
    to_server(ports::HttpListenerClose{1});
    EXPECT_FALSE(server_->bound(kGate, 1).has_value());
    to_server(ports::Unreachable{kGate}, question->request);
    EXPECT_TRUE(until([&] { return browser.ended; }));
    EXPECT_TRUE(browser.received.starts_with("HTTP/1.1 503 "));
    to_server(ports::HttpListenerOpen{3, *server_->bound(kGate, 2), false});
    const auto failure = next();
    ASSERT_TRUE(failure.has_value());
    EXPECT_EQ(get<ports::HttpListenerFailed>(failure->payload).number, 3);
}

TEST_F(HttpServerTest, HandsSipOverWebSocketOn) {
    HttpLimits limits;
    limits.head_max = 200ms;
    make(limits);
    bool wanted = true;
    std::optional<SipUpgrade> taken;
    server_->set_sip_upgrades({[&](const SocketAddress&, bool) { return wanted; },
                               [&](SipUpgrade upgrade) { taken = std::move(upgrade); }});
    // However its bytes come.
    const std::string request = "GET /sip HTTP/1.1\r\nHost: h\r\n\r\n";
    for (const size_t first : {request.size(), size_t{1}, size_t{8}, size_t{9}}) {
        Browser browser;
        connect(browser);
        browser.socket->send(request.substr(0, first));
        if (first < request.size()) reactor_.run_until([] { return false; }, 20ms);
        if (first < request.size()) browser.socket->send(request.substr(first));
        EXPECT_TRUE(until([&] { return taken && server_->figures()[0].second == 0; })) << first;
        EXPECT_TRUE(request.starts_with(taken->bytes) && taken->bytes.size() > 8) << first;
        EXPECT_FALSE(browser.ended);
        taken.reset();
    }
    // Others that begin like it, and those that nobody wants, are answered as ever.
    wanted = false;
    for (const char* path : {"/sip", "/sips", "/si"}) {
        Browser browser;
        connect(browser);
        letters_.clear();
        browser.socket->send("GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n");
        const auto question = next();
        ASSERT_TRUE(question.has_value()) << path;
        EXPECT_EQ(get<ports::HttpRequest>(question->payload).path, path);
    }
    Browser slow;
    connect(slow);
    slow.socket->send("GET /s");
    EXPECT_TRUE(until([&] { return slow.ended; }));
    EXPECT_TRUE(slow.received.starts_with("HTTP/1.1 408 ")) << slow.received;
}

// What the client got, chunks put together; "..." at the end: the last one is missing.
std::string body_of(const std::string& received) {
    std::string body;
    size_t at = received.find("\r\n\r\n");
    if (at == std::string::npos) return "no head";
    for (at += 4; at < received.size();) {
        const size_t end = received.find("\r\n", at);
        const size_t size = std::stoul(received.substr(at, end - at), nullptr, 16);
        if (size == 0) return body;
        body += received.substr(end + 2, size);
        at = end + 2 + size + 2;
    }
    return body + "...";
}

TEST_F(HttpServerTest, StreamsAnAnswerAsTheClientTakesIt) {
    make();
    for (const bool broken : {false, true}) {
        Browser browser;
        connect(browser, broken);
        browser.socket->send("GET /long HTTP/1.1\r\nHost: h\r\n\r\nGET /more HTTP/1.1\r\n\r\n");
        const auto question = next();
        ASSERT_TRUE(question.has_value());
        ports::HttpResponse begin;
        begin.content_type = "text/csv";
        begin.body = "a";
        begin.streamed = true;
        to_server(std::move(begin), question->request);
        for (int i = 0; i < 3; ++i) {
            const auto room = next();
            ASSERT_TRUE(room.has_value());
            EXPECT_EQ(room->request, question->request);
            EXPECT_FALSE(get<ports::HttpTaken>(room->payload).gone);
            to_server(ports::HttpPart{std::string(1000, 'b')}, question->request);
        }
        to_server(ports::HttpPart{"c", !broken, broken}, question->request);
        to_server(ports::HttpPart{"after the end"}, question->request);
        EXPECT_TRUE(until([&] { return browser.ended; }));
        EXPECT_NE(browser.received.find("\r\nTransfer-Encoding: chunked\r\n"), std::string::npos);
        EXPECT_EQ(browser.received.find("Content-Length"), std::string::npos);
        EXPECT_EQ(body_of(browser.received),
                  "a" + std::string(3000, 'b') + (broken ? "c..." : "c"));
        letters_.clear();
    }
}

TEST_F(HttpServerTest, AsksForNoMoreThanTheClientTakes) {
    HttpLimits limits;
    limits.stream_stall_max = 200ms;
    make(limits);
    Browser browser;
    connect(browser);
    browser.socket->send("GET /long HTTP/1.0\r\n\r\n");
    const auto question = next();
    ASSERT_TRUE(question.has_value());
    browser.socket->pause();
    ports::HttpResponse begin;
    begin.streamed = true;
    to_server(std::move(begin), question->request);
    size_t parts = 0;
    bool gone = false;
    while (!gone) {
        const auto told = next();
        ASSERT_TRUE(told.has_value());
        gone = get<ports::HttpTaken>(told->payload).gone;
        ASSERT_LT(++parts, 500u) << "a client that reads nothing is given no end of it";
        if (!gone) to_server(ports::HttpPart{std::string(100'000, 'x')}, question->request);
    }
    EXPECT_EQ(server_->figures()[0].second, 0) << "and it is let go";
}

TEST_F(HttpServerTest, TellsWhenAClientLeavesAStream) {
    make();
    Browser browser;
    connect(browser);
    browser.socket->send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto question = next();
    ASSERT_TRUE(question.has_value());
    ports::HttpResponse begin;
    begin.streamed = true;
    to_server(std::move(begin), question->request);
    ASSERT_TRUE(next().has_value());
    browser.socket.reset();
    const auto told = next();
    ASSERT_TRUE(told.has_value());
    EXPECT_TRUE(get<ports::HttpTaken>(told->payload).gone);
    EXPECT_EQ(told->request, question->request);
}

}  // namespace
}  // namespace tandem::runtime
