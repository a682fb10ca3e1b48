#include "runtime/link/node_links.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "runtime/reactor/clock.h"
#include "runtime/stream/stream_socket.h"
#include "runtime/tls/site_authority.h"

namespace tandem::runtime {
namespace {

constexpr Duration kPatience = 10s;

struct Node final : LinkEvents {
    Node(Reactor& reactor, const std::string& directory, uint16_t number)
        : links(reactor, {directory}, {number, "test", {1}, {}}, *this) {
        EXPECT_TRUE(links.listen().has_value());
    }
    void on_link_hello(const wire::Hello& peer) override { hellos.push_back(peer); }
    void on_link_down(uint16_t node) override { down.push_back(node); }
    void on_link_letter(uint16_t, ports::Letter letter) override {
        letters.push_back(std::move(letter));
    }
    void on_link_heartbeat(uint16_t, const wire::Heartbeat& heartbeat) override {
        heartbeats.push_back(heartbeat.sequence);
    }
    NodeLinks links;
    std::vector<wire::Hello> hellos;
    std::vector<uint16_t> down;
    std::vector<ports::Letter> letters;
    std::vector<uint64_t> heartbeats;
};

class NodeLinksTest : public testing::Test {
 protected:
    NodeLinksTest() : directory_(testing::TempDir() + "/run-" + std::to_string(getpid())) {}
    ~NodeLinksTest() override { std::filesystem::remove_all(directory_); }
    std::unique_ptr<Node> node(uint16_t number) {
        return std::make_unique<Node>(reactor_, directory_, number);
    }
    bool until(const std::function<bool()>& done) { return reactor_.run_until(done, kPatience); }

    std::string directory_;
    Reactor reactor_;
};

TEST_F(NodeLinksTest, CarriesLettersInOrderBothWays) {
    auto a = node(1);
    auto b = node(2);
    a->links.add(2);
    b->links.add(1);
    ASSERT_TRUE(until([&] { return a->links.is_up(2) && b->links.is_up(1); }));
    EXPECT_EQ(a->hellos[0].node, 2);
    constexpr uint64_t kLetters = 1000;
    for (uint64_t i = 1; i <= kLetters; ++i) {
        EXPECT_TRUE(a->links.send(2, {{1}, {2}, i, ports::StatusReply{std::string(500, 'x')}}));
        EXPECT_TRUE(b->links.send(1, {{2}, {1}, i, ports::StatusQuery{}}));
    }
    a->links.send_heartbeat({{1}, 42, {}, {}});
    ASSERT_TRUE(until([&] { return b->heartbeats.size() == 1 && a->letters.size() == kLetters; }));
    ASSERT_EQ(b->letters.size(), kLetters);
    for (uint64_t i = 0; i < kLetters; ++i) EXPECT_EQ(b->letters[i].request, i + 1);
    a->links.announce({1, "test", {1}, {{}}});
    EXPECT_TRUE(until([&] { return b->hellos.size() == 2; }));
    EXPECT_EQ(b->hellos[1].instances.size(), 1u);
    EXPECT_FALSE(a->links.send(9, {{1}, {2}, 0, ports::StatusQuery{}}));
    ports::Letter large{{1}, {2}, 0, ports::StatusReply{std::string(17u << 20, 'x')}};
    EXPECT_FALSE(a->links.send(2, large));
}

TEST_F(NodeLinksTest, ComesBackWhenTheOtherNodeDoesAndForgets) {
    auto dialled = node(1);
    auto dialler = node(2);
    dialled->links.add(2);
    dialler->links.add(1);
    for (size_t round = 1; round <= 3; ++round) {
        ASSERT_TRUE(until([&] { return dialler->links.is_up(1); })) << round;
        dialled.reset();
        ASSERT_TRUE(until([&] { return dialler->down.size() == round; })) << round;
        dialled = node(1);
        dialled->links.add(2);
    }
    ASSERT_TRUE(until([&] { return dialler->links.is_up(1) && dialled->links.is_up(2); }));
    // A dialler that comes again replaces its former link.
    const size_t hellos = dialled->hellos.size();
    dialler.reset();
    dialler = node(2);
    dialler->links.add(1);
    ASSERT_TRUE(until([&] { return dialled->hellos.size() > hellos && dialled->links.is_up(2); }));
    dialler->links.forget(1);
    EXPECT_TRUE(until([&] { return !dialled->links.is_up(2); }));
    EXPECT_FALSE(dialler->links.is_up(1));
}

TEST_F(NodeLinksTest, ACutIsSilentAndEndsWithNewLinks) {
    auto a = node(1);
    auto b = node(2);
    a->links.add(2);
    b->links.add(1);
    ASSERT_TRUE(until([&] { return a->links.is_up(2) && b->links.is_up(1); }));
    b->links.cut(200ms, NodeLinks::Cut::OtherServers);  // neither is on another server
    EXPECT_TRUE(a->links.send(2, {{1}, {2}, 9, ports::StatusQuery{}}));
    ASSERT_TRUE(until([&] { return !b->letters.empty(); }));
    b->letters.clear();
    b->links.cut(200ms, NodeLinks::Cut::All);
    EXPECT_TRUE(a->links.send(2, {{1}, {2}, 1, ports::StatusQuery{}}));
    EXPECT_TRUE(b->links.send(1, {{2}, {1}, 2, ports::StatusQuery{}}));
    b->links.send_heartbeat({42, {1}});
    reactor_.run_until([] { return false; }, 100ms);
    EXPECT_TRUE(a->links.is_up(2));  // nobody has been told
    EXPECT_TRUE(a->down.empty() && b->down.empty());
    EXPECT_TRUE(a->letters.empty() && b->letters.empty() && a->heartbeats.empty());
    ASSERT_TRUE(until([&] { return a->hellos.size() == 2 && b->hellos.size() == 2; }));
    EXPECT_EQ(a->down.size(), 1u);
    EXPECT_EQ(b->down.size(), 1u);
    EXPECT_TRUE(a->links.send(2, {{1}, {2}, 3, ports::StatusQuery{}}));
    ASSERT_TRUE(until([&] { return !b->letters.empty(); }));
    EXPECT_EQ(b->letters.front().request, 3u);  // what was sent meanwhile is lost
}

struct Stranger final : StreamEvents {
    bool ended = false;
    void on_stream_open() override {}
    void on_stream_bytes(std::string_view) override {}
    void on_stream_end(StreamEnd) override { ended = true; }
};

TEST_F(NodeLinksTest, EndsPeersThatDoNotSpeakTheProtocol) {
    auto server = node(1);
    std::string letter_first;
    ASSERT_TRUE(wire::append_letter(letter_first, {{1}, {2}, 0, ports::StatusQuery{}}).has_value());
    std::string ourselves;
    ASSERT_TRUE(wire::append_hello(ourselves, {1, "me", {1}, {}}).has_value());
    for (const std::string& bytes :
         {std::string("GET / HTTP/1.1\r\n\r\n"), letter_first, ourselves, std::string(8, '\xff')}) {
        Stranger stranger;
        auto socket =
            StreamSocket::connect_unix(reactor_, directory_ + "/node-1.sock", {}, stranger);
        ASSERT_TRUE(socket.has_value());
        (*socket)->send(bytes);
        EXPECT_TRUE(until([&] { return stranger.ended; })) << bytes;
    }
    EXPECT_TRUE(server->letters.empty());
    EXPECT_TRUE(server->hellos.empty());
}

// ---- between servers

struct Site {
    const UtcTime now = read_clocks().utc;  // TLS judges by the clock of the machine
    const Certificate authority = *make_site_authority(now);
    LinkContexts server(const std::string& name) const {
        const std::string key = *make_link_key();
        const std::string request = *make_certificate_request(key);
        return *make_link_contexts(authority.chain_pem,
                                   {*sign_request(authority, request, {name, {}}, now), key});
    }
};

// The only node of a server.
struct ServerNode final : LinkEvents, LinkDesk {
    ServerNode(Reactor& reactor, const std::string& directory, uint16_t number,
               const LinkContexts& contexts)
        : links(reactor,
                {directory + std::to_string(number), [contexts] { return contexts; }, this},
                {number, "test", {1}, {}}, *this) {
        EXPECT_TRUE(links.listen().has_value());
        EXPECT_TRUE(links.listen_to_servers(address(number)).has_value());
    }
    static SocketAddress address(uint16_t number) {
        return {*IpAddress::parse("127.0.0.1"),
                static_cast<uint16_t>(20'000 + getpid() % 20'000 + number)};
    }
    static NodePlace place(uint16_t number) {
        return {"server" + std::to_string(number), address(number)};
    }
    void on_link_hello(const wire::Hello& peer) override { hellos.push_back(peer.node); }
    void on_link_down(uint16_t node) override { down.push_back(node); }
    void on_link_letter(uint16_t, ports::Letter letter) override {
        letters.push_back(letter.request);
    }
    void on_link_heartbeat(uint16_t, const wire::Heartbeat&) override {}
    void on_join(uint64_t stranger, ports::ServerJoin join) override {
        joins.push_back(join.name);
        wire::JoinReply reply;
        reply.joined.node = 9;
        links.answer_join(stranger, reply);
    }
    void on_certificate_request(uint16_t node, wire::CertificateRequest request) override {
        links.send_certificate(node, {"for " + request.request});
    }
    void on_certificate_reply(uint16_t, wire::CertificateReply reply) override {
        certificates.push_back(reply.certificate);
    }
    void on_link_refused(const std::string& why) override { refusals.push_back(why); }
    bool has_refused(std::string_view why) const {
        return std::ranges::any_of(
            refusals, [&](const std::string& each) { return each.find(why) != std::string::npos; });
    }

    std::vector<uint16_t> hellos;
    std::vector<uint16_t> down;
    std::vector<uint64_t> letters;
    std::vector<std::string> joins;
    std::vector<std::string> certificates;
    std::vector<std::string> refusals;
    NodeLinks links;
};

class ServerLinksTest : public NodeLinksTest {
 protected:
    ~ServerLinksTest() override {
        for (int node = 1; node < 10; ++node) {
            std::filesystem::remove_all(directory_ + std::to_string(node));
        }
    }
    std::unique_ptr<ServerNode> server(uint16_t number, const LinkContexts& contexts) {
        return std::make_unique<ServerNode>(reactor_, directory_, number, contexts);
    }
    Site site_;
};

TEST_F(ServerLinksTest, CarryLettersAndCertificatesBothWays) {
    auto a = server(1, site_.server("server1"));
    auto b = server(2, site_.server("server2"));
    a->links.add(2, ServerNode::place(2));
    b->links.add(1, ServerNode::place(1));
    ASSERT_TRUE(until([&] { return a->links.is_up(2) && b->links.is_up(1); }));
    constexpr uint64_t kLetters = 500;
    for (uint64_t i = 1; i <= kLetters; ++i) {
        EXPECT_TRUE(a->links.send(2, {{1}, {2}, i, ports::StatusReply{std::string(5'000, 'x')}}));
        EXPECT_TRUE(b->links.send(1, {{2}, {1}, i, ports::StatusQuery{}}));
    }
    ASSERT_TRUE(until([&] { return b->letters.size() + a->letters.size() == 2 * kLetters; }));
    EXPECT_TRUE(std::ranges::is_sorted(b->letters));
    b->links.send_certificate_request({"me"});
    ASSERT_TRUE(until([&] { return !b->certificates.empty(); }));
    EXPECT_EQ(b->certificates[0], "for me");
    // The other is restarted elsewhere.
    a.reset();
    ASSERT_TRUE(until([&] { return !b->links.is_up(1); }));
    b->links.forget(1);
    a = server(3, site_.server("server3"));
    a->links.add(2, ServerNode::place(2));
    b->links.add(3, ServerNode::place(3));
    EXPECT_TRUE(until([&] { return a->links.is_up(2) && b->links.is_up(3); }));
}

TEST_F(ServerLinksTest, ANodeIsOfTheServerThatItsCertificateNames) {
    auto a = server(1, site_.server("server1"));
    // A server of the site that claims another's node, and one of another site.
    auto b = server(2, site_.server("server3"));
    a->links.add(2, ServerNode::place(2));
    b->links.add(1, ServerNode::place(1));
    EXPECT_TRUE(until([&] { return a->has_refused("its certificate is of server3"); }));
    b.reset();
    b = server(2, Site().server("server2"));
    b->links.add(1, ServerNode::place(1));
    EXPECT_TRUE(until([&] { return b->has_refused("node 1 (server1 at "); }));
    EXPECT_TRUE(until([&] { return a->has_refused("a connection from elsewhere is refused"); }));
    // A node that dials the wrong server.
    b.reset();
    b = server(2, site_.server("server2"));
    b->links.add(1, {"server7", ServerNode::address(1)});
    EXPECT_TRUE(until([&] { return b->has_refused("ostname mismatch"); }));
    EXPECT_TRUE(a->hellos.empty());
    EXPECT_TRUE(b->hellos.empty());
    // Known a moment later, at the right place.
    b->links.add(1, ServerNode::place(1));
    EXPECT_TRUE(until([&] { return a->links.is_up(2) && b->links.is_up(1); }));
}

TEST_F(ServerLinksTest, AProgramOfThisMachineDoesNotSpeakForANodeOfAnother) {
    auto a = server(1, site_.server("server1"));
    a->links.add(2, ServerNode::place(2));
    std::string hello;
    ASSERT_TRUE(wire::append_hello(hello, {2, "me", {1}, {}}).has_value());
    Stranger stranger;
    auto socket = StreamSocket::connect_unix(reactor_, directory_ + "1/node-1.sock", {}, stranger);
    ASSERT_TRUE(socket.has_value());
    (*socket)->send(hello);
    EXPECT_TRUE(until([&] { return stranger.ended; }));
    EXPECT_TRUE(a->hellos.empty());
}

// A server that wants to join: no certificate, and one frame that it may send.
struct Newcomer final : StreamEvents {
    Newcomer(Reactor& reactor, uint16_t to) {
        StreamSocket::Settings settings;
        settings.tls = make_joining_context();
        socket = *StreamSocket::connect(reactor, ServerNode::address(to), settings, *this);
    }
    void on_stream_open() override { chain = socket->peer_certificate().chain; }
    void on_stream_bytes(std::string_view bytes) override { cutter.push(bytes); }
    void on_stream_end(StreamEnd) override { ended = true; }
    std::optional<wire::Frame> frame() {
        const auto cut = cutter.pop();
        if (!cut || !*cut) return std::nullopt;
        return *wire::decode(**cut);
    }
    std::unique_ptr<StreamSocket> socket;
    wire::FrameCutter cutter;
    std::vector<std::string> chain;
    bool ended = false;
};

TEST_F(ServerLinksTest, StrangersMayAskToJoinAndNothingElse) {
    auto a = server(1, site_.server("server1"));
    const std::string fingerprint = fingerprint_of(site_.authority.chain_pem);
    std::string join;
    ASSERT_TRUE(wire::append_join(join, {"secret", "server2"}).has_value());
    Newcomer good(reactor_, 1);
    ASSERT_TRUE(until([&] { return !good.chain.empty(); }));
    EXPECT_TRUE(check_shown_by(good.chain, fingerprint).has_value());
    EXPECT_FALSE(check_shown_by(good.chain, std::string(64, 'a')).has_value());
    for (size_t round = 1; round <= 4; ++round) {
        good.socket->send(join);
        std::optional<wire::Frame> reply;
        ASSERT_TRUE(until([&] { return (reply = good.frame()).has_value(); })) << round;
        EXPECT_EQ(std::get<wire::JoinReply>(*reply).joined.node, 9);
        EXPECT_EQ(a->joins.size(), round);
    }
    good.socket->send(join);
    EXPECT_TRUE(until([&] { return good.ended; }));
    std::string hello;
    ASSERT_TRUE(wire::append_hello(hello, {2, "me", {1}, {}}).has_value());
    for (const std::string& bytes :
         {hello, std::string("\0\1\0\0", 4) + std::string(40'000, 'x')}) {
        Newcomer bad(reactor_, 1);
        bad.socket->send(bytes);
        EXPECT_TRUE(until([&] { return bad.ended; })) << bytes.size();
    }
    EXPECT_EQ(a->joins.size(), 4u);
    EXPECT_TRUE(a->hellos.empty());
}

}  // namespace
}  // namespace tandem::runtime
