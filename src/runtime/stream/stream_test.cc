#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/reactor/clock.h"
#include "runtime/stream/stream_listener.h"
#include "runtime/stream/stream_socket.h"

namespace tandem::runtime {
namespace {

constexpr Duration kPatience = 10s;
const SocketAddress kAnyPort = *SocketAddress::parse("127.0.0.1:0");

// One end of a stream that remembers what it was told.
struct Peer final : StreamEvents {
    std::unique_ptr<StreamSocket> socket;
    bool opened = false;
    std::string received;
    std::optional<StreamEnd> ended;
    void on_stream_open() override { opened = true; }
    void on_stream_bytes(std::string_view bytes) override { received.append(bytes); }
    void on_stream_end(StreamEnd why) override { ended = why; }
};

// A listener and one connection through it.
struct Pair {
    Reactor reactor;
    Peer client;
    Peer server;
    std::unique_ptr<StreamListener> listener;
    StreamSocket::Settings server_settings;

    void listen() {
        auto made = StreamListener::tcp(reactor, kAnyPort, [this](UniqueFd fd, SocketAddress) {
            server.socket = StreamSocket::accepted(reactor, std::move(fd), server_settings, server);
        });
        ASSERT_TRUE(made.has_value());
        listener = std::move(*made);
    }
    void connect(const StreamSocket::Settings& settings = {}) {
        auto made = StreamSocket::connect(reactor, listener->address(), settings, client);
        ASSERT_TRUE(made.has_value());
        client.socket = std::move(*made);
    }
    bool until(const std::function<bool()>& done) { return reactor.run_until(done, kPatience); }
};

Certificate certificate_for(const std::string& name) {
    auto made =
        make_self_signed({name, {name}, {*IpAddress::parse("127.0.0.1")}}, read_clocks().utc);
    EXPECT_TRUE(made.has_value());
    return made.value_or(Certificate{});
}

TEST(StreamSocket, CarriesMegabytesBothWaysPlainAndWithTls) {
    TlsContexts contexts;
    ASSERT_TRUE(contexts.load("a", certificate_for("a.test")).has_value());
    for (const bool secure : {false, true}) {
        Pair pair;
        pair.server_settings.queue_bytes_max = 8u << 20;
        StreamSocket::Settings settings = pair.server_settings;
        if (secure) {
            pair.server_settings.tls = contexts.server("a");
            settings.tls = contexts.client();
        }
        pair.listen();
        pair.connect(settings);
        std::string large(3u << 20, 'x');
        for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
        EXPECT_TRUE(pair.client.socket->send(large));
        ASSERT_TRUE(pair.until([&] { return pair.server.received.size() == large.size(); }));
        EXPECT_EQ(pair.server.received, large);
        EXPECT_TRUE(pair.server.socket->send(large));
        pair.server.socket->finish();
        ASSERT_TRUE(pair.until([&] { return pair.client.ended.has_value(); }));
        EXPECT_EQ(pair.client.received, large);
        EXPECT_EQ(pair.client.ended, StreamEnd::Peer);
    }
}

TEST(StreamSocket, EndsWithAPeerThatDoesNotRead) {
    Pair pair;
    pair.server_settings.queue_bytes_max = 100'000;
    pair.listen();
    pair.connect();
    ASSERT_TRUE(pair.until([&] { return pair.server.opened && pair.client.opened; }));
    pair.client.socket->pause();
    const std::string chunk(50'000, 'x');
    ASSERT_TRUE(pair.until([&] {
        if (!pair.server.ended) pair.server.socket->send(chunk);
        return pair.server.ended.has_value();
    }));
    EXPECT_EQ(pair.server.ended, StreamEnd::TooSlow);
}

TEST(StreamSocket, TellsAFailedConnectAndAFailedHandshake) {
    Pair pair;
    pair.listen();
    TlsContexts contexts;
    StreamSocket::Settings secure;
    secure.tls = contexts.client();
    pair.connect(secure);  // to a plain server
    ASSERT_TRUE(pair.until([&] { return pair.server.received.size() > 10; }));
    pair.server.socket->send("SIP/2.0 400 this is no TLS\r\n\r\n");
    ASSERT_TRUE(pair.until([&] { return pair.client.ended.has_value(); }));
    EXPECT_EQ(pair.client.ended, StreamEnd::Handshake);
    EXPECT_FALSE(pair.client.opened);

    const SocketAddress nobody = pair.listener->address();
    pair.listener.reset();
    Peer lonely;
    auto made = StreamSocket::connect(pair.reactor, nobody, {}, lonely);
    if (made.has_value()) {  // the kernel may refuse at once
        ASSERT_TRUE(pair.until([&] { return lonely.ended.has_value(); }));
        EXPECT_EQ(lonely.ended, StreamEnd::Broken);
    }
}

TEST(StreamSocket, NewConnectionsGetTheNewCertificateAndNamesAreVerified) {
    TlsContexts contexts;
    const Certificate first = certificate_for("first.test");
    const Certificate second = certificate_for("second.test");
    const std::string ca = testing::TempDir() + "/ca-" + std::to_string(getpid());
    ASSERT_TRUE(contexts.load("border", first).has_value());
    for (const bool replaced : {false, true}) {
        if (replaced) {
            ASSERT_TRUE(contexts.load("border", second).has_value());
        }
        std::filesystem::create_directories(ca);
        std::FILE* file = std::fopen((ca + "/ca.pem").c_str(), "w");
        ASSERT_NE(file, nullptr);
        std::fputs((replaced ? second : first).chain_pem.c_str(), file);
        std::fclose(file);
        TlsContexts trusting;
        ASSERT_TRUE(trusting.verify_peers_with(ca + "/ca.pem").has_value());
        const struct {
            std::string host;
            bool opens;
        } cases[] = {{replaced ? "second.test" : "first.test", true}, {"other.test", false}};
        for (const auto& [host, opens] : cases) {
            Pair pair;
            pair.server_settings.tls = contexts.server("border");
            pair.listen();
            StreamSocket::Settings settings;
            settings.tls = trusting.client();
            settings.tls_host = host;
            pair.connect(settings);
            ASSERT_TRUE(
                pair.until([&] { return pair.client.opened || pair.client.ended.has_value(); }));
            EXPECT_EQ(pair.client.opened, opens) << host;
        }
    }
    std::filesystem::remove_all(ca);
}

// TLS 1.3 ends the client's handshake before the server looks at its certificate (RFC
// 8446 4.4.2.4).
TEST(StreamSocket, ShowsItsCertificateToWhoAsksAndSaysWhyItIsRefused) {
    using Check = TlsContexts::Check;
    const Certificate known = certificate_for("known.test");
    const Certificate strange = certificate_for("strange.test");
    const Certificate server = certificate_for("server.test");
    const auto links = make_link_contexts(known.chain_pem, server);
    ASSERT_TRUE(links.has_value());
    TlsContexts contexts;
    const struct {
        const Certificate& shown;
        bool is_taken;
    } cases[] = {{known, true}, {strange, false}};
    for (const auto& [shown, is_taken] : cases) {
        Pair pair;
        pair.server_settings.tls = links->server;
        pair.listen();
        StreamSocket::Settings settings;
        const auto context = contexts.client_for(Check::Authority, server.chain_pem, shown);
        ASSERT_TRUE(context.has_value());
        EXPECT_EQ(*context, *contexts.client_for(Check::Authority, server.chain_pem, shown));
        EXPECT_NE(*context, *contexts.client_for(Check::Nothing, server.chain_pem, shown));
        EXPECT_NE(*context, *contexts.client_for(Check::Authority, server.chain_pem, {}));
        settings.tls = *context;
        settings.tls_host = "server.test";
        pair.connect(settings);
        ASSERT_TRUE(
            pair.until([&] { return pair.server.opened || pair.client.ended.has_value(); }));
        EXPECT_EQ(pair.server.opened, is_taken);
        if (is_taken) {
            const auto seen = pair.server.socket->peer_certificate();
            EXPECT_EQ(seen.dns_names, std::vector<std::string>{"known.test"});
            EXPECT_TRUE(seen.is_verified);
            EXPECT_EQ(pair.client.socket->tls_failure(), "");
        } else {
            EXPECT_NE(pair.client.socket->tls_failure().find("alert"), std::string::npos)
                << pair.client.socket->tls_failure();
        }
    }
    const auto mixed = contexts.client_for(Check::Nothing, "", {known.chain_pem, strange.key_pem});
    EXPECT_EQ(mixed.error().field, "key");
}

TEST(StreamSocket, ManyPairsOfCertificatesCostThoseThatAreInUseNothing) {
    using Check = TlsContexts::Check;
    const Certificate pair = certificate_for("known.test");
    TlsContexts contexts;
    const auto numbered = [&](size_t number) {  // another text each
        Certificate other = pair;
        other.key_pem += std::string(number, '\n');
        return *contexts.client_for(Check::Nothing, "", other);
    };
    const TlsContext in_use = numbered(0);
    const TlsContext forgotten = numbered(1);
    TlsContext last;
    for (size_t number = 2; number < 300; ++number) {
        last = numbered(number);
        ASSERT_EQ(numbered(0), in_use) << number;
    }
    EXPECT_EQ(numbered(299), last);
    EXPECT_NE(numbered(1), forgotten);
}

TEST(StreamListener, ReplacesADeadUnixSocketAndRefusesALivingOne) {
    Reactor reactor;
    const std::string path = testing::TempDir() + "/s-" + std::to_string(getpid());
    Peer server;
    const auto accept = [&](UniqueFd fd, const SocketAddress&) {
        server.socket = StreamSocket::accepted(reactor, std::move(fd), {}, server);
    };
    auto first = StreamListener::unix_domain(reactor, path, accept);
    ASSERT_TRUE(first.has_value());
    EXPECT_FALSE(StreamListener::unix_domain(reactor, path, accept).has_value());
    first->reset();
    // What a killed process leaves behind.
    std::FILE* stale = std::fopen(path.c_str(), "w");
    ASSERT_NE(stale, nullptr);
    std::fclose(stale);
    auto second = StreamListener::unix_domain(reactor, path, accept);
    ASSERT_TRUE(second.has_value());
    Peer client;
    auto connected = StreamSocket::connect_unix(reactor, path, {}, client);
    ASSERT_TRUE(connected.has_value());
    (*connected)->send("hello");
    EXPECT_TRUE(reactor.run_until([&] { return server.received == "hello"; }, kPatience));
}

TEST(Certificates, SayWhatIsWrongWithThem) {
    TlsContexts contexts;
    const Certificate good = certificate_for("a.test");
    const Certificate other = certificate_for("b.test");
    EXPECT_EQ(contexts.load("x", {"no pem", good.key_pem}).error().field, "certificate");
    EXPECT_EQ(contexts.load("x", {good.chain_pem, "no pem"}).error().field, "key");
    EXPECT_EQ(contexts.load("x", {good.chain_pem, other.key_pem}).error().field, "key");
    EXPECT_EQ(contexts.server("x"), nullptr);
    ASSERT_TRUE(contexts.load("x", {good.chain_pem + other.chain_pem, good.key_pem}).has_value());
    EXPECT_NE(contexts.server("x"), nullptr);
    EXPECT_EQ(contexts.server(""), contexts.server("x"));  // the first is the default
}

TEST(Certificates, AreMadeOnceAndKeptSecret) {
    const std::string folder = testing::TempDir() + "/tls-" + std::to_string(getpid());
    const SelfSignedSubject subject{"host", {"host", "host.test"}, {}};
    ASSERT_TRUE(ensure_self_signed_files(folder, subject, read_clocks().utc).has_value());
    const auto written = std::filesystem::last_write_time(folder + "/server.crt");
    const auto mode = std::filesystem::status(folder + "/server.key").permissions();
    EXPECT_EQ(static_cast<unsigned>(mode), 0600u);
    ASSERT_TRUE(ensure_self_signed_files(folder, subject, read_clocks().utc).has_value());
    EXPECT_EQ(std::filesystem::last_write_time(folder + "/server.crt"), written);
    TlsContexts contexts;
    EXPECT_TRUE(contexts.load_files("a", folder + "/server.crt", folder + "/server.key"));
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tandem::runtime
