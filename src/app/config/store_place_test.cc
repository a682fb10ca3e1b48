#include "app/config/store_place.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace tandem::app {
namespace {

TEST(StorePlace, WhatIsWrittenIsRead) {
    std::string folder = "/tmp/tandem-store-place-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    const auto first = load_store_place(folder);
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(*first, StorePlace{}) << "without a file: SQLite";
    StorePlace place{
        StorePlace::Kind::Etcd, 3, {"192.0.2.1:7379", "[2001:db8::1]:7379"}, "", "", ""};
    for (const char* ca : {"", "/site \"ca\".crt"}) {
        place.tls_ca = ca;
        place.tls_certificate = *ca == '\0' ? "" : "a.crt";
        place.tls_key = *ca == '\0' ? "" : "a.key";
        ASSERT_TRUE(save_store_place(folder, place).has_value());
        const auto read = load_store_place(folder);
        ASSERT_TRUE(read.has_value()) << read.error().message;
        EXPECT_EQ(*read, place);
    }
    std::filesystem::remove_all(folder);
}

TEST(StorePlace, ErrorsSayWhatIsAllowed) {
    const std::pair<const char*, const char*> cases[] = {
        {"generation = 1", "s.toml: kind must be one of: sqlite, etcd"},
        {"kind = \"mysql\"\ngeneration = 1", "s.toml: kind must be one of: sqlite, etcd"},
        {"kind = \"sqlite\"", "s.toml: generation must be a whole number from 1 to 4294967295"},
        {"kind = \"etcd\"\ngeneration = 1",
         "s.toml: endpoints must be a list of 1 to 16 addresses"},
        {"kind = \"etcd\"\ngeneration = 1\nendpoints = [\"here\"]",
         "s.toml: endpoints must hold addresses with ports, as \"192.0.2.1:7379\""},
        {"kind = \"etcd\"\ngeneration = 1\nendpoints = [\"192.0.2.1:1\"]\ntls_ca = \"a\"",
         "s.toml: tls_ca, tls_certificate and tls_key belong together"},
    };
    for (const auto& [text, message] : cases) {
        const auto place = parse_store_place(text, "s.toml");
        ASSERT_FALSE(place.has_value()) << text;
        EXPECT_EQ(place.error().message, message);
    }
    EXPECT_FALSE(parse_store_place("kind = ", "s.toml").has_value());
}

}  // namespace
}  // namespace tandem::app
