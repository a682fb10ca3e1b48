#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "app/config/server_file.h"
#include "app/site/link_certificates.h"
#include "app/site/neighbours.h"
#include "ports/address.h"
#include "roles/store/entity_kinds.h"
#include "runtime/reactor/clock.h"
#include "store/catalog.h"

namespace tandem::app {
namespace {

using roles::store_role::Kind;

struct SiteFiles : testing::Test {
    SiteFiles() : data(testing::TempDir() + "/site-" + std::to_string(getpid())) {
        std::filesystem::create_directories(data + "/tls");
    }
    ~SiteFiles() override { std::filesystem::remove_all(data); }
    const std::string data;
    const UtcTime now = runtime::read_clocks().utc;
};

TEST_F(SiteFiles, TheServerFileComesBackAsItWas) {
    EXPECT_EQ(read_server_file(data)->node, 1);  // of a first server
    const ServerFile file{"server2",
                          2,
                          "192.0.2.2:7200",
                          {{"server1", 1, *SocketAddress::parse("192.0.2.1:7201")},
                           {"server3", 5, *SocketAddress::parse("[2001:db8::3]:7205")}}};
    ASSERT_TRUE(write_server_file(data, file).has_value());
    const auto back = read_server_file(data);
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(*back, file);
    ServerFile bad = file;
    bad.node = 999;
    ASSERT_TRUE(write_server_file(data, bad).has_value());
    EXPECT_NE(read_server_file(data).error().message.find("server.toml: node must be"),
              std::string::npos);
}

TEST_F(SiteFiles, AFirstServerMakesItsAuthorityOnceAndRenewsByIt) {
    LinkCertificates certificates(data);
    const runtime::LinkSubject subject{"server1", {*IpAddress::parse("127.0.0.1")}};
    ASSERT_TRUE(certificates.make_first(subject, now).has_value());
    EXPECT_TRUE(*certificates.follow());
    EXPECT_FALSE(*certificates.follow());
    EXPECT_NE(certificates.contexts().client, nullptr);
    const std::string fingerprint = certificates.fingerprint();
    ASSERT_TRUE(certificates.make_first(subject, now).has_value());
    EXPECT_FALSE(*certificates.follow());
    EXPECT_FALSE(certificates.wants_renewal(subject, now));
    const UtcTime later{now.unix_ms + 70 * int64_t{86'400'000}};
    EXPECT_TRUE(certificates.wants_renewal(subject, later));
    const auto next = certificates.sign(*certificates.request(), subject, later);
    ASSERT_TRUE(next.has_value()) << next.error().message;
    ASSERT_TRUE(certificates.take(*next, later).has_value());
    EXPECT_TRUE(*certificates.follow());
    EXPECT_FALSE(certificates.wants_renewal(subject, later));
    EXPECT_EQ(certificates.fingerprint(), fingerprint);
    // Of another authority, or for another key.
    const auto other = *runtime::make_site_authority(now);
    const auto foreign = runtime::sign_request(other, *certificates.request(), subject, now);
    EXPECT_FALSE(certificates.take(*foreign, now).has_value());
    const auto request = runtime::make_certificate_request(*runtime::make_link_key());
    EXPECT_FALSE(certificates.take(*certificates.sign(*request, subject, now), now).has_value());
    EXPECT_FALSE(*certificates.follow());
}

struct Layers {
    store::CatalogFeed feed;
    int64_t revision = 0;

    template <typename T>
    void put(const T& value) {
        store::KeyValue item{Kind<T>::key(value), model::encode_stored(value, {})};
        item.mod_revision = {1, ++revision};
        feed.load(item);
    }
    model::Server server(const std::string& name, int node, const std::string& address) {
        model::Server server;
        server.id = ServerId{{1, static_cast<uint64_t>(node)}};
        server.name = name;
        server.node = node;
        server.link_address = address;
        put(server);
        return server;
    }
    void role(int number, int node, const model::Server& on, bool enabled = true) {
        model::RoleInstance role;
        role.id = RoleInstanceId{{2, static_cast<uint64_t>(number)}};
        role.role = model::RoleCode::B2b;
        role.number = number;
        role.node = node;
        role.server = on.id;
        role.enabled = enabled;
        put(role);
    }
};

TEST(Neighbours, FollowTheLayersAndWhatStillDrains) {
    Layers layers;
    const auto one = layers.server("one", 1, "192.0.2.1:7200");
    const auto two = layers.server("two", 2, "192.0.2.2:7300");
    layers.server("three", 3, "");
    layers.role(1, 1, one);
    layers.role(5, 5, two);
    layers.role(6, 6, two, false);
    layers.role(7, 7, one);
    ports::Directory directory;
    const auto at_one = neighbours_of(layers.feed.snapshot(), directory, {}, 1);
    EXPECT_EQ(at_one.own, (std::vector<int>{1, 7}));
    ASSERT_EQ(at_one.others.size(), 2u);
    EXPECT_EQ(at_one.others.at(2),
              (runtime::NodePlace{"two", *SocketAddress::parse("192.0.2.2:7302")}));
    EXPECT_EQ(at_one.others.at(5).address.port, 7305);
    EXPECT_EQ(at_one.self.name, "one");
    ASSERT_EQ(at_one.self.neighbours.size(), 1u);
    EXPECT_EQ(at_one.self.neighbours[0].node, 2);
    const auto at_two = neighbours_of(layers.feed.snapshot(), directory, {}, 2);
    EXPECT_EQ(at_two.own, (std::vector<int>{2, 5}));
    EXPECT_TRUE(at_two.others.contains(7));

    // Roles that were removed drain where they were.
    Layers fewer;
    fewer.server("one", 1, "192.0.2.1:7200");
    directory.replace({{{5}, ports::RoleKind::B2bua, 1, 0, true, 5},
                       {{7}, ports::RoleKind::B2bua, 1, 0, true, 7}});
    const auto drained = neighbours_of(fewer.feed.snapshot(), directory, at_one, 1);
    EXPECT_EQ(drained.own, (std::vector<int>{1, 7}));
    EXPECT_TRUE(drained.others.contains(5));
    EXPECT_FALSE(drained.others.contains(2));
    // A server that was removed keeps what it knew of itself.
    const auto removed = neighbours_of(fewer.feed.snapshot(), directory, at_two, 2);
    EXPECT_TRUE(removed.is_removed);
    EXPECT_EQ(removed.self.name, "two");
    EXPECT_EQ(removed.self.link_address, "192.0.2.2:7300");
}

}  // namespace
}  // namespace tandem::app
