#include "runtime/media_ports/media_ports.h"

#include <netinet/in.h>
#include <netinet/ip.h>

#include <cerrno>

#include "runtime/media_ports/media_engine.h"
#include "runtime/reactor/clock.h"
#include "runtime/reactor/native_address.h"
#include "runtime/reactor/unique_fd.h"
#include "runtime/stream/socket_error.h"

namespace tandem::runtime {

namespace {

void set_options(int fd, AddressFamily family) {
    const int on = 1;
    const int buffer = media_receive_buffer_bytes;
    const int service = media_type_of_service;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    if (family == AddressFamily::V6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &service, sizeof(service));
    } else {
        setsockopt(fd, IPPROTO_IP, IP_TOS, &service, sizeof(service));
    }
}

Result<int> open_socket(const SocketAddress& local) {
    const NativeAddress native(local);
    UniqueFd fd(socket(native.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return socket_error("open a socket for", local.text(), errno);
    set_options(fd.get(), local.ip.family);
    if (bind(fd.get(), native.get(), native.size) != 0) {
        return socket_error("bind", local.text(), errno);
    }
    return fd.release();
}

}  // namespace

struct MediaPorts::State {
    State(Reactor& on, Deliver to, ports::MediaDataPlane& data_plane, MediaBackend wanted)
        : reactor(on),
          deliver(std::move(to)),
          plane(data_plane),
          backend(wanted),
          tick(on),
          precise(on) {}
    ~State() {
        engine.reset();
        for (const MediaTable::Slot& slot : table.slots) {
            if (slot.fd >= 0) ::close(slot.fd);
        }
    }

    Reactor& reactor;
    Deliver deliver;
    ports::MediaDataPlane& plane;
    MediaBackend backend;
    MediaTable table;
    std::vector<uint32_t> free_slots;
    MediaCounters counters;
    std::unique_ptr<MediaEngine> engine;
    Timer tick;
    Timer precise;
    size_t open_ports = 0;

    void start();
    Result<void> open(const ports::MediaPortOpen& wanted);
    Result<uint32_t> take_slot();
    void close(uint32_t port_id);
    void look_at_deadline();
};

// On the shard's own thread, as a ring belongs to the thread that made it.
void MediaPorts::State::start() {
    if (engine) return;
    const MediaEngineParts parts{reactor, plane, table, counters};
    if (backend != MediaBackend::Epoll) {
        auto made = make_uring_engine(parts);
        if (made) engine = std::move(*made);
    }
    if (!engine) engine = make_epoll_engine(parts);
    backend = engine->name() == "epoll" ? MediaBackend::Epoll : MediaBackend::IoUring;
    tick.arm_every(media_tick, [this] { look_at_deadline(); });
}

void MediaPorts::State::look_at_deadline() {
    const auto deadline = plane.next_packet_deadline();
    if (!deadline) return;
    const Now now = read_clocks();
    if (*deadline <= now.mono) {
        engine->on_timeout(now);
    } else if (*deadline - now.mono < media_tick) {
        precise.arm(*deadline - now.mono, [this] { look_at_deadline(); });
    }
}

Result<uint32_t> MediaPorts::State::take_slot() {
    if (!free_slots.empty()) {
        const uint32_t slot = free_slots.back();
        free_slots.pop_back();
        return slot;
    }
    if (table.slots.size() >= media_ports_max) {
        return make_error(ErrorCode::TooLarge, "port", "all media ports of this shard are open");
    }
    table.slots.emplace_back();
    return static_cast<uint32_t>(table.slots.size() - 1);
}

Result<void> MediaPorts::State::open(const ports::MediaPortOpen& wanted) {
    if (wanted.port_id >= media_port_ids_max) {
        return make_error(ErrorCode::OutOfRange, "port_id", "port ids are below 1048576");
    }
    if (table.find(wanted.port_id) != MediaTable::kNone) {
        return make_error(ErrorCode::Conflict, "port_id", "this port id is open");
    }
    start();
    const int fd = TRY(open_socket(wanted.local));
    auto slot = take_slot();
    if (!slot) {
        ::close(fd);
        return slot.error();
    }
    MediaTable::Slot& entry = table.slots[*slot];
    entry.fd = fd;
    entry.port_id = wanted.port_id;
    ++entry.generation;
    if (wanted.port_id >= table.slot_of_port.size()) {
        table.slot_of_port.resize(wanted.port_id + 1, MediaTable::kNone);
    }
    table.slot_of_port[wanted.port_id] = *slot;
    ++open_ports;
    auto added = engine->add(*slot);
    if (!added) close(wanted.port_id);
    return added;
}

void MediaPorts::State::close(uint32_t port_id) {
    const uint32_t slot = table.find(port_id);
    if (slot == MediaTable::kNone) return;
    engine->remove(slot);
    table.slot_of_port[port_id] = MediaTable::kNone;
    ::close(std::exchange(table.slots[slot].fd, -1));
    free_slots.push_back(slot);
    --open_ports;
}

MediaPorts::MediaPorts(Reactor& reactor, Deliver deliver, ports::MediaDataPlane& plane,
                       MediaBackend backend)
    : state_(std::make_unique<State>(reactor, std::move(deliver), plane, backend)) {}
MediaPorts::~MediaPorts() = default;

void MediaPorts::handle(ports::Letter letter) {
    if (const auto* open = get_if<ports::MediaPortOpen>(&letter.payload)) {
        const auto opened = state_->open(*open);
        if (opened) return;
        state_->deliver({ports::kMediaPorts, letter.from, letter.request,
                         ports::MediaPortFailed{open->port_id, opened.error()}});
    } else if (const auto* close = get_if<ports::MediaPortClose>(&letter.payload)) {
        state_->close(close->port_id);
    }
}

MediaBackend MediaPorts::backend() const {
    return state_->backend;
}

std::vector<std::pair<std::string, double>> MediaPorts::figures() const {
    const MediaCounters& counters = state_->counters;
    return {{"media_ports_open", static_cast<double>(state_->open_ports)},
            {"media_packets_received_total", static_cast<double>(counters.received)},
            {"media_packets_sent_total", static_cast<double>(counters.sent)},
            {"media_packets_lost_total", static_cast<double>(counters.lost)},
            {"media_packets_oversized_total", static_cast<double>(counters.oversized)},
            {"media_batches_total", static_cast<double>(counters.batches)}};
}

}  // namespace tandem::runtime
