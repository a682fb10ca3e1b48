// Media over a level-triggered epoll set of its own: adding a socket costs once, waiting costs one
// call for all of them.
#include <sys/epoll.h>

#include <cerrno>

#include "base/check.h"
#include "runtime/media_ports/media_engine.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/unique_fd.h"

namespace tandem::runtime {

namespace {

constexpr unsigned kPerSocket = 8;  // packets of one socket in a batch
constexpr size_t kStride = media_packet_bytes_max + media_room_bytes;

class EpollEngine final : public MediaEngine {
 public:
    explicit EpollEngine(const MediaEngineParts& parts)
        : parts_(parts),
          epoll_(epoll_create1(EPOLL_CLOEXEC)),
          watch_(parts.reactor, epoll_.get()),
          sends_(parts.table, parts.counters),
          memory_(media_batch_max * kStride) {
        CHECK(epoll_.get() >= 0);
        for (unsigned i = 0; i < kPerSocket; ++i) {
            headers_[i].msg_hdr.msg_iov = &vectors_[i];
            headers_[i].msg_hdr.msg_iovlen = 1;
            headers_[i].msg_hdr.msg_name = &peers_[i].storage;
        }
        wait();
    }

    std::string_view name() const override { return "epoll"; }
    Result<void> add(uint32_t slot) override {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = slot;
        if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, parts_.table.slots[slot].fd, &event) != 0) {
            return make_error(ErrorCode::Unavailable, "port", "the port cannot be watched");
        }
        return {};
    }
    void remove(uint32_t slot) override {
        epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, parts_.table.slots[slot].fd, nullptr);
    }
    void on_timeout(Now now) override {
        sends_.lend({});
        parts_.plane.on_packet_timeout(now, sends_);
        flush();
    }

 private:
    void wait() {
        watch_.wait(FdWatch::Interest::Read, [this] {
            on_ready();
            wait();
        });
    }
    void on_ready() {
        std::array<epoll_event, media_batch_max / kPerSocket> events;
        const int count = epoll_wait(epoll_.get(), events.data(), int(events.size()), 0);
        if (count <= 0) return;
        ++parts_.counters.batches;
        const Now now = read_clocks();
        for (int i = 0; i < count; ++i) {
            receive(now, events[size_t(i)].data.u32, size_t(i) * kPerSocket);
        }
        flush();
    }
    void receive(Now now, uint32_t slot, size_t first_buffer) {
        const int fd = parts_.table.slots[slot].fd;
        if (fd < 0) return;
        for (unsigned i = 0; i < kPerSocket; ++i) {
            vectors_[i] = {&memory_[(first_buffer + i) * kStride], media_packet_bytes_max};
            headers_[i].msg_hdr.msg_namelen = sizeof(sockaddr_storage);
        }
        const int count = recvmmsg(fd, headers_.data(), kPerSocket, MSG_DONTWAIT, nullptr);
        if (!parts_.table.slots[slot].open) return;
        for (int i = 0; i < count; ++i) hand_over(now, slot, headers_[size_t(i)]);
    }
    void hand_over(Now now, uint32_t slot, const mmsghdr& datagram) {
        ++parts_.counters.received;
        if ((datagram.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
            ++parts_.counters.oversized;
            return;
        }
        const std::span<uint8_t> buffer(static_cast<uint8_t*>(datagram.msg_hdr.msg_iov->iov_base),
                                        kStride);
        sends_.lend(buffer);
        parts_.plane.on_packet(now, parts_.table.slots[slot].port_id,
                               address_of(static_cast<sockaddr*>(datagram.msg_hdr.msg_name)),
                               buffer, datagram.msg_len, sends_);
    }
    // Packets of one socket that follow each other leave in one call.
    void flush() {
        const auto items = sends_.items();
        std::array<mmsghdr, 16> headers;
        size_t begin = 0;
        while (begin < items.size()) {
            unsigned count = 0;
            while (begin + count < items.size() && count < headers.size() &&
                   items[begin + count].slot == items[begin].slot) {
                headers[count] = {items[begin + count].header, 0};
                ++count;
            }
            const int fd = parts_.table.slots[items[begin].slot].fd;
            const int sent = sendmmsg(fd, headers.data(), count, MSG_DONTWAIT);
            parts_.counters.sent += sent > 0 ? unsigned(sent) : 0;
            // The first that fails is dropped: late sound is worse than lost sound.
            if (sent < int(count)) ++parts_.counters.lost;
            begin += sent < int(count) ? size_t(std::max(sent, 0)) + 1 : count;
        }
        sends_.clear();
    }

    MediaEngineParts parts_;
    UniqueFd epoll_;
    FdWatch watch_;
    SendBatch sends_;
    std::vector<uint8_t> memory_;
    std::array<mmsghdr, kPerSocket> headers_{};
    std::array<iovec, kPerSocket> vectors_{};
    std::array<NativeAddress, kPerSocket> peers_;
};

}  // namespace

std::unique_ptr<MediaEngine> make_epoll_engine(const MediaEngineParts& parts) {
    return std::make_unique<EpollEngine>(parts);
}

}  // namespace tandem::runtime
