#include "app/config/etcd_members.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace tandem::app {
namespace {

TEST(EtcdMembers, WhatIsWrittenIsRead) {
    std::string folder = "/tmp/tandem-etcd-members-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    EXPECT_FALSE(load_etcd_cluster(folder)->has_value());
    EtcdCluster cluster;
    cluster.token = "t";
    cluster.founder = "one";
    cluster.servers = {{"one", "192.0.2.1:7379", "192.0.2.1:7380"},
                       {"two", "192.0.2.2:7379", "192.0.2.2:7380"}};
    for (const char* ca : {"", "ca.crt"}) {
        cluster.tls_ca = ca;
        cluster.tls_certificate = *ca == '\0' ? "" : "a.crt";
        cluster.tls_key = *ca == '\0' ? "" : "a.key";
        ASSERT_TRUE(save_etcd_cluster(folder, cluster).has_value());
        const auto read = load_etcd_cluster(folder);
        ASSERT_TRUE(read.has_value()) << read.error().message;
        EXPECT_EQ(**read, cluster);
    }
    EXPECT_EQ(cluster.find("two")->client, "192.0.2.2:7379");
    EXPECT_EQ(cluster.find("three"), nullptr);
    ASSERT_TRUE(remove_etcd_cluster(folder).has_value());
    EXPECT_FALSE(load_etcd_cluster(folder)->has_value());
    std::filesystem::remove_all(folder);
}

TEST(EtcdMembers, ErrorsSayWhatIsMissing) {
    for (const char* text : {"token = \"t\"", "servers = []\ntoken = \"t\"",
                             "servers = [{name = \"a\", client = \"192.0.2.1:1\", peer = "
                             "\"192.0.2.1:2\"}]"}) {
        EXPECT_EQ(parse_etcd_cluster(text, "e.toml").error().message,
                  "e.toml: token and at least one of servers must be there");
    }
    EXPECT_EQ(
        parse_etcd_cluster("token = \"t\"\nservers = [{name = \"a\"}]", "e.toml").error().message,
        "e.toml: each of servers needs name, client and peer, the latter two addresses with "
        "ports");
}

}  // namespace
}  // namespace tandem::app
