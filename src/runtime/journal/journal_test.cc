#include "runtime/journal/journal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "runtime/journal/hep.h"
#include "runtime/journal/limits.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/unique_fd.h"

namespace tandem::runtime {
namespace {

constexpr UtcTime kTime{1'795'384'652'123};

TEST(JournalLine, StaysOneLineWhateverItSays) {
    const ports::LogLine line{ports::LogLine::Level::Warn, "a \"b\"\r\n\\c\x7f", "", "acme.test"};
    const std::string time = to_rfc3339(kTime);
    EXPECT_EQ(journal_line(line, kTime, 3, {12}, JournalFormat::Logfmt),
              "time=" + time +
                  " level=warn node=3 from=12 domain=acme.test "
                  "text=\"a \\\"b\\\"\\u000d\\n\\\\c\\u007f\"");
    EXPECT_EQ(journal_line(line, kTime, 0, {}, JournalFormat::Json),
              "{\"time\":\"" + time +
                  "\",\"level\":\"warn\",\"domain\":\"acme.test\","
                  "\"text\":\"a \\\"b\\\"\\u000d\\n\\\\c\\u007f\"}");
}

TEST(JournalLine, CutsLongTexts) {
    const ports::LogLine line{ports::LogLine::Level::Info, std::string(100'000, 'x'), "", ""};
    EXPECT_LT(journal_line(line, kTime, 1, {}, JournalFormat::Json).size(),
              journal_text_bytes_max + 200);
}

ports::SipTrace trace_of(std::string bytes) {
    ports::SipTrace trace;
    trace.at = kTime;
    trace.received = true;
    trace.local = *SocketAddress::parse("192.0.2.1:5060");
    trace.remote = *SocketAddress::parse("192.0.2.9:5070");
    trace.bytes = std::move(bytes);
    trace.correlation = "abc";
    return trace;
}

TEST(Hep, EncodesChunksAsTheSpecificationHasThem) {
    const std::string packet = hep_packet(trace_of("OPTIONS"), {7, "secret", "n"});
    using namespace std::string_literals;
    const std::string expected =
        "HEP3\0\x88"s
        "\0\0\0\x01\0\x07\x02"s            // IPv4
        "\0\0\0\x02\0\x07\x11"s            // UDP
        "\0\0\0\x03\0\x0a\xc0\0\x02\x09"s  // from the phone
        "\0\0\0\x04\0\x0a\xc0\0\x02\x01"s
        "\0\0\0\x07\0\x08\x13\xce"s
        "\0\0\0\x08\0\x08\x13\xc4"s
        "\0\0\0\x09\0\x0a"s;
    EXPECT_EQ(packet.substr(6, expected.size() - 6), expected.substr(6));
    EXPECT_EQ(packet.substr(0, 4), "HEP3");
    EXPECT_EQ((uint8_t(packet[4]) << 8) + uint8_t(packet[5]), int(packet.size()));
    EXPECT_NE(packet.find("\0\0\0\x0e\0\x0csecret"s), std::string::npos);
    EXPECT_NE(packet.find("\0\0\0\x11\0\x09"
                          "abc"s),
              std::string::npos);
    EXPECT_TRUE(packet.ends_with("\0\0\0\x0f\0\x0dOPTIONS"s));
}

TEST(Hep, CutsWhatNoDatagramCarries) {
    const std::string packet = hep_packet(trace_of(std::string(200'000, 'x')), {});
    EXPECT_LT(packet.size(), 65'507u);
    EXPECT_EQ((uint8_t(packet[4]) << 8) + uint8_t(packet[5]), int(packet.size()));
}

TEST(Journal, WritesAboveItsLevelAndSendsTraces) {
    const std::string file = testing::TempDir() + "/journal-" + std::to_string(getpid());
    UniqueFd collector(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const NativeAddress any(*SocketAddress::parse("127.0.0.1:0"));
    ASSERT_EQ(bind(collector.get(), any.get(), any.size), 0);
    const timeval patience{5, 0};
    setsockopt(collector.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    JournalConfig config;
    config.file = file;
    config.hep_collector = local_address_of(collector.get());
    {
        auto journal = Journal::open(config);
        ASSERT_TRUE(journal.has_value());
        using Level = ports::LogLine::Level;
        (*journal)->write({Level::Debug, "one", "", ""});
        (*journal)->handle({{4}, ports::kJournal, 0, ports::LogLine{Level::Info, "two", "", ""}});
        (*journal)->handle({{4}, ports::kJournal, 0, ports::LogLevelSet{"debug"}});
        (*journal)->write({Level::Debug, "three", "", ""});
        EXPECT_FALSE((*journal)->set_level("loud").has_value());
        (*journal)->handle({{4}, ports::kJournal, 0, trace_of("OPTIONS")});
        EXPECT_EQ((*journal)->dropped(), 0u);
    }
    std::ifstream stream(file);
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    EXPECT_EQ(text.find("one"), std::string::npos);
    EXPECT_NE(text.find("from=4 text=two\n"), std::string::npos);
    EXPECT_NE(text.find("level=debug text=three\n"), std::string::npos);
    char buffer[2048];
    const ssize_t got = recv(collector.get(), buffer, sizeof(buffer), 0);
    ASSERT_GT(got, 0);
    EXPECT_TRUE(std::string_view(buffer, size_t(got)).starts_with("HEP3"));
    std::filesystem::remove(file);
}

TEST(Journal, SaysWhyItCannotOpen) {
    JournalConfig config;
    config.level = "loud";
    EXPECT_EQ(Journal::open(config).error().field, "level");
    config.level = "info";
    config.file = "/proc/nowhere/journal";
    EXPECT_EQ(Journal::open(config).error().field, "file");
}

}  // namespace
}  // namespace tandem::runtime
