#include "runtime/media_ports/media_ports.h"

#include <gtest/gtest.h>

#include <map>

#include "runtime/reactor/clock.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/unique_fd.h"

namespace tandem::runtime {
namespace {

constexpr Duration kPatience = 10s;
const SocketAddress kAnyPort = *SocketAddress::parse("127.0.0.1:0");

// Sends each packet back from the next port, grown by four bytes, and once more as a copy.
class EchoPlane final : public ports::MediaDataPlane {
 public:
    void on_packet(Now, uint32_t port_id, const SocketAddress& source, std::span<uint8_t> buffer,
                   size_t length, ports::PacketSink& out) override {
        ++received;
        EXPECT_GE(buffer.size(), length + 256);
        for (size_t i = 0; i < 4; ++i) buffer[length + i] = 't';
        out.send(port_id, source, buffer.subspan(0, length + 4));
        const std::vector<uint8_t> copy(length, 'c');
        out.send(port_id, source, copy);
    }
    void on_packet_timeout(Now, ports::PacketSink& out) override {
        deadline.reset();
        const std::vector<uint8_t> report{'r', 'r'};
        out.send(0, report_to, report);
    }
    std::optional<Instant> next_packet_deadline() const override { return deadline; }

    size_t received = 0;
    std::optional<Instant> deadline;
    SocketAddress report_to;
};

struct Party {
    Party() : fd(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        const NativeAddress any(kAnyPort);
        EXPECT_EQ(bind(fd.get(), any.get(), any.size), 0);
        address = local_address_of(fd.get());
    }
    void send(const SocketAddress& to, size_t size) {
        const std::string bytes(size, 'p');
        const NativeAddress native(to);
        EXPECT_EQ(sendto(fd.get(), bytes.data(), size, 0, native.get(), native.size),
                  ssize_t(size));
    }
    void receive() {
        char buffer[4096];
        while (true) {
            const ssize_t got = recv(fd.get(), buffer, sizeof(buffer), 0);
            if (got < 0) return;
            ++seen[std::string(buffer, size_t(got))];
        }
    }
    UniqueFd fd;
    SocketAddress address;
    std::map<std::string, int> seen;
};

// A free port, by asking the kernel for one and giving it back.
SocketAddress free_port() {
    return Party().address;
}

class MediaPortsTest : public testing::TestWithParam<MediaBackend> {
 protected:
    void open(MediaPorts& ports, uint32_t port_id, const SocketAddress& local) {
        ports.handle({{5}, ports::kMediaPorts, 1, ports::MediaPortOpen{local, port_id}});
    }
    Deliver deliverer() {
        return [this](ports::Letter letter) { letters_.push_back(std::move(letter)); };
    }
    bool until(const std::function<bool()>& done) { return reactor_.run_until(done, kPatience); }

    Reactor reactor_;
    EchoPlane plane_;
    std::vector<ports::Letter> letters_;
};

TEST_P(MediaPortsTest, RelaysManyPacketsOverManyPorts) {
    MediaPorts ports(reactor_, deliverer(), plane_, GetParam());
    constexpr uint32_t kPorts = 20;
    constexpr int kRounds = 30;
    std::vector<SocketAddress> addresses;
    std::vector<Party> parties(kPorts);
    for (uint32_t i = 0; i < kPorts; ++i) {
        addresses.push_back(free_port());
        open(ports, i, addresses.back());
    }
    ASSERT_TRUE(letters_.empty());
    EXPECT_EQ(ports.backend(), GetParam());
    for (int round = 0; round < kRounds; ++round) {
        for (uint32_t i = 0; i < kPorts; ++i) parties[i].send(addresses[i], 172);
        const size_t expected = size_t(round + 1) * kPorts;
        ASSERT_TRUE(until([&] { return plane_.received == expected; }));
    }
    const std::string grown = std::string(172, 'p') + "tttt";
    const std::string copied(172, 'c');
    for (Party& party : parties) {
        EXPECT_TRUE(until([&] {
            party.receive();
            return party.seen[grown] == kRounds && party.seen[copied] == kRounds;
        })) << party.seen[grown];
    }
    // Silence, in which the shard goes to sleep, and sound again.
    EXPECT_FALSE(reactor_.run_until([] { return false; }, 150ms));
    const size_t before = plane_.received;
    parties[3].send(addresses[3], 50);
    EXPECT_TRUE(until([&] { return plane_.received == before + 1; }));
}

TEST_P(MediaPortsTest, ClosesReopensAndRefuses) {
    MediaPorts ports(reactor_, deliverer(), plane_, GetParam());
    const SocketAddress address = free_port();
    Party party;
    for (int round = 0; round < 5; ++round) {
        open(ports, 7, address);
        const size_t before = plane_.received;
        party.send(address, 100);
        ASSERT_TRUE(until([&] { return plane_.received == before + 1; })) << round;
        ports.handle({{5}, ports::kMediaPorts, 0, ports::MediaPortClose{7}});
    }
    EXPECT_TRUE(letters_.empty());
    open(ports, 1, address);
    open(ports, 1, free_port());                               // the name is taken
    open(ports, 2, address);                                   // the address is taken
    open(ports, 1u << 30, free_port());                        // out of range
    open(ports, 3, *SocketAddress::parse("192.0.2.1:30000"));  // not ours
    ASSERT_EQ(letters_.size(), 4u);
    for (const auto& letter : letters_) {
        EXPECT_EQ(letter.to, ports::Instance{5});
        EXPECT_TRUE(holds_alternative<ports::MediaPortFailed>(letter.payload));
    }
}

TEST_P(MediaPortsTest, AParkedPortDropsWhatComesAndIsFreeAfterAWhile) {
    MediaPorts ports(reactor_, deliverer(), plane_, GetParam());
    const SocketAddress address = free_port();
    open(ports, 7, address);
    ports.handle({{5}, ports::kMediaPorts, 0, ports::MediaPortClose{7}});
    Party party;
    party.send(address, 100);
    EXPECT_FALSE(reactor_.run_until([] { return false; }, 50ms));
    EXPECT_EQ(plane_.received, 0u);
    open(ports, 8, address);
    party.send(address, 100);
    EXPECT_TRUE(until([&] { return plane_.received == 1; }));  // of the second call only
    EXPECT_FALSE(reactor_.run_until([] { return false; }, 20ms));
    EXPECT_EQ(plane_.received, 1u);
    ports.handle({{5}, ports::kMediaPorts, 0, ports::MediaPortClose{8}});
    const UniqueFd other(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const NativeAddress native(address);
    EXPECT_NE(bind(other.get(), native.get(), native.size), 0);
    EXPECT_FALSE(reactor_.run_until([] { return false; }, media_port_parked + 100ms));
    EXPECT_EQ(bind(other.get(), native.get(), native.size), 0);
    EXPECT_TRUE(letters_.empty());
}

TEST_P(MediaPortsTest, DropsWhatIsTooLargeAndSendsOnTime) {
    MediaPorts ports(reactor_, deliverer(), plane_, GetParam());
    const SocketAddress address = free_port();
    open(ports, 0, address);
    Party party;
    plane_.report_to = party.address;
    party.send(address, 3000);
    party.send(address, 2048);
    EXPECT_TRUE(until([&] { return plane_.received == 1; }));
    plane_.deadline = read_monotonic() + 5ms;
    EXPECT_TRUE(until([&] {
        party.receive();
        return party.seen["rr"] == 1;
    }));
}

std::vector<MediaBackend> backends() {
    Reactor reactor;
    EchoPlane plane;
    MediaPorts probe(
        reactor, [](ports::Letter) {}, plane);
    probe.handle({{5}, ports::kMediaPorts, 0, ports::MediaPortOpen{kAnyPort, 0}});
    if (probe.backend() == MediaBackend::IoUring) {
        return {MediaBackend::Epoll, MediaBackend::IoUring};
    }
    return {MediaBackend::Epoll};
}

INSTANTIATE_TEST_SUITE_P(Backends, MediaPortsTest, testing::ValuesIn(backends()),
                         [](const auto& info) {
                             return info.param == MediaBackend::Epoll ? "Epoll" : "IoUring";
                         });

}  // namespace
}  // namespace tandem::runtime
