#include "model/trunk_proxy.h"

#include <gtest/gtest.h>

namespace tandem::model {
namespace {

TEST(TrunkProxy, ReadsHostPortAndTransport) {
    const struct {
        std::string_view text;
        TrunkProxy proxy;
    } cases[] = {
        {"sip.example.net", {"sip.example.net", 0, ProxyTransport::Any}},
        {"192.0.2.7:5080", {"192.0.2.7", 5080, ProxyTransport::Any}},
        {"sip.example.net;tcp", {"sip.example.net", 0, ProxyTransport::Tcp}},
        {"[2001:db8::7]:5060;udp", {"2001:db8::7", 5060, ProxyTransport::Udp}},
        {"[2001:db8::7]", {"2001:db8::7", 0, ProxyTransport::Any}},
    };
    for (const auto& each : cases) {
        const auto parsed = TrunkProxy::parse(each.text);
        ASSERT_TRUE(parsed) << each.text;
        EXPECT_EQ(*parsed, each.proxy) << each.text;
    }
    EXPECT_EQ(TrunkProxy::parse("[2001:db8::7]")->uri_host(), "[2001:db8::7]");
}

TEST(TrunkProxy, RefusesWhatIsNoPlace) {
    for (const std::string_view text :
         {"", ":5060", "host:", "host:0", "host:70000", "host:50x", "host;sctp", "host;", "[::1",
          "[no]:5060", "[::1]5060", "a b", "Host.Upper", "host:5060:1", "sip:host"}) {
        EXPECT_FALSE(TrunkProxy::parse(text)) << text;
    }
}

}  // namespace
}  // namespace tandem::model
