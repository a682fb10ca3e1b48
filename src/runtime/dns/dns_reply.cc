#include "runtime/dns/dns_reply.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/dns/limits.h"

namespace tandem::runtime {

namespace {

using sip::DnsAnswer;
using sip::DnsType;

constexpr size_t kHeaderBytes = 12;
constexpr size_t kQuestionTail = 4;  // type and class after the name
constexpr size_t kRecordTail = 10;   // type, class, TTL, length
constexpr int kAddressesMax = 32;
constexpr uint32_t kSoa = 6;
constexpr size_t kSoaBytesMin = 22;  // two names and five numbers (RFC 1035 3.3.13)

uint32_t big_endian(BytesView bytes, size_t at, size_t octets) {
    uint32_t value = 0;
    for (size_t i = 0; i < octets; ++i) value = (value << 8) | bytes[at + i];
    return value;
}

// The offset after the name at `at`. RFC 1035 4.1.4: labels end with a zero or a pointer.
std::optional<size_t> skip_name(BytesView bytes, size_t at) {
    while (at < bytes.size()) {
        const uint8_t length = bytes[at];
        if (length == 0) return at + 1;
        if ((length & 0xc0) == 0xc0) return at + 2;
        if ((length & 0xc0) != 0) return std::nullopt;
        at += size_t(1) + length;
    }
    return std::nullopt;
}

struct RecordHead {
    uint32_t type = 0;
    uint32_t ttl_s = 0;
    size_t data_bytes = 0;
    size_t end = 0;  // of the record; may be behind that of the reply
};

std::optional<RecordHead> record_at(BytesView reply, size_t at) {
    const auto after = skip_name(reply, at);
    if (!after || *after + kRecordTail > reply.size()) return std::nullopt;
    const size_t data_bytes = big_endian(reply, *after + 8, 2);
    return RecordHead{big_endian(reply, *after, 2), big_endian(reply, *after + 4, 4), data_bytes,
                      *after + kRecordTail + data_bytes};
}

std::optional<size_t> after_questions(BytesView reply) {
    const uint32_t questions = big_endian(reply, 4, 2);
    size_t at = kHeaderBytes;
    for (uint32_t i = 0; i < questions; ++i) {
        const auto after = skip_name(reply, at);
        if (!after) return std::nullopt;
        at = *after + kQuestionTail;
    }
    return at;
}

void take_v4(BytesView reply, DnsAnswer& answer) {
    std::array<ares_addrttl, kAddressesMax> found{};
    int count = kAddressesMax;
    if (ares_parse_a_reply(reply.data(), int(reply.size()), nullptr, found.data(), &count) !=
        ARES_SUCCESS) {
        return;
    }
    for (int i = 0; i < count; ++i) {
        IpAddress ip;
        std::memcpy(ip.octets.data(), &found[size_t(i)].ipaddr, 4);
        answer.addresses.push_back(ip);
    }
}

void take_v6(BytesView reply, DnsAnswer& answer) {
    std::array<ares_addr6ttl, kAddressesMax> found{};
    int count = kAddressesMax;
    if (ares_parse_aaaa_reply(reply.data(), int(reply.size()), nullptr, found.data(), &count) !=
        ARES_SUCCESS) {
        return;
    }
    for (int i = 0; i < count; ++i) {
        IpAddress ip;
        ip.family = AddressFamily::V6;
        std::memcpy(ip.octets.data(), &found[size_t(i)].ip6addr, 16);
        answer.addresses.push_back(ip);
    }
}

void take_srv(BytesView reply, DnsAnswer& answer) {
    ares_srv_reply* first = nullptr;
    if (ares_parse_srv_reply(reply.data(), int(reply.size()), &first) != ARES_SUCCESS) return;
    for (const ares_srv_reply* it = first; it != nullptr; it = it->next) {
        answer.srv.push_back({it->priority, it->weight, it->port, it->host});
    }
    ares_free_data(first);
}

std::string text_of(const unsigned char* text) {
    return text == nullptr ? std::string() : reinterpret_cast<const char*>(text);
}

void take_naptr(BytesView reply, DnsAnswer& answer) {
    ares_naptr_reply* first = nullptr;
    if (ares_parse_naptr_reply(reply.data(), int(reply.size()), &first) != ARES_SUCCESS) return;
    for (const ares_naptr_reply* it = first; it != nullptr; it = it->next) {
        answer.naptr.push_back({it->order, it->preference, text_of(it->flags), text_of(it->service),
                                text_of(it->regexp),
                                it->replacement == nullptr ? "" : it->replacement});
    }
    ares_free_data(first);
}

}  // namespace

std::optional<uint32_t> least_ttl(BytesView reply) {
    if (reply.size() < kHeaderBytes) return std::nullopt;
    const uint32_t records = big_endian(reply, 6, 2);
    auto at = after_questions(reply);
    std::optional<uint32_t> least;
    for (uint32_t i = 0; i < records; ++i) {
        const auto record = at ? record_at(reply, *at) : std::nullopt;
        if (!record) return std::nullopt;
        least = std::min(least.value_or(UINT32_MAX), record->ttl_s);
        at = record->end;
    }
    return least;
}

uint32_t absence_ttl(BytesView reply) {
    if (reply.size() < kHeaderBytes) return dns_failure_ttl_s;
    const uint32_t answers = big_endian(reply, 6, 2);
    const uint32_t records = answers + big_endian(reply, 8, 2);
    auto at = after_questions(reply);
    for (uint32_t i = 0; i < records; ++i) {
        const auto record = at ? record_at(reply, *at) : std::nullopt;
        if (!record || record->end > reply.size()) break;
        at = record->end;
        // Its last field is the minimum.
        if (i < answers || record->type != kSoa || record->data_bytes < kSoaBytesMin) continue;
        const uint32_t minimum = big_endian(reply, record->end - 4, 4);
        return std::clamp(std::min(record->ttl_s, minimum), dns_failure_ttl_s, dns_absence_ttl_s);
    }
    return dns_failure_ttl_s;
}

sip::DnsAnswer read_dns_reply(const sip::DnsQuestion& question, BytesView reply) {
    DnsAnswer answer;
    answer.question = question;
    switch (question.type) {
        case DnsType::A:
            take_v4(reply, answer);
            break;
        case DnsType::Aaaa:
            take_v6(reply, answer);
            break;
        case DnsType::Srv:
            take_srv(reply, answer);
            break;
        case DnsType::Naptr:
            take_naptr(reply, answer);
            break;
    }
    const bool found = !answer.addresses.empty() || !answer.srv.empty() || !answer.naptr.empty();
    answer.outcome = found ? DnsAnswer::Outcome::Records : DnsAnswer::Outcome::NoRecords;
    answer.ttl_s =
        found ? std::min(least_ttl(reply).value_or(0), dns_ttl_max_s) : absence_ttl(reply);
    return answer;
}

}  // namespace tandem::runtime
