#include "app/backup/first_server.h"

#include <gtest/gtest.h>

#include "model/entities.h"
#include "store/keys.h"

namespace tandem::app {
namespace {

struct FirstServerTest : testing::Test {
    model::Server add_server(uint64_t id, const std::string& name, int node,
                             const std::string& link_address) {
        model::Server server;
        server.id = ServerId{{0, id}};
        server.name = name;
        server.node = node;
        server.link_address = link_address;
        add(store::keys::server(server.id), server);
        layers.push_back({store::keys::server_node(node), server.id.text(), {}, {}, 0});
        return server;
    }
    model::Interface add_interface(uint64_t id, const model::Server& server,
                                   const std::string& name, const std::string& address) {
        model::Interface interface;
        interface.id = InterfaceId{{1, id}};
        interface.server = server.id;
        interface.name = name;
        interface.address = address;
        add(store::keys::interface(interface.id), interface);
        return interface;
    }
    model::RoleInstance add_role(uint64_t id, const model::Server& server, int node) {
        model::RoleInstance role;
        role.id = RoleInstanceId{{2, id}};
        role.server = server.id;
        role.node = node;
        role.number = static_cast<int>(id);
        add(store::keys::role_instance(role.id), role);
        return role;
    }
    template <typename T>
    void add(const std::string& key, const T& value) {
        layers.push_back({key, model::encode_stored(value, {}), {}, {}, 0});
    }
    // Of the change to `key`; nullopt: there is none.
    template <typename T>
    static std::optional<T> changed(const FirstServer& first, const std::string& key) {
        for (const store::Op& op : first.changes) {
            const auto* put = std::get_if<store::Put>(&op);
            if (put != nullptr && put->key == key)
                return model::decode_stored<T>(put->value)->value;
        }
        return std::nullopt;
    }

    std::vector<store::KeyValue> layers;
};

TEST_F(FirstServerTest, NothingChangesOnTheSameAddresses) {
    const auto one = add_server(1, "one", 1, "192.0.2.1:7200");
    add_server(2, "two", 2, "192.0.2.2:7200");
    add_interface(1, one, "default", "192.0.2.1");
    for (const char* address : {"", "192.0.2.1"}) {
        const auto first = first_server_of(layers, address, "");
        ASSERT_TRUE(first.has_value()) << first.error().message;
        EXPECT_EQ(first->name, "one");
        EXPECT_EQ(first->link_address, "192.0.2.1:7200");
        EXPECT_TRUE(first->changes.empty());
        EXPECT_EQ(first->others, std::vector<std::string>{"two"});
    }
}

TEST_F(FirstServerTest, AnotherAddressIsTaken) {
    const auto one = add_server(1, "one", 1, "192.0.2.1:7300");
    const auto two = add_server(2, "two", 2, "192.0.2.2:7200");
    add_interface(1, one, "a-second", "198.51.100.1");
    const auto main = add_interface(2, one, "default", "192.0.2.1");
    add_interface(3, two, "default", "192.0.2.2");
    const auto first = first_server_of(layers, "2001:db8::9", "");
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->changes.size(), 2u);
    const auto moved = changed<model::Interface>(*first, store::keys::interface(main.id));
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->address, "2001:db8::9");
    EXPECT_EQ(moved->family, model::AddressFamily::Ipv6);
    EXPECT_EQ(first->link_address, "[2001:db8::9]:7300");
    EXPECT_EQ(changed<model::Server>(*first, store::keys::server(one.id))->link_address,
              first->link_address);
    const auto named = first_server_of(layers, "192.0.2.1", "10.0.0.1:7200");
    ASSERT_TRUE(named.has_value());
    EXPECT_EQ(named->link_address, "10.0.0.1:7200");
    EXPECT_EQ(named->changes.size(), 1u);
}

TEST_F(FirstServerTest, OneThatListensEverywhereStaysSo) {
    const auto one = add_server(1, "one", 1, "");
    add_interface(1, one, "default", "0.0.0.0");
    const auto first = first_server_of(layers, "192.0.2.9", "");
    ASSERT_TRUE(first.has_value());
    EXPECT_TRUE(first->changes.empty());
}

// The former first server had been removed: the next one takes its node, with all that it hosts.
TEST_F(FirstServerTest, TheLowestHomeNodeBecomesTheFirst) {
    const auto three = add_server(3, "three", 3, "192.0.2.3:7200");
    const auto two = add_server(2, "two", 2, "192.0.2.2:7200");
    const auto at_home = add_role(10, two, 2);
    const auto apart = add_role(11, two, 5);
    const auto other = add_role(12, three, 3);
    const auto first = first_server_of(layers, "", "");
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first->name, "two");
    EXPECT_EQ(first->others, std::vector<std::string>{"three"});
    EXPECT_EQ(changed<model::Server>(*first, store::keys::server(two.id))->node, 1);
    EXPECT_EQ(changed<model::RoleInstance>(*first, store::keys::role_instance(at_home.id))->node,
              1);
    for (const auto& stays : {apart, other})
        EXPECT_FALSE(changed<model::RoleInstance>(*first, store::keys::role_instance(stays.id)));
    EXPECT_EQ(first->changes.size(), 4u);
    EXPECT_EQ(std::get<store::Delete>(first->changes.at(1)).key, store::keys::server_node(2));
    EXPECT_EQ(std::get<store::Put>(first->changes.at(2)).key, store::keys::server_node(1));
}

TEST_F(FirstServerTest, LayersThatAreNone) {
    EXPECT_FALSE(first_server_of(layers, "", "").has_value());
    layers.push_back({"/i/server/1", "no JSON", {}, {}, 0});
    EXPECT_FALSE(first_server_of(layers, "", "").has_value());
}

}  // namespace
}  // namespace tandem::app
