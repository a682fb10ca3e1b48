#include "runtime/link/node_links.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/stream/stream_socket.h"

namespace tandem::runtime {
namespace {

constexpr Duration kPatience = 10s;

struct Node final : LinkEvents {
    Node(Reactor& reactor, const std::string& directory, uint16_t number)
        : links(reactor, {directory}, {number, "test", 1, {}}, *this) {
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
    a->links.announce({1, "test", 1, {{}}});
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
    ASSERT_TRUE(wire::append_hello(ourselves, {1, "me", 1, {}}).has_value());
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

}  // namespace
}  // namespace tandem::runtime
