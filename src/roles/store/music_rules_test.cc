// What a domain's music has to be, and who keeps it.
#include <gtest/gtest.h>

#include "audio/wav.h"
#include "roles/store/entity_desk_test.h"
#include "roles/store/limits.h"

namespace tandem::roles::store_role {
namespace {

std::string in_base64(size_t samples, int16_t value = 1000) {
    return base64_encode(audio::write_wav({std::vector<int16_t>(samples, value)}));
}

struct MusicDesk : ::testing::Test, EntityDesk {
    void SetUp() override { ASSERT_EQ(create("domain", "", R"({"name":"acme.test"})"), "ok"); }
    std::string make(const std::string& name, const std::string& file) {
        return create("music", "acme.test", R"({"name":")" + name + R"(","file":")" + file + "\"}");
    }
    const model::Music* find(const store::Catalog& catalog, std::string_view name) {
        return catalog.find_by_name<model::Music>(catalog.find_domain("acme.test")->id, name);
    }
};

TEST_F(MusicDesk, NamesTheFileThatIsNone) {
    EXPECT_EQ(make("a", in_base64(8000)), "ok");
    EXPECT_NE(last.json.find(R"("length_ms":1000)"), std::string::npos) << last.json;
    EXPECT_EQ(last.json.find("wav"), std::string::npos) << "never shown";
    EXPECT_EQ(make("a", in_base64(8000)), "conflict name");
    EXPECT_EQ(create("music", "acme.test", R"({"name":"b"})"), "missing file");
    EXPECT_EQ(make("b", "!!!"), "malformed file");
    EXPECT_EQ(make("b", base64_encode(as_bytes("RIFF"))), "out_of_range file");
    EXPECT_EQ(make("b", in_base64(10)), "out_of_range file") << "too short";
    EXPECT_EQ(make("b", in_base64(music_bytes_max)), "too_large file");
}

TEST_F(MusicDesk, KeepsItsFileWhenItsNameChanges) {
    ASSERT_EQ(make("a", in_base64(8000, 500)), "ok");
    ASSERT_EQ(patch("music", "acme.test", "a", R"({"name":"b"})"), "ok");
    auto catalog = feed.snapshot();
    ASSERT_NE(find(catalog, "b"), nullptr);
    EXPECT_TRUE(audio::read_wav(find(catalog, "b")->wav).has_value());
    const auto before = find(catalog, "b")->wav;
    ASSERT_EQ(patch("music", "acme.test", "b", R"({"file":")" + in_base64(16000, -500) + "\"}"),
              "ok");
    catalog = feed.snapshot();
    EXPECT_NE(find(catalog, "b")->wav, before);
    EXPECT_EQ(find(catalog, "b")->length, std::chrono::milliseconds(2000));
}

TEST_F(MusicDesk, TheLargestFileFitsTheStoreWhenItIsReplaced) {
    const size_t most = music_bytes_max - 60;
    ASSERT_EQ(make("a", in_base64(most)), "ok");
    EXPECT_EQ(patch("music", "acme.test", "a", R"({"file":")" + in_base64(most, 7) + "\"}"), "ok");
}

TEST_F(MusicDesk, WhatTheDomainUsesIsNotRemoved) {
    ASSERT_EQ(make("a", in_base64(8000)), "ok");
    const std::string id = last_id;
    EXPECT_EQ(patch("domain", "", "acme.test",
                    R"({"settings":{"music":"00000000000000000000000000000001"}})"),
              "not_found settings.music");
    ASSERT_EQ(patch("domain", "", "acme.test", R"({"settings":{"music":")" + id + "\"}}"), "ok");
    EXPECT_EQ(remove("music", "acme.test", "a"), "conflict id");
    ASSERT_EQ(patch("domain", "", "acme.test", R"({"settings":{"music":null}})"), "ok");
    EXPECT_EQ(remove("music", "acme.test", "a"), "ok");
}

TEST_F(MusicDesk, ADomainHasNoMoreThanItsNodesCanKeep) {
    for (size_t i = 0; i < music_files_max; ++i)
        ASSERT_EQ(make("m" + std::to_string(i), in_base64(800)), "ok");
    EXPECT_EQ(make("one-more", in_base64(800)), "too_large ");
}

}  // namespace
}  // namespace tandem::roles::store_role
