// The floor of media relaying: the barest relays in userspace, to compare a media gate with. What
// comes from one party of a call leaves to the other, unread.
//
//   relay_floor epoll|io_uring|media_ports
//
// Standard input: "PORT..." of the parties, two a call. Standard output: "PORT..." of the relay, in
// the same order. Relays until standard input ends.
#include <liburing.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "runtime/media_ports/media_ports.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/unique_fd.h"

namespace {

using namespace tandem;
using namespace tandem::runtime;

constexpr size_t kBufferBytes = 2048;
constexpr int kTurnMs = 100;  // how often the end of the input is looked for

SocketAddress local(uint16_t port) {
    return {*IpAddress::parse("127.0.0.1"), port};
}

struct Relay {
    std::vector<int> sockets;            // one a party, connected to it
    std::vector<SocketAddress> parties;  // of the same index; index ^ 1 is the other party
};

// One socket a party; `connected` spares the kernel a route and us an address for each packet.
Relay open_relay(bool connected) {
    Relay relay;
    std::string line;
    std::getline(std::cin, line);
    std::istringstream ports(line);
    for (uint16_t port = 0; ports >> port;) {
        const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0);
        const NativeAddress any(local(0));
        CHECK(bind(fd, any.get(), any.size) == 0);
        const NativeAddress party(local(port));
        if (connected) CHECK(connect(fd, party.get(), party.size) == 0);
        relay.sockets.push_back(fd);
        relay.parties.push_back(local(port));
    }
    CHECK(!relay.sockets.empty() && relay.sockets.size() % 2 == 0);
    return relay;
}

void tell_ports(const Relay& relay) {
    for (const int fd : relay.sockets) std::printf("%u ", local_address_of(fd).port);
    std::printf("\n");
    std::fflush(stdout);
}

bool input_ended() {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    return poll(&input, 1, 0) > 0;  // nothing more is written to it, so readable means its end
}

// The simplest loop that there is: epoll, then what each ready socket has.
void run_epoll() {
    const Relay relay = open_relay(true);
    const UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
    for (uint32_t i = 0; i < relay.sockets.size(); ++i) {
        epoll_event event{.events = EPOLLIN, .data = {.u32 = i}};
        CHECK(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, relay.sockets[i], &event) == 0);
    }
    tell_ports(relay);
    constexpr unsigned kBatch = 8;
    std::array<std::array<char, kBufferBytes>, kBatch> buffers;
    std::array<mmsghdr, kBatch> headers{};
    std::array<iovec, kBatch> vectors{};
    for (unsigned i = 0; i < kBatch; ++i) {
        headers[i].msg_hdr.msg_iov = &vectors[i];
        headers[i].msg_hdr.msg_iovlen = 1;
    }
    Instant look = read_monotonic();
    for (;;) {
        std::array<epoll_event, 64> events;
        const int count = epoll_wait(epoll.get(), events.data(), int(events.size()), kTurnMs);
        for (int e = 0; e < count; ++e) {
            const uint32_t from = events[size_t(e)].data.u32;
            for (unsigned i = 0; i < kBatch; ++i) vectors[i] = {buffers[i].data(), kBufferBytes};
            const int got = recvmmsg(relay.sockets[from], headers.data(), kBatch, 0, nullptr);
            for (int i = 0; i < got; ++i) vectors[size_t(i)].iov_len = headers[size_t(i)].msg_len;
            if (got > 0) sendmmsg(relay.sockets[from ^ 1], headers.data(), unsigned(got), 0);
        }
        if (const Instant now = read_monotonic(); now >= look) {
            if (input_ended()) return;
            look = now + std::chrono::milliseconds(kTurnMs);
        }
    }
}

// io_uring in batches of 32 packets or 2 ms: a multishot receive for each socket, sends from the
// buffer that was received into, one system call a batch.
class BareUring {
 public:
    explicit BareUring(const Relay& relay) : memory_(kBuffers * kBufferBytes) {
        io_uring_params params{};
        params.flags =
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = 8192;
        CHECK(io_uring_queue_init_params(2048, &ring_, &params) == 0);
        CHECK(io_uring_register_files(&ring_, relay.sockets.data(),
                                      unsigned(relay.sockets.size())) == 0);
        void* memory = nullptr;
        CHECK(posix_memalign(&memory, 4096, kBuffers * sizeof(io_uring_buf)) == 0);
        buffers_ = static_cast<io_uring_buf_ring*>(memory);
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<uint64_t>(memory);
        registration.ring_entries = kBuffers;
        CHECK(io_uring_register_buf_ring(&ring_, &registration, 0) == 0);
        io_uring_buf_ring_init(buffers_);
        for (unsigned i = 0; i < kBuffers; ++i) give_back(uint16_t(i));
        for (uint32_t i = 0; i < relay.sockets.size(); ++i) arm(i);
    }

    void run() {
        std::vector<uint16_t> lent;
        Instant look = read_monotonic();
        for (;;) {
            __kernel_timespec timeout{0, 2'000'000};
            io_uring_cqe* first = nullptr;
            io_uring_submit_and_wait_timeout(&ring_, &first, 32, &timeout, nullptr);
            for (const uint16_t buffer : lent) give_back(buffer);
            lent.clear();
            unsigned head = 0;
            unsigned count = 0;
            io_uring_cqe* cqe = nullptr;
            io_uring_for_each_cqe(&ring_, head, cqe) {
                ++count;
                on_completion(*cqe, lent);
            }
            io_uring_cq_advance(&ring_, count);
            if (const Instant now = read_monotonic(); now >= look) {
                if (input_ended()) return;
                look = now + std::chrono::milliseconds(kTurnMs);
            }
        }
    }

 private:
    static constexpr unsigned kBuffers = 1024;

    io_uring_sqe* entry() {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr) {
            io_uring_submit(&ring_);
            sqe = io_uring_get_sqe(&ring_);
        }
        CHECK(sqe != nullptr);
        return sqe;
    }

    void arm(uint32_t index) {
        io_uring_sqe* sqe = entry();
        io_uring_prep_recv(sqe, int(index), nullptr, 0, 0);
        sqe->ioprio |= IORING_RECV_MULTISHOT;
        sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
        io_uring_sqe_set_data64(sqe, index);
    }

    void give_back(uint16_t buffer) {
        io_uring_buf_ring_add(buffers_, memory_.data() + size_t(buffer) * kBufferBytes,
                              kBufferBytes, buffer, io_uring_buf_ring_mask(kBuffers), 0);
        io_uring_buf_ring_advance(buffers_, 1);
    }

    void on_completion(const io_uring_cqe& cqe, std::vector<uint16_t>& lent) {
        if (cqe.user_data == kSend) return;  // only failures are told
        const auto index = uint32_t(cqe.user_data);
        if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
            const auto buffer = uint16_t(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
            lent.push_back(buffer);
            io_uring_sqe* sqe = entry();
            io_uring_prep_send(sqe, int(index ^ 1), memory_.data() + buffer * kBufferBytes,
                               size_t(cqe.res), MSG_DONTWAIT);
            sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
            io_uring_sqe_set_data64(sqe, kSend);
        }
        if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm(index);
    }

    static constexpr uint64_t kSend = ~uint64_t{0};
    std::vector<uint8_t> memory_;
    io_uring ring_{};
    io_uring_buf_ring* buffers_ = nullptr;
};

// From one party's port to the other's, without looking at the packet.
class CrossPlane final : public ports::MediaDataPlane {
 public:
    explicit CrossPlane(const std::vector<SocketAddress>& parties) : parties_(parties) {}
    void on_packet(Now, uint32_t port_id, const SocketAddress&, std::span<uint8_t> buffer,
                   size_t length, ports::PacketSink& out) override {
        out.send(port_id ^ 1, parties_[port_id ^ 1], buffer.first(length));
    }
    void on_packet_timeout(Now, ports::PacketSink&) override {}
    std::optional<Instant> next_packet_deadline() const override { return std::nullopt; }

 private:
    const std::vector<SocketAddress>& parties_;
};

// Our media ports with a data plane that does nothing: what a media gate adds comes on top.
void run_media_ports() {
    Relay relay = open_relay(false);
    Reactor reactor;
    CrossPlane plane(relay.parties);
    MediaPorts media(
        reactor, [](const ports::Letter&) { CHECK(false); }, plane);
    for (uint32_t i = 0; i < relay.sockets.size(); ++i) {
        const SocketAddress address = local_address_of(relay.sockets[i]);
        close(relay.sockets[i]);
        media.handle({{1}, ports::kMediaPorts, 0, ports::MediaPortOpen{address, i}});
        std::printf("%u ", address.port);
    }
    std::printf("\n");
    std::fflush(stdout);
    reactor.run_until(input_ended, std::chrono::hours(1));
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc > 1 ? argv[1] : "";
    if (mode == "epoll") {
        run_epoll();
    } else if (mode == "io_uring") {
        const Relay relay = open_relay(true);
        BareUring uring(relay);
        tell_ports(relay);
        uring.run();
    } else if (mode == "media_ports") {
        run_media_ports();
    } else {
        std::fprintf(stderr, "usage: relay_floor epoll|io_uring|media_ports\n");
        return 2;
    }
    return 0;
}
