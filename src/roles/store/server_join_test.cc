#include "roles/store/server_join.h"

#include <gtest/gtest.h>

#include <functional>

#include "ports/join_token.h"
#include "roles/store/entity_rules.h"
#include "roles/store/first_start.h"
#include "roles/store/limits.h"
#include "store/keys.h"
#include "store/memory_store.h"

namespace tandem::roles::store_role {
namespace {

const std::string kFingerprint(64, 'a');

struct ServerJoinTest : testing::Test {
    ServerJoinTest() {
        FirstStart plan;
        plan.server = "server1";
        plan.link_address = "192.0.2.1:7200";
        write(first_start(plan, now, rng));
    }
    WriteScope scope() { return {catalog, now, rng, "st-1", key, licences}; }
    bool write(const store::Member& member) {
        store::Outbox out;
        memory.apply(Instant{}, {1, store::Txn{member.compares, member.ops, {}}}, out);
        const bool done = std::get<store::TxnReply>(*out.replies.at(0).body).succeeded;
        feed.reset();
        for (const store::KeyValue& item : range("/")) feed.load(item);
        catalog = feed.snapshot();
        return done;
    }
    std::vector<store::KeyValue> range(std::string_view prefix) {
        store::RangeRequest request;
        request.range = store::KeyRange::prefix(prefix);
        store::Outbox out;
        memory.apply(Instant{}, {2, request}, out);
        return std::get<store::RangeReply>(*out.replies.at(0).body).items;
    }
    ports::JoinToken token(const std::string& server = "", uint32_t valid_s = 3600) {
        const auto made = prepare_token(scope(), {server, valid_s},
                                        range(store::keys::join_token_prefix), kFingerprint, up);
        EXPECT_TRUE(made.has_value()) << made.error().message;
        EXPECT_TRUE(write(made->write));
        const size_t begin = made->reply.json.find("tandem1-");
        const size_t end = made->reply.json.find('"', begin);
        return *ports::decode_join_token(made->reply.json.substr(begin, end - begin));
    }
    ports::ServerJoin wish(const ports::JoinToken& with) {
        ports::ServerJoin join;
        join.secret = with.secret;
        join.name = "server2";
        join.link_address = "192.0.2.2:7200";
        join.version = "0.1.0";
        join.protocol = ports::link_protocol;
        join.clock = now;
        join.request = "request of server2";
        return join;
    }
    Result<JoinChange> ask(const ports::ServerJoin& join) {
        const auto stored = range(token_key(join));
        return prepare_join(scope(), join, stored.empty() ? nullptr : &stored.front(), up);
    }
    std::string refusal(const ports::ServerJoin& join) {
        const auto change = ask(join);
        return change.has_value() ? "none" : change.error().message;
    }

    std::vector<uint16_t> up{1};
    UtcTime now{1'790'000'000'000};
    SeededRng rng{5};
    SealKey key{};
    LicenceBook licences;
    store::MemoryStore memory;
    store::CatalogFeed feed;
    store::Catalog catalog;
};

TEST_F(ServerJoinTest, ATokenTakesInOneServer) {
    const auto made = token();
    EXPECT_EQ(made.fingerprint, kFingerprint);
    EXPECT_EQ(made.addresses.at(0).text(), "192.0.2.1:7201");
    auto join = wish(made);
    const auto judged = ask(join);
    ASSERT_TRUE(judged.has_value()) << judged.error().message;
    EXPECT_TRUE(judged->write.ops.empty());  // only asked
    join.node = judged->reply.node;
    EXPECT_EQ(join.node, 2);
    EXPECT_EQ(judged->reply.neighbours.at(0).server, "server1");
    const auto taken = ask(join);
    ASSERT_TRUE(taken.has_value()) << taken.error().message;
    ASSERT_TRUE(write(taken->write));
    int servers = 0;
    catalog.visit_servers([&](const model::Server& server) {
        ++servers;
        if (server.name == "server2") {
            EXPECT_EQ(server.node, 2);
            EXPECT_EQ(server.link_address, join.link_address);
        }
        return true;
    });
    EXPECT_EQ(servers, 2);
    std::string address;
    catalog.visit_interfaces([&](const model::Interface& interface) {
        address += interface.address + ' ';
        return true;
    });
    EXPECT_NE(address.find("192.0.2.2"), std::string::npos);
    // Two at once: one of the writes fails, and is judged again.
    EXPECT_FALSE(write(taken->write));
    // The answer was lost: the same server gets it again, nobody else does.
    const auto again = ask(join);
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_TRUE(again->write.ops.empty());
    EXPECT_EQ(again->reply.node, 2);
    join.node = 0;
    EXPECT_EQ(ask(join)->reply.node, 2);
    join.request = "of somebody else";
    EXPECT_NE(refusal(join).find("used already, by the server 'server2'"), std::string::npos);
}

TEST_F(ServerJoinTest, RefusesInOneSentence) {
    const auto good = token();
    const auto named = token("server7");
    const struct {
        std::function<void(ports::ServerJoin&)> change;
        const char* reason;
    } cases[] = {
        {[](auto& j) { j.secret = "guess"; }, "the token is wrong"},
        {[&](auto& j) { j.secret = named.secret; }, "for a server named 'server7'"},
        {[](auto& j) { j.clock.unix_ms += 5'001; },
         "the clocks of the two servers are 5.0 s apart"},
        {[](auto& j) { j.clock.unix_ms -= 600'000; }, "are 10 min apart"},
        {[](auto& j) { j.protocol = 0; }, "is too old"},
        {[](auto& j) { j.name = "Two"; }, "a server's name has"},
        {[](auto& j) { j.name = ""; }, "a server's name has"},
        {[](auto& j) { j.name = "server1"; }, "belongs to another server"},
        {[](auto& j) { j.link_address = ""; }, "has not said its address"},
        {[](auto& j) { j.link_address = "0.0.0.0:7200"; }, "must be the IP address"},
        {[](auto& j) { j.link_address = "host:7200"; }, "must be the IP address"},
        {[](auto& j) { j.link_address = "192.0.2.2:65500"; }, "at most 65335"},
        {[](auto& j) { j.link_address = "192.0.2.1:7399"; }, "belongs to the server 'server1'"},
        {[](auto& j) { j.node = 1; }, "is taken by another"},
    };
    for (const auto& [change, reason] : cases) {
        auto join = wish(good);
        change(join);
        EXPECT_NE(refusal(join).find(reason), std::string::npos) << refusal(join);
    }
    auto join = wish(good);
    join.clock.unix_ms += 5'000;
    EXPECT_EQ(refusal(join), "none");
    join = wish(good);
    join.link_address = "192.0.2.1:7400";  // a second server on the same machine
    EXPECT_EQ(refusal(join), "none");
    join = wish(named);
    join.name = "server7";
    EXPECT_EQ(refusal(join), "none");
    now.unix_ms += 3'600'000;
    EXPECT_NE(refusal(wish(good)).find("the token expired"), std::string::npos);
}

TEST_F(ServerJoinTest, TokensHaveBoundsAndGo) {
    const auto refused = [&](const ports::JoinTokenQuery& query, const std::string& fingerprint) {
        const auto made =
            prepare_token(scope(), query, range(store::keys::join_token_prefix), fingerprint, up);
        return made.has_value() ? std::string() : made.error().field + " " + made.error().message;
    };
    EXPECT_NE(refused({"", 0}, kFingerprint).find("valid_s must be"), std::string::npos);
    EXPECT_NE(refused({"", 604'801}, kFingerprint).find("valid_s must be"), std::string::npos);
    EXPECT_NE(refused({"server1", 60}, kFingerprint).find("server the name"), std::string::npos);
    EXPECT_NE(refused({"", 60}, "").find("no authority"), std::string::npos);
    for (size_t i = 0; i < join_tokens_max; ++i) (void)token();
    EXPECT_NE(refused({"", 60}, kFingerprint).find("too many tokens"), std::string::npos);
    now.unix_ms += 3'600'000 + join_token_kept.count() + 1;
    (void)token();
    EXPECT_EQ(range(store::keys::join_token_prefix).size(), 1u);
}

TEST_F(ServerJoinTest, HomeNodesAreOfOneServer) {
    // A role instance of the first server in process 2: the next server gets 3.
    model::RoleInstance role;
    role.id = RoleInstanceId::mint(now, rng);
    role.role = model::RoleCode::B2b;
    role.number = 50;
    role.node = 2;
    catalog.visit_servers([&](const model::Server& server) {
        role.server = server.id;
        return true;
    });
    ASSERT_TRUE(write(
        {{},
         {store::Put{store::keys::role_instance(role.id), model::encode_stored(role, {}), 0}}}));
    auto join = wish(token());
    join.node = ask(join)->reply.node;
    EXPECT_EQ(join.node, 3);
    ASSERT_TRUE(write(ask(join)->write));
    role.node = 3;
    const auto checked = check_rules(catalog, role, Fresh::No);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().field, "node");
    EXPECT_EQ(checked.error().message,
              "Node 3 is the home node of the server 'server2' and cannot host B2B 50 of server "
              "server1.");
}

// A machine that is gone, or that a restored site has no more, is replaced under its name.
TEST_F(ServerJoinTest, AServerThatIsDownIsReplaced) {
    auto first = wish(token());
    first.node = 2;
    ASSERT_TRUE(write(ask(first)->write));
    const auto before = range("/i/");

    up = {1, 2};
    const auto refused = prepare_token(scope(), {"server2", 60}, {}, kFingerprint, up);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message.find("which is running"), std::string::npos);
    up = {1};
    auto other = wish(token());
    EXPECT_NE(refusal(other).find("made for the name lets this one"), std::string::npos);
    const auto named = token("server2");
    auto join = wish(named);
    join.request = "request of another machine";
    join.link_address = "192.0.2.9:7200";
    EXPECT_NE(refusal(join).find("is known at 192.0.2.2:7200"), std::string::npos);
    join.link_address = "192.0.2.2:7200";
    const auto judged = ask(join);
    ASSERT_TRUE(judged.has_value()) << judged.error().message;
    EXPECT_EQ(judged->reply.node, 2);
    EXPECT_EQ(judged->reply.neighbours.size(), 1u);  // without itself
    join.node = 3;
    EXPECT_NE(refusal(join).find("another home node"), std::string::npos);
    join.node = 2;
    up = {1, 2};
    EXPECT_NE(refusal(join).find("which is running"), std::string::npos);
    up = {1};
    ASSERT_TRUE(write(ask(join)->write));
    EXPECT_EQ(range("/i/"), before);
    EXPECT_TRUE(ask(join)->write.ops.empty());  // the answer may have been lost
    join.request = "request of a third machine";
    EXPECT_NE(refusal(join).find("was used already"), std::string::npos);
}

}  // namespace
}  // namespace tandem::roles::store_role
