// Media over io_uring. Each socket has one multishot receive that takes its buffers from a ring
// shared by all; what the data plane sends is queued and submitted by the same system call that
// waits for the next batch (of 32 packets or 2 ms). Quiet shards sleep in the reactor's epoll and
// are woken by an eventfd.
#include <liburing.h>
#include <netinet/in.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/check.h"
#include "runtime/media_ports/media_engine.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/unique_fd.h"

namespace tandem::runtime {

namespace {

constexpr unsigned kQueueEntries = 2 * media_sends_max;
constexpr unsigned kCompletionEntries = 8 * media_sends_max;
constexpr uint16_t kBufferGroup = 1;
constexpr size_t kNameBytes = sizeof(sockaddr_in6);
// What the kernel fills of a buffer: its own header, the peer's address, the packet.
constexpr size_t kFilled = sizeof(io_uring_recvmsg_out) + kNameBytes + media_packet_bytes_max;
constexpr size_t kStride = kFilled + media_room_bytes;

// What a completion belongs to: kind in the highest byte, then 31 bits of generation and slot.
enum class Kind : uint64_t { Receive = 1, Send = 2, Other = 3 };
uint64_t tag_of(Kind kind, uint32_t slot, uint32_t generation) {
    return (uint64_t(kind) << 56) | (uint64_t(generation & 0xffffff) << 32) | slot;
}

class UringEngine final : public MediaEngine, public Waiter {
 public:
    explicit UringEngine(const MediaEngineParts& parts)
        : parts_(parts),
          sends_(parts.table, parts.counters),
          memory_(media_buffers * kStride),
          wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          watch_(parts.reactor, wake_.get()) {
        shape_.msg_namelen = kNameBytes;
    }
    ~UringEngine() override {
        parts_.reactor.set_waiter(nullptr);
        if (!ready_) return;
        io_uring_queue_exit(&ring_);
        std::free(buffers_);
    }

    Result<void> init();
    std::string_view name() const override { return "io_uring"; }
    Result<void> add(uint32_t slot) override;
    void remove(uint32_t slot) override;
    void on_timeout(Now now) override;
    bool wait(std::optional<Instant> deadline) override;

 private:
    io_uring_sqe* entry();
    void arm(uint32_t slot);
    void give_back(uint16_t buffer);
    uint8_t* buffer_at(uint16_t index) { return &memory_[index * kStride]; }
    unsigned handle_completions(Now now);
    void on_received(Now now, const io_uring_cqe& cqe);
    void hand_over(Now now, uint32_t slot, uint16_t buffer, size_t size);
    void queue_sends();
    void submitted();
    void sleep_until_woken();

    MediaEngineParts parts_;
    io_uring ring_{};
    bool ready_ = false;
    io_uring_buf_ring* buffers_ = nullptr;
    msghdr shape_{};
    SendBatch sends_;
    std::vector<uint8_t> memory_;
    std::vector<uint16_t> lent_;  // buffers that queued sends read from
    std::vector<uint32_t> to_arm_;
    UniqueFd wake_;
    FdWatch watch_;
    bool woken_ = true;
    bool sleeping_ = false;
    size_t open_ = 0;
    Instant last_packet_;
};

Result<void> UringEngine::init() {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                   IORING_SETUP_CLAMP;
    params.cq_entries = kCompletionEntries;
    const auto unsupported = [](std::string_view what) {
        return make_error(ErrorCode::Unsupported, "io_uring", what);
    };
    if (io_uring_queue_init_params(kQueueEntries, &ring_, &params) != 0) {
        return unsupported("the kernel refuses a ring with deferred work");
    }
    ready_ = true;
    if (io_uring_register_files_sparse(&ring_, media_ports_max) != 0) {
        return unsupported("no table of files");
    }
    void* memory = nullptr;
    CHECK(posix_memalign(&memory, 4096, media_buffers * sizeof(io_uring_buf)) == 0);
    buffers_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(memory);
    registration.ring_entries = media_buffers;
    registration.bgid = kBufferGroup;
    if (io_uring_register_buf_ring(&ring_, &registration, 0) != 0) {
        return unsupported("no ring of buffers");
    }
    io_uring_buf_ring_init(buffers_);
    for (unsigned i = 0; i < media_buffers; ++i) {
        io_uring_buf_ring_add(buffers_, buffer_at(uint16_t(i)), kFilled, uint16_t(i),
                              io_uring_buf_ring_mask(media_buffers), int(i));
    }
    io_uring_buf_ring_advance(buffers_, int(media_buffers));
    if (io_uring_register_eventfd(&ring_, wake_.get()) != 0) return unsupported("no eventfd");
    io_uring_cq_eventfd_toggle(&ring_, false);
    last_packet_ = read_monotonic();
    parts_.reactor.set_waiter(this);
    return {};
}

io_uring_sqe* UringEngine::entry() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
        io_uring_submit(&ring_);
        sqe = io_uring_get_sqe(&ring_);
    }
    CHECK(sqe != nullptr);
    return sqe;
}

Result<void> UringEngine::add(uint32_t slot) {
    int fd = parts_.table.slots[slot].fd;
    if (io_uring_register_files_update(&ring_, slot, &fd, 1) != 1) {
        return make_error(ErrorCode::Unavailable, "port", "the port cannot be registered");
    }
    ++open_;
    arm(slot);
    if (sleeping_) io_uring_submit(&ring_);
    return {};
}

void UringEngine::remove(uint32_t slot) {
    io_uring_sqe* sqe = entry();
    io_uring_prep_cancel64(sqe, tag_of(Kind::Receive, slot, parts_.table.slots[slot].generation),
                           0);
    io_uring_sqe_set_data64(sqe, tag_of(Kind::Other, slot, 0));
    io_uring_submit(&ring_);  // before the file leaves the table; queued sends go out too
    submitted();
    // The cancelled receive holds the socket, and so its address, until its work is done.
    io_uring_get_events(&ring_);
    int none = -1;
    io_uring_register_files_update(&ring_, slot, &none, 1);
    --open_;
}

void UringEngine::arm(uint32_t slot) {
    io_uring_sqe* sqe = entry();
    io_uring_prep_recvmsg_multishot(sqe, int(slot), &shape_, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    sqe->buf_group = kBufferGroup;
    io_uring_sqe_set_data64(sqe, tag_of(Kind::Receive, slot, parts_.table.slots[slot].generation));
}

void UringEngine::give_back(uint16_t buffer) {
    io_uring_buf_ring_add(buffers_, buffer_at(buffer), kFilled, buffer,
                          io_uring_buf_ring_mask(media_buffers), 0);
    io_uring_buf_ring_advance(buffers_, 1);
}

void UringEngine::on_received(Now now, const io_uring_cqe& cqe) {
    const auto slot = static_cast<uint32_t>(cqe.user_data);
    const auto generation = static_cast<uint32_t>(cqe.user_data >> 32) & 0xffffff;
    const MediaTable::Slot& port = parts_.table.slots[slot];
    const bool current = port.fd >= 0 && (port.generation & 0xffffff) == generation;
    if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
        const auto buffer = static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
        if (cqe.res > 0 && current && port.open) hand_over(now, slot, buffer, size_t(cqe.res));
        lent_.push_back(buffer);
    }
    // A multishot receive ends when buffers run out or on an error of the socket.
    if ((cqe.flags & IORING_CQE_F_MORE) == 0 && current && cqe.res != -ECANCELED) {
        to_arm_.push_back(slot);
    }
}

void UringEngine::hand_over(Now now, uint32_t slot, uint16_t buffer, size_t size) {
    ++parts_.counters.received;
    uint8_t* memory = buffer_at(buffer);
    io_uring_recvmsg_out* out = io_uring_recvmsg_validate(memory, int(size), &shape_);
    if (out == nullptr || (out->flags & MSG_TRUNC) != 0) {
        ++parts_.counters.oversized;
        return;
    }
    auto* payload = static_cast<uint8_t*>(io_uring_recvmsg_payload(out, &shape_));
    const std::span<uint8_t> room(payload, memory + kStride);
    sends_.lend(room);
    parts_.plane.on_packet(now, parts_.table.slots[slot].port_id,
                           address_of(static_cast<sockaddr*>(io_uring_recvmsg_name(out))), room,
                           io_uring_recvmsg_payload_length(out, int(size), &shape_), sends_);
}

// Handles at most one batch; answers how many packets there were.
unsigned UringEngine::handle_completions(Now now) {
    std::array<io_uring_cqe*, media_batch_max> batch;
    const unsigned count = io_uring_peek_batch_cqe(&ring_, batch.data(), media_batch_max);
    unsigned packets = 0;
    for (unsigned i = 0; i < count; ++i) {
        const io_uring_cqe& cqe = *batch[i];
        switch (static_cast<Kind>(cqe.user_data >> 56)) {
            case Kind::Receive:
                on_received(now, cqe);
                ++packets;
                break;
            case Kind::Send:  // successes are not told
                ++parts_.counters.lost;
                --parts_.counters.sent;
                break;
            case Kind::Other:
                break;
        }
    }
    io_uring_cq_advance(&ring_, count);
    if (packets > 0) ++parts_.counters.batches;
    queue_sends();
    for (const uint32_t slot : std::exchange(to_arm_, {})) arm(slot);
    return packets;
}

// MSG_DONTWAIT: a full socket fails at once, so after the submission nobody reads our memory.
void UringEngine::queue_sends() {
    for (SendBatch::Item& item : sends_.items()) {
        if (parts_.table.slots[item.slot].fd < 0) continue;
        io_uring_sqe* sqe = entry();
        io_uring_prep_sendmsg(sqe, int(item.slot), &item.header, MSG_DONTWAIT | MSG_NOSIGNAL);
        sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
        io_uring_sqe_set_data64(sqe, tag_of(Kind::Send, item.slot, 0));
        ++parts_.counters.sent;
    }
}

void UringEngine::submitted() {
    sends_.clear();
    for (const uint16_t buffer : lent_) give_back(buffer);
    lent_.clear();
}

void UringEngine::on_timeout(Now now) {
    sends_.lend({});
    parts_.plane.on_packet_timeout(now, sends_);
    queue_sends();
    io_uring_submit(&ring_);
    submitted();
}

void UringEngine::sleep_until_woken() {
    io_uring_cq_eventfd_toggle(&ring_, true);
    sleeping_ = true;
    watch_.wait(FdWatch::Interest::Read, [this] {
        eventfd_t value = 0;
        eventfd_read(wake_.get(), &value);
        io_uring_cq_eventfd_toggle(&ring_, false);
        sleeping_ = false;
        woken_ = true;
    });
}

bool UringEngine::wait(std::optional<Instant> deadline) {
    const Instant start = read_monotonic();
    if (sleeping_) return false;
    if (open_ == 0 || (!woken_ && start - last_packet_ > media_quiet)) {
        sleep_until_woken();
        // What came before the eventfd was on is here now.
        io_uring_submit(&ring_);
        submitted();
        io_uring_get_events(&ring_);
        if (io_uring_cq_ready(&ring_) == 0) return false;
    }
    woken_ = false;
    Duration longest = media_batch_wait;
    if (deadline) longest = std::clamp(*deadline - start, Duration::zero(), longest);
    __kernel_timespec timeout{0, longest.count()};
    io_uring_cqe* first = nullptr;
    const unsigned wanted = longest > Duration::zero() ? media_batch_wanted : 0;
    if (wanted > 0) {
        io_uring_submit_and_wait_timeout(&ring_, &first, wanted, &timeout, nullptr);
    } else {
        io_uring_submit(&ring_);
        io_uring_get_events(&ring_);
    }
    submitted();
    const Now now = read_clocks();
    if (handle_completions(now) > 0) last_packet_ = now.mono;
    return true;
}

}  // namespace

Result<std::unique_ptr<MediaEngine>> make_uring_engine(const MediaEngineParts& parts) {
    auto engine = std::make_unique<UringEngine>(parts);
    TRY(engine->init());
    return std::unique_ptr<MediaEngine>(std::move(engine));
}

}  // namespace tandem::runtime
