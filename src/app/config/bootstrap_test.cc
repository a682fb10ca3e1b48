#include "app/config/bootstrap.h"

#include <gtest/gtest.h>

namespace tandem::app {
namespace {

TEST(Bootstrap, ReadsAllFields) {
    const auto bootstrap = parse_bootstrap(
        "name = \"a\"\naddress = \"192.0.2.1\"\ndrills_allowed = true\n"
        "[first_start]\nsip_port = 5070\nnodes = "
        "\"split\"\n",
        "t.toml");
    ASSERT_TRUE(bootstrap.has_value());
    EXPECT_EQ(bootstrap->name, "a");
    EXPECT_TRUE(bootstrap->drills_allowed);
    EXPECT_EQ(bootstrap->first_start.sip_port, 5070);
    EXPECT_TRUE(bootstrap->first_start.split_nodes);
}

TEST(Bootstrap, DrillsAreNotAllowedUnlessItSaysSo) {
    const auto bootstrap = parse_bootstrap("name = \"a\"\n", "t.toml");
    ASSERT_TRUE(bootstrap.has_value());
    EXPECT_FALSE(bootstrap->drills_allowed);
}

TEST(Bootstrap, ErrorsNameFileLineFieldAndWhatIsAllowed) {
    const std::pair<const char*, const char*> cases[] = {
        {"name = 5", "t.toml:1: name must be a text in quotes"},
        {"\naddress = \"here\"", "t.toml:2: address must be an IPv4 or IPv6 address"},
        {"log_level = \"loud\"",
         "t.toml:1: log_level must be one of: trace, debug, info, warn, error"},
        {"[first_start]\nsip_port = 70000",
         "t.toml:2: first_start.sip_port must be a whole number from 1 to 65535"},
        {"link_address = \"192.0.2.7\"",
         "t.toml:1: link_address must be an IP address and a port, like 192.0.2.7:7200"},
        {"drills_allowed = \"yes\"", "t.toml:1: drills_allowed must be true or false"},
        {"first_start = 1", "t.toml:1: first_start must be a table"},
        {"[first_start]\nrtp_port_min = 40000\nrtp_port_max = 40001",
         "t.toml:3: first_start.rtp_port_max must be at least rtp_port_min + 3, which is 40003"},
        {"[first_start]\nrtp_port_min = 50000",
         "t.toml:2: first_start.rtp_port_min must be at most rtp_port_max - 3, which is 39996 "
         "while rtp_port_max is left out"},
        {"[first_start]\nrtp_port_max = 29999",
         "t.toml:2: first_start.rtp_port_max must be at least rtp_port_min + 3, which is 30003"},
        {"[first_start]\nrtp_port_min = 40001\nrtp_port_max = 40999",
         "t.toml:2: first_start.rtp_port_min must be even: the first port of a pair"},
        {"[first_start]\nrtp_port_max = 40000",
         "t.toml:2: first_start.rtp_port_max must be odd: the second port of a pair"},
        {"[first_start]\nsip_port = 8080",
         "t.toml:2: first_start.sip_port must differ from http_port"},
        {"name = \"\"", "t.toml:1: name must have 1 to 63 characters"},
        {"data = \"\"", "t.toml:1: data must have 1 to 4096 characters"},
        {"tls_key = \"k.pem\"", "t.toml:1: tls_key needs tls_certificate beside it"},
        {"drain_max_s = 1.5", "t.toml:1: drain_max_s must be a whole number from 0 to 86400"},
        {"[etcd]\nautomatic = 1", "t.toml:2: etcd.automatic must be true or false"},
        {"etcd = 1", "t.toml:1: etcd must be a table"},
        {"log_format = 1", "t.toml:1: log_format must be a text in quotes"},
    };
    for (const auto& [text, message] : cases) {
        const auto bootstrap = parse_bootstrap(text, "t.toml");
        ASSERT_FALSE(bootstrap.has_value()) << text;
        EXPECT_EQ(bootstrap.error().message, message);
    }
    EXPECT_NE(parse_bootstrap("colour = 1", "t.toml").error().message.find("is not known here"),
              std::string::npos);
    EXPECT_NE(parse_bootstrap("name = ", "t.toml").error().message.find("t.toml:1"),
              std::string::npos);
}

}  // namespace
}  // namespace tandem::app
