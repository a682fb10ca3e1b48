#include "base/net_address.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

TEST(SocketAddress, ParsesWhatItPrints) {
    for (const char* text : {"192.0.2.1:5060", "[2001:db8::1]:5061", "[::1]:1", "0.0.0.0:0"}) {
        const auto address = SocketAddress::parse(text);
        ASSERT_TRUE(address.has_value()) << text;
        EXPECT_EQ(address->text(), text);
    }
}

TEST(SocketAddress, RefusesNonsense) {
    for (const char* text : {"", ":", "1.2.3:5", "1.2.3.4:65536", "::1:5060", "1.2.3.4:", "a:1"}) {
        EXPECT_FALSE(SocketAddress::parse(text).has_value()) << text;
    }
}

TEST(IpAddress, MappedIsIpv4) {
    EXPECT_EQ(IpAddress::parse("::ffff:10.1.2.3")->text(), "10.1.2.3");
    EXPECT_TRUE(IpAddress::parse("::ffff:10.1.2.3")->is_private());
    EXPECT_FALSE(IpAddress::parse("8.8.8.8")->is_private());
}

TEST(IpNetwork, ContainsByPrefix) {
    const auto network = *IpNetwork::parse("172.16.0.0/12");
    EXPECT_TRUE(network.contains(*IpAddress::parse("172.31.255.255")));
    EXPECT_FALSE(network.contains(*IpAddress::parse("172.32.0.0")));
    EXPECT_FALSE(network.contains(*IpAddress::parse("::1")));
    EXPECT_FALSE(IpNetwork::parse("10.0.0.0/33").has_value());
}

}  // namespace
}  // namespace tandem
