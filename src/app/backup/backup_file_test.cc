#include "app/backup/backup_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/backup/limits.h"

namespace tandem::app {
namespace {

using store::BackupRecord;
using Kind = BackupRecord::Kind;

struct BackupFileTest : testing::Test {
    BackupFileTest() {
        folder = std::filesystem::path(testing::TempDir()) /
                 ("backup-" + std::to_string(getpid()) + "-" +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder);
        path = (folder / "site.backup").string();
    }
    ~BackupFileTest() override { std::filesystem::remove_all(folder); }

    void make(const std::vector<BackupRecord>& records, const std::string& passphrase = {}) {
        auto writer = BackupWriter::create(path, passphrase, rng);
        ASSERT_TRUE(writer.has_value());
        for (const BackupRecord& each : records)
            ASSERT_TRUE(writer->add(each.kind, each.key, each.value).has_value());
        ASSERT_TRUE(writer->finish().has_value());
    }
    std::string bytes() const {
        std::ifstream file(path, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), {});
    }
    void put(const std::string& text) const {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    }
    // All of it, or the error.
    Result<std::vector<BackupRecord>> all(const std::string& passphrase = {}) const {
        auto file = TRY(BackupFile::open(path));
        if (file.wants_passphrase()) TRY(file.unlock(passphrase));
        std::vector<BackupRecord> records;
        while (auto record = TRY(file.next())) records.push_back(std::move(*record));
        return records;
    }

    std::filesystem::path folder;
    std::string path;
    SeededRng rng{3};
    const std::vector<BackupRecord> few = {{Kind::About, "", "{}"},
                                           {Kind::Put, "/i/site/1", "main"},
                                           {Kind::File, "site.key", "secret"}};
};

TEST_F(BackupFileTest, ComesBackAsItWas) {
    for (const std::string passphrase : {"", "correct horse"}) {
        make(few, passphrase);
        const auto back = all(passphrase);
        ASSERT_TRUE(back.has_value()) << back.error().message;
        EXPECT_EQ(*back, few);
        struct stat info {};
        ASSERT_EQ(stat(path.c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777, 0600u);
        EXPECT_FALSE(std::filesystem::exists(path + ".new"));
    }
}

TEST_F(BackupFileTest, ManyBlocks) {
    std::vector<BackupRecord> many;
    for (int i = 0; i < 40; ++i) {
        many.push_back(
            {Kind::Put, std::to_string(i), std::string(i == 20 ? 1'048'000 : 100'000, 'x')});
    }
    make(many);
    const auto back = all();
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_EQ(*back, many);
}

TEST_F(BackupFileTest, DamageAtEveryByteIsNoticed) {
    make(few);
    const std::string good = bytes();
    for (size_t at = 0; at < good.size(); ++at) {
        for (const int flip : {0x01, 0x80, 0xff}) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ flip);
            put(bad);
            const auto back = all();
            ASSERT_FALSE(back.has_value()) << "byte " << at << " of " << good.size();
            EXPECT_TRUE(back.error().message.starts_with(path + ": ")) << back.error().message;
        }
    }
    put(good);
    EXPECT_TRUE(all().has_value());
}

TEST_F(BackupFileTest, IsRefusedWhenNotWhole) {
    make(few);
    const std::string good = bytes();
    for (size_t size = 0; size < good.size(); ++size) {
        put(good.substr(0, size));
        EXPECT_FALSE(all().has_value()) << size << " of " << good.size() << " bytes";
    }
    put(good + "x");
    EXPECT_FALSE(all().has_value());
}

// Blocks are whole ones of a good file, but not in their places.
TEST_F(BackupFileTest, BlocksCannotChangePlaces) {
    const std::string value(700'000, 'x');
    make({{Kind::Put, "a", value}, {Kind::Put, "b", value}, {Kind::Put, "c", value}});
    const std::string good = bytes();
    const size_t header = 88;
    const size_t block = 4 + 12 + 1 + (1 + 4 + 1 + 4 + value.size()) + 16;
    const std::string first = good.substr(header, block);
    const std::string second = good.substr(header + block, block);
    ASSERT_TRUE(all().has_value());
    std::string swapped = good;
    swapped.replace(header, 2 * block, second + first);
    put(swapped);
    EXPECT_FALSE(all().has_value());
    std::string without = good;
    put(without.erase(header + block, block));
    EXPECT_FALSE(all().has_value());
    make({{Kind::Put, "a", value}, {Kind::Put, "b", value}, {Kind::Put, "c", value}});
    std::string mixed = bytes();  // of another backup
    put(mixed.replace(header, block, first));
    EXPECT_FALSE(all().has_value());
}

TEST_F(BackupFileTest, SaysWhatIsWrong) {
    const auto message = [&](const std::string& passphrase = {}) {
        const auto back = all(passphrase);
        return back.has_value() ? std::string("nothing") : back.error().message.substr(path.size());
    };
    EXPECT_EQ(message(), ": No such file or directory");
    put("");
    EXPECT_EQ(message(), ": this is no backup of Tandem");
    put(std::string(500, 'x'));
    EXPECT_EQ(message(), ": this is no backup of Tandem");
    make(few, "correct horse");
    EXPECT_EQ(message("wrong passphrase"), ": the passphrase is wrong");
    std::string bad = bytes();
    bad.back() = static_cast<char>(bad.back() ^ 1);
    put(bad);
    EXPECT_NE(message("correct horse").find("damaged or not whole, from byte"), std::string::npos);
}

TEST_F(BackupFileTest, ANewerOneIsRefused) {
    make(few);
    std::string newer = bytes();
    newer[19] = 2;
    const Bytes sum = hash(HashAlgorithm::Sha256, as_bytes(std::string_view(newer).substr(0, 56)));
    newer.replace(56, 32, as_text(sum));
    put(newer);
    const auto back = all();
    ASSERT_FALSE(back.has_value());
    EXPECT_EQ(back.error().code, ErrorCode::Unsupported);
    EXPECT_NE(back.error().message.find("format 2"), std::string::npos) << back.error().message;
}

TEST_F(BackupFileTest, NothingIsReadableWithoutThePassphrase) {
    make(few, "correct horse");
    EXPECT_EQ(bytes().find("secret"), std::string::npos);
    EXPECT_EQ(bytes().find("site.key"), std::string::npos);
}

TEST_F(BackupFileTest, WhatIsNotFinishedGoesAway) {
    make(few);
    const std::string before = bytes();
    {
        auto writer = BackupWriter::create(path, {}, rng);
        ASSERT_TRUE(writer.has_value());
        ASSERT_TRUE(writer->add(Kind::Put, "a", "b").has_value());
    }
    EXPECT_EQ(bytes(), before);
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
    EXPECT_FALSE(BackupWriter::create((folder / "none" / "x").string(), {}, rng).has_value());
}

}  // namespace
}  // namespace tandem::app
