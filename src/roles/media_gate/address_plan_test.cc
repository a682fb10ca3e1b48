// Which address of the machine a party is told.
#include <gtest/gtest.h>

#include "roles/media_gate/gate.h"

namespace tandem::roles::media_gate {
namespace {

TEST(AddressPlan, TheLongestNetworkWins) {
    const auto ip = [](const char* text) { return *IpAddress::parse(text); };
    AddressPlan plan{ip("0.0.0.0"), ip("203.0.113.1"), {}};
    plan.advertised_for = {{*IpNetwork::parse("10.0.0.0/8"), ip("10.0.0.1")},
                           {*IpNetwork::parse("10.9.0.0/16"), ip("10.9.0.1")}};
    EXPECT_EQ(plan.advertised_to(ip("10.9.8.7")), ip("10.9.0.1"));
    EXPECT_EQ(plan.advertised_to(ip("10.1.1.1")), ip("10.0.0.1"));
    EXPECT_EQ(plan.advertised_to(ip("8.8.8.8")), ip("203.0.113.1"));
}

// As the first start makes it: bound to all, and nothing said of what to advertise.
TEST(AddressPlan, EachPartyIsToldTheNearestAddressOfTheMachine) {
    const auto ip = [](const char* text) { return *IpAddress::parse(text); };
    AddressPlan plan{ip("0.0.0.0"), ip("0.0.0.0"), {}};
    plan.own = {ip("192.0.2.10"), ip("10.0.0.1"), ip("127.0.0.1")};
    EXPECT_EQ(plan.advertised_to(ip("192.0.2.77")), ip("192.0.2.10"));
    EXPECT_EQ(plan.advertised_to(ip("10.9.8.7")), ip("10.0.0.1"));
    EXPECT_EQ(plan.advertised_to(ip("127.0.0.1")), ip("127.0.0.1"));
}

}  // namespace
}  // namespace tandem::roles::media_gate
