// The floor of media relaying: what the barest relays in userspace cost, in CPU time per packet, to
// compare a media gate with. Prints one JSON object a measure (./dev bench --json).
//
// Each call has two sockets; what arrives at one leaves from the other. A child process sends 50
// packets a second to each socket and reads what comes back.
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "runtime/media_ports/media_ports.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/unique_fd.h"

namespace {

using namespace tandem;
using namespace tandem::runtime;

constexpr size_t kPacketBytes = 172;  // 20 ms of G.711
constexpr Duration kInterval = 20ms;
constexpr unsigned kSlices = 20;  // the child sends a slice of the sockets each millisecond

struct Setup {
    unsigned calls = 300;
    Duration length = 5s;
};

struct Sockets {
    std::vector<int> relay;  // two a call
    std::vector<int> party;  // each sends to the relay socket of the same index
    std::vector<SocketAddress> relay_address;
    std::vector<SocketAddress> party_address;
};

int bound_socket() {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    const NativeAddress any(*SocketAddress::parse("127.0.0.1:0"));
    CHECK(bind(fd, any.get(), any.size) == 0);
    return fd;
}

Sockets make_sockets(unsigned calls) {
    Sockets sockets;
    for (unsigned i = 0; i < 2 * calls; ++i) {
        sockets.relay.push_back(bound_socket());
        sockets.party.push_back(bound_socket());
        sockets.relay_address.push_back(local_address_of(sockets.relay.back()));
        sockets.party_address.push_back(local_address_of(sockets.party.back()));
        const NativeAddress to(sockets.relay_address.back());
        CHECK(connect(sockets.party.back(), to.get(), to.size) == 0);
    }
    return sockets;
}

void close_all(const Sockets& sockets) {
    for (const int fd : sockets.relay) close(fd);
    for (const int fd : sockets.party) close(fd);
}

// Runs in the child until it is killed.
[[noreturn]] void send_for_ever(const Sockets& sockets) {
    std::array<char, kPacketBytes> packet{};
    std::array<char, 2048> buffer;
    Instant next = read_monotonic();
    for (unsigned slice = 0;; slice = (slice + 1) % kSlices) {
        for (size_t i = slice; i < sockets.party.size(); i += kSlices) {
            (void)!send(sockets.party[i], packet.data(), packet.size(), 0);
            while (recv(sockets.party[i], buffer.data(), buffer.size(), 0) > 0) {
            }
        }
        next = next + kInterval / kSlices;
        std::this_thread::sleep_for(std::max(Duration::zero(), next - read_monotonic()));
    }
}

class Traffic {
 public:
    explicit Traffic(const Sockets& sockets) : child_(fork()) {
        if (child_ == 0) send_for_ever(sockets);
    }
    ~Traffic() {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
    }

 private:
    pid_t child_;
};

Duration thread_cpu() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void print(const char* name, Duration cpu, uint64_t packets) {
    const double per_packet = double(cpu.count()) / 1000.0 / double(std::max<uint64_t>(packets, 1));
    std::printf(
        "{\"name\":\"%s\",\"unit\":\"us_cpu_per_packet\",\"value\":%.2f,"
        "\"packets\":%llu}\n",
        name, per_packet, static_cast<unsigned long long>(packets));
    std::fflush(stdout);
}

// The simplest loop that there is: epoll, then what each ready socket has.
void epoll_floor(const Setup& setup) {
    const Sockets sockets = make_sockets(setup.calls);
    const Traffic traffic(sockets);
    const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
    for (uint32_t i = 0; i < sockets.relay.size(); ++i) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = i;
        CHECK(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, sockets.relay[i], &event) == 0);
        const NativeAddress to(sockets.party_address[i]);
        CHECK(connect(sockets.relay[i], to.get(), to.size) == 0);
    }
    constexpr unsigned kBatch = 8;
    std::array<std::array<char, 2048>, kBatch> buffers;
    std::array<mmsghdr, kBatch> headers{};
    std::array<iovec, kBatch> vectors{};
    for (unsigned i = 0; i < kBatch; ++i) headers[i].msg_hdr.msg_iov = &vectors[i];
    for (unsigned i = 0; i < kBatch; ++i) headers[i].msg_hdr.msg_iovlen = 1;
    uint64_t packets = 0;
    const Instant end = read_monotonic() + setup.length;
    const Duration before = thread_cpu();
    while (read_monotonic() < end) {
        std::array<epoll_event, 64> events;
        const int count = epoll_wait(epoll.get(), events.data(), int(events.size()), 100);
        for (int e = 0; e < count; ++e) {
            const uint32_t from = events[size_t(e)].data.u32;
            for (unsigned i = 0; i < kBatch; ++i) vectors[i] = {buffers[i].data(), 2048};
            const int got = recvmmsg(sockets.relay[from], headers.data(), kBatch, 0, nullptr);
            for (int i = 0; i < got; ++i) vectors[size_t(i)].iov_len = headers[size_t(i)].msg_len;
            if (got > 0) sendmmsg(sockets.relay[from ^ 1], headers.data(), unsigned(got), 0);
            packets += got > 0 ? unsigned(got) : 0;
        }
    }
    print("relay_floor_epoll", thread_cpu() - before, packets);
    close_all(sockets);
}

// From one party's port to the other's, without looking at the packet.
class CrossPlane final : public ports::MediaDataPlane {
 public:
    explicit CrossPlane(const std::vector<SocketAddress>& parties) : parties_(parties) {}
    void on_packet(Now, uint32_t port_id, const SocketAddress&, std::span<uint8_t> buffer,
                   size_t length, ports::PacketSink& out) override {
        ++packets;
        out.send(port_id ^ 1, parties_[port_id ^ 1], buffer.first(length));
    }
    void on_packet_timeout(Now, ports::PacketSink&) override {}
    std::optional<Instant> next_packet_deadline() const override { return std::nullopt; }
    uint64_t packets = 0;

 private:
    const std::vector<SocketAddress>& parties_;
};

// Our media ports with a data plane that does nothing: what a media gate adds is measured on top.
void media_ports_floor(const Setup& setup, MediaBackend backend, const char* name) {
    const Sockets sockets = make_sockets(setup.calls);
    for (const int fd : sockets.relay) close(fd);
    Reactor reactor;
    CrossPlane plane(sockets.party_address);
    MediaPorts media(
        reactor, [](ports::Letter) { CHECK(false); }, plane, backend);
    for (uint32_t i = 0; i < sockets.relay.size(); ++i) {
        media.handle(
            {{1}, ports::kMediaPorts, 0, ports::MediaPortOpen{sockets.relay_address[i], i}});
    }
    if (media.backend() != backend) return;
    const Traffic traffic(sockets);
    const Duration before = thread_cpu();
    reactor.run_until([] { return false; }, setup.length);
    print(name, thread_cpu() - before, plane.packets);
    for (const int fd : sockets.party) close(fd);
}

}  // namespace

int main(int argc, char** argv) {
    Setup setup;
    if (argc > 1) setup.calls = unsigned(std::atoi(argv[1]));
    if (argc > 2) setup.length = std::chrono::seconds(std::atoi(argv[2]));
    epoll_floor(setup);
    media_ports_floor(setup, MediaBackend::Epoll, "relay_media_ports_epoll");
    media_ports_floor(setup, MediaBackend::IoUring, "relay_media_ports_io_uring");
    return 0;
}
