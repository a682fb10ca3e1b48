// How datagrams come and go: over io_uring or over epoll. Owned by MediaPorts.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/instant.h"
#include "base/result.h"
#include "ports/media_plane.h"
#include "runtime/media_ports/limits.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/reactor.h"

namespace tandem::runtime {

struct MediaCounters {
    uint64_t received = 0;
    uint64_t sent = 0;
    uint64_t lost = 0;       // could not be sent
    uint64_t oversized = 0;  // received but too large
    uint64_t batches = 0;
};

// The sockets by slot, and the media gate's names for them.
struct MediaTable {
    struct Slot {
        int fd = -1;        // -1: free
        bool open = false;  // false with an fd: parked, what it receives is dropped
        uint32_t port_id = 0;
        uint32_t generation = 0;
        SocketAddress local;
    };
    static constexpr uint32_t kNone = UINT32_MAX;
    std::vector<Slot> slots;
    std::vector<uint32_t> slot_of_port;  // by port id

    uint32_t find(uint32_t port_id) const {
        return port_id < slot_of_port.size() ? slot_of_port[port_id] : kNone;
    }
};

// What the data plane sends within one batch. Addresses and vectors stay where they are until
// clear(), as the kernel may read them late.
class SendBatch final : public ports::PacketSink {
 public:
    struct Item {
        uint32_t slot = 0;
        NativeAddress to;
        iovec bytes{};
        msghdr header{};
    };
    SendBatch(const MediaTable& table, MediaCounters& counters);

    // Packets within this memory are sent from where they are.
    void lend(std::span<const uint8_t> memory) { lent_ = memory; }
    void send(uint32_t port_id, const SocketAddress& to, std::span<const uint8_t> packet) override;
    std::span<Item> items() { return {items_.data(), used_}; }
    void clear();

 private:
    using Copy = std::array<uint8_t, media_packet_bytes_max + media_room_bytes>;
    const MediaTable& table_;
    MediaCounters& counters_;
    std::span<const uint8_t> lent_;
    std::vector<Item> items_;
    size_t used_ = 0;
    std::vector<std::unique_ptr<Copy>> copies_;
    size_t copies_used_ = 0;
};

class MediaEngine {
 public:
    virtual ~MediaEngine() = default;
    virtual std::string_view name() const = 0;
    virtual Result<void> add(uint32_t slot) = 0;  // its fd is in the table
    virtual void remove(uint32_t slot) = 0;       // before its fd is closed
    virtual void on_timeout(Now now) = 0;         // calls the plane and sends what it says
};

struct MediaEngineParts {
    Reactor& reactor;
    ports::MediaDataPlane& plane;
    MediaTable& table;
    MediaCounters& counters;
};
std::unique_ptr<MediaEngine> make_epoll_engine(const MediaEngineParts& parts);
// Unsupported: the kernel has no io_uring, or lacks what is needed of it.
Result<std::unique_ptr<MediaEngine>> make_uring_engine(const MediaEngineParts& parts);

}  // namespace tandem::runtime
