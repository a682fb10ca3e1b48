// The load of the media benchmarks: the two parties of each of many calls, who send a packet of
// 20 ms each and check what comes back. Only the relay between them is measured.
//
//   media_load PARTIES
//
// Standard output: "PORT..." of the parties. Standard input: one line a party, "PORT" of the relay
// that it sends to, or "PORT KEY KEY" with the SRTP keys (base64, AES_CM_128_HMAC_SHA1_80) that it
// sends and receives with; then "count" as often as one likes, each answered with "SENT RECEIVED
// WRONG". Ends when standard input ends.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/check.h"
#include "rtp/srtp.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/native_address.h"

namespace {

using namespace tandem;
using namespace tandem::runtime;

constexpr size_t kHeaderBytes = 12;
constexpr size_t kPacketBytes = kHeaderBytes + 160;  // 20 ms of G.711
constexpr Duration kInterval = 20ms;
constexpr unsigned kSlices = 20;  // a slice of the parties sends each millisecond
constexpr uint16_t kFirstPort = 40000;

struct Party {
    int fd = -1;
    uint16_t sequence = 0;
    std::optional<rtp::SrtpContext> sealing;
    std::optional<rtp::SrtpContext> opening;
};

struct Counts {
    uint64_t sent = 0;
    uint64_t received = 0;
    uint64_t wrong = 0;  // not from the other party of the call, or not authentic
};

SocketAddress local(uint16_t port) {
    return {*IpAddress::parse("127.0.0.1"), port};
}

std::vector<Party> open_parties(size_t count) {
    std::vector<Party> parties(count);
    for (size_t i = 0; i < count; ++i) {
        parties[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        // RTP on even ports, and no RTCP: RFC 3550 11.
        const auto port = uint16_t(kFirstPort + 2 * i);
        const NativeAddress own(local(port));
        CHECK(parties[i].fd >= 0 && bind(parties[i].fd, own.get(), own.size) == 0);
        std::printf("%u ", port);
    }
    std::printf("\n");
    std::fflush(stdout);
    return parties;
}

std::optional<rtp::SrtpContext> context(const std::string& key, rtp::SrtpUse use) {
    const auto bytes = base64_decode(key);
    CHECK(bytes);
    auto made = rtp::SrtpContext::create(rtp::SrtpSuite::AesCm128HmacSha1_80, *bytes, use);
    CHECK(made.has_value());
    return std::move(*made);
}

void learn_relay(std::vector<Party>& parties) {
    for (Party& party : parties) {
        std::string line;
        CHECK(bool(std::getline(std::cin, line)));
        std::istringstream words(line);
        uint16_t port = 0;
        std::string sending;
        std::string receiving;
        words >> port >> sending >> receiving;
        CHECK(port != 0);
        const NativeAddress relay(local(port));
        CHECK(connect(party.fd, relay.get(), relay.size) == 0);
        if (sending.empty()) continue;
        party.sealing = context(sending, rtp::SrtpUse::Send);
        party.opening = context(receiving, rtp::SrtpUse::Receive);
    }
}

void put32(uint8_t* at, size_t value) {
    const uint32_t network = htonl(uint32_t(value));
    std::memcpy(at, &network, 4);
}

// The payload begins with the sender's index.
void send_one(Party& party, size_t index, Counts& counts) {
    std::array<uint8_t, kPacketBytes + rtp::kSrtpOverheadMax> packet{};
    packet[0] = 0x80;  // RFC 3550 5.1: version 2
    packet[1] = 8;     // PCMA
    const uint16_t sequence = htons(++party.sequence);
    std::memcpy(&packet[2], &sequence, 2);
    put32(&packet[4], size_t(party.sequence) * 160);
    put32(&packet[8], 0x1000 + index);
    put32(&packet[kHeaderBytes], index);
    size_t length = kPacketBytes;
    if (party.sealing) {
        const auto sealed = party.sealing->protect(packet, length);
        CHECK(sealed.status == rtp::SrtpStatus::Ok);
        length = sealed.length;
    }
    if (send(party.fd, packet.data(), length, 0) == ssize_t(length)) ++counts.sent;
}

bool is_right(Party& party, size_t index, std::span<uint8_t> packet) {
    size_t length = packet.size();
    if (party.opening) {
        const auto opened = party.opening->unprotect(packet);
        if (opened.status != rtp::SrtpStatus::Ok) return false;
        length = opened.length;
    }
    uint32_t sender = 0;
    if (length != kPacketBytes) return false;
    std::memcpy(&sender, &packet[kHeaderBytes], 4);
    return ntohl(sender) == (index ^ 1);
}

void receive_all(Party& party, size_t index, Counts& counts) {
    std::array<uint8_t, 2048> buffer;
    for (;;) {
        const ssize_t got = recv(party.fd, buffer.data(), buffer.size(), 0);
        if (got < 0) return;
        const bool is_rtcp = got >= 2 && buffer[1] >= 192 && buffer[1] <= 223;  // RFC 5761 4
        if (is_rtcp) continue;
        ++counts.received;
        if (!is_right(party, index, std::span(buffer).first(size_t(got)))) ++counts.wrong;
    }
}

// False at the end of the input.
bool answer_input(const Counts& counts) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (poll(&input, 1, 0) == 0) return true;
    std::string line;
    if (!std::getline(std::cin, line)) return false;
    std::printf("%llu %llu %llu\n", static_cast<unsigned long long>(counts.sent),
                static_cast<unsigned long long>(counts.received),
                static_cast<unsigned long long>(counts.wrong));
    std::fflush(stdout);
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 0;
    if (count < 2 || count > 10'000 || count % 2 != 0) {
        std::fprintf(stderr, "usage: media_load PARTIES (even, at most 10000)\n");
        return 2;
    }
    std::vector<Party> parties = open_parties(size_t(count));
    learn_relay(parties);
    Counts counts;
    Instant next = read_monotonic();
    for (size_t slice = 0; answer_input(counts); slice = (slice + 1) % kSlices) {
        for (size_t i = slice; i < parties.size(); i += kSlices) {
            send_one(parties[i], i, counts);
            receive_all(parties[i], i, counts);
        }
        next = next + kInterval / kSlices;
        std::this_thread::sleep_for(std::max(Duration::zero(), next - read_monotonic()));
    }
    return 0;
}
