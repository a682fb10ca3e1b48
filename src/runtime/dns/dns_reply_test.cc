#include "runtime/dns/dns_reply.h"

#include <gtest/gtest.h>

#include "runtime/dns/limits.h"

namespace tandem::runtime {
namespace {

using namespace std::string_literals;
using sip::DnsAnswer;
using sip::DnsType;

// A reply to one question for "a.test" with records appended; each record names the question.
std::string reply_of(uint16_t type, const std::vector<std::pair<uint32_t, std::string>>& records) {
    std::string out = "\x12\x34\x81\x80\0\x01"s;
    out.push_back('\0');
    out.push_back(static_cast<char>(records.size()));
    out += "\0\0\0\0\x01"s + "a\x04test\0"s + "\0"s + static_cast<char>(type) + "\0\x01"s;
    for (const auto& [ttl, data] : records) {
        out += "\xc0\x0c\0"s + static_cast<char>(type) + "\0\x01"s;
        for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(ttl >> shift));
        out.push_back('\0');
        out.push_back(static_cast<char>(data.size()));
        out += data;
    }
    return out;
}

TEST(DnsReply, ReadsEachTypeWithTheLeastTtl) {
    const auto v4 =
        read_dns_reply({"a.test", DnsType::A},
                       as_bytes(reply_of(1, {{300, "\xc0\0\x02\x01"s}, {60, "\xc0\0\x02\x02"s}})));
    EXPECT_EQ(v4.outcome, DnsAnswer::Outcome::Records);
    ASSERT_EQ(v4.addresses.size(), 2u);
    EXPECT_EQ(v4.addresses[1].text(), "192.0.2.2");
    EXPECT_EQ(v4.ttl_s, 60u);
    const auto v6 = read_dns_reply(
        {"a.test", DnsType::Aaaa},
        as_bytes(
            reply_of(28, {{9'999'999, "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"}})));
    ASSERT_EQ(v6.addresses.size(), 1u);
    EXPECT_EQ(v6.addresses[0].text(), "2001:db8::1");
    EXPECT_EQ(v6.ttl_s, dns_ttl_max_s);
    const auto srv =
        read_dns_reply({"a.test", DnsType::Srv},
                       as_bytes(reply_of(33, {{5, "\0\x01\0\x02\x13\xc4\x01h\xc0\x0c"s}})));
    ASSERT_EQ(srv.srv.size(), 1u);
    EXPECT_EQ(srv.srv[0].priority, 1);
    EXPECT_EQ(srv.srv[0].weight, 2);
    EXPECT_EQ(srv.srv[0].port, 5060);
    EXPECT_EQ(srv.srv[0].target, "h.a.test");
    const auto naptr = read_dns_reply(
        {"a.test", DnsType::Naptr},
        as_bytes(reply_of(35, {{5, "\0\x0a\0\x14\x01s\x07SIP+D2U\0\x04_sip\x04_udp\xc0\x0c"s}})));
    ASSERT_EQ(naptr.naptr.size(), 1u);
    EXPECT_EQ(naptr.naptr[0].order, 10);
    EXPECT_EQ(naptr.naptr[0].preference, 20);
    EXPECT_EQ(naptr.naptr[0].flags, "s");
    EXPECT_EQ(naptr.naptr[0].service, "SIP+D2U");
    EXPECT_EQ(naptr.naptr[0].replacement, "_sip._udp.a.test");
}

// RFC 2308 5.
TEST(DnsReply, AbsenceLastsAsLongAsTheZoneSays) {
    const auto reply = [](uint32_t ttl_s, uint32_t minimum_s) {
        std::string out = "\x12\x34\x81\x83\0\x01\0\0\0\x01\0\0\x01"s + "a\x04test\0\0\x01\0\x01"s;
        out += "\xc0\x0c\0\x06\0\x01"s;
        const auto number = [&](uint32_t value) {
            for (int shift = 24; shift >= 0; shift -= 8)
                out.push_back(static_cast<char>(value >> shift));
        };
        number(ttl_s);
        out += "\0\x18\xc0\x0c\xc0\x0c"s;  // 24 bytes: both names are the question's
        for (const uint32_t each : {1u, 2u, 3u, 4u, minimum_s}) number(each);
        return out;
    };
    const auto of = [](const std::string& text) { return absence_ttl(as_bytes(text)); };
    EXPECT_EQ(of(reply(20, 300)), 20u);
    EXPECT_EQ(of(reply(3600, 15)), 15u);
    EXPECT_EQ(of(reply(3600, 3600)), dns_absence_ttl_s);
    EXPECT_EQ(of(reply(0, 0)), dns_failure_ttl_s);
    const std::string whole = reply(20, 300);
    for (size_t size = 0; size < whole.size(); ++size)
        EXPECT_EQ(of(whole.substr(0, size)), dns_failure_ttl_s) << size;
    EXPECT_EQ(of(reply_of(1, {{300, "\xc0\0\x02\x01"s}})), dns_failure_ttl_s);
}

TEST(DnsReply, EveryCutIsHarmless) {
    const std::string whole = reply_of(1, {{300, "\xc0\0\x02\x01"s}});
    for (size_t size = 0; size < whole.size(); ++size) {
        const auto answer = read_dns_reply({"a.test", DnsType::A},
                                           as_bytes(std::string_view(whole).substr(0, size)));
        EXPECT_EQ(answer.outcome, DnsAnswer::Outcome::NoRecords) << size;
        EXPECT_EQ(answer.ttl_s, dns_failure_ttl_s);
    }
}

}  // namespace
}  // namespace tandem::runtime
