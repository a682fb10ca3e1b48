#include "runtime/media_ports/media_ports.h"

#include <netinet/in.h>
#include <netinet/ip.h>

#include <cerrno>
#include <deque>
#include <unordered_map>

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
    // Sockets that nobody uses at the moment, still bound and listening, by their address.
    struct Parked {
        uint32_t slot = 0;
        Instant since;
    };
    std::unordered_map<SocketAddress, Parked> parked;
    std::deque<std::pair<Instant, SocketAddress>> parked_in_order;  // some may be gone by now
    MediaCounters counters;
    std::unique_ptr<MediaEngine> engine;
    Timer tick;
    Timer precise;
    size_t open_ports = 0;

    void start();
    Result<void> open(const ports::MediaPortOpen& wanted);
    Result<uint32_t> slot_with_socket(const SocketAddress& local);
    Result<uint32_t> take_slot();
    void close(uint32_t port_id);
    void release(uint32_t slot);
    void release_long_parked(Instant now);
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
    const Now now = read_clocks();
    release_long_parked(now.mono);
    auto deadline = plane.next_packet_deadline();
    if (!deadline) return;
    if (*deadline <= now.mono) {
        engine->on_timeout(now);
        deadline = plane.next_packet_deadline();
        if (!deadline) return;
    }
    // One that has passed again, or stays, is looked at with the next tick.
    if (*deadline > now.mono && *deadline - now.mono < media_tick)
        precise.arm(*deadline - now.mono, [this] { look_at_deadline(); });
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
    const uint32_t slot = TRY(slot_with_socket(wanted.local));
    MediaTable::Slot& entry = table.slots[slot];
    entry.open = true;
    entry.port_id = wanted.port_id;
    if (wanted.port_id >= table.slot_of_port.size()) {
        table.slot_of_port.resize(wanted.port_id + 1, MediaTable::kNone);
    }
    table.slot_of_port[wanted.port_id] = slot;
    ++open_ports;
    return {};
}

Result<uint32_t> MediaPorts::State::slot_with_socket(const SocketAddress& local) {
    if (const auto found = parked.find(local); found != parked.end()) {
        const uint32_t slot = found->second.slot;
        parked.erase(found);
        return slot;
    }
    const int fd = TRY(open_socket(local));
    auto slot = take_slot();
    if (!slot) {
        ::close(fd);
        return slot;
    }
    MediaTable::Slot& entry = table.slots[*slot];
    entry.fd = fd;
    entry.local = local;
    ++entry.generation;
    auto added = engine->add(*slot);
    if (added) return slot;
    release(*slot);
    return added.error();
}

void MediaPorts::State::close(uint32_t port_id) {
    const uint32_t slot = table.find(port_id);
    if (slot == MediaTable::kNone) return;
    MediaTable::Slot& entry = table.slots[slot];
    table.slot_of_port[port_id] = MediaTable::kNone;
    entry.open = false;
    --open_ports;
    const bool kept = entry.local.port != 0 && parked.size() < media_ports_parked_max;
    if (!kept) return release(slot);
    const Instant now = reactor.now().mono;
    parked[entry.local] = {slot, now};
    parked_in_order.emplace_back(now, entry.local);
}

void MediaPorts::State::release(uint32_t slot) {
    engine->remove(slot);
    ::close(std::exchange(table.slots[slot].fd, -1));
    free_slots.push_back(slot);
}

void MediaPorts::State::release_long_parked(Instant now) {
    while (!parked_in_order.empty() && parked_in_order.front().first + media_port_parked <= now) {
        const auto [since, local] = parked_in_order.front();
        parked_in_order.pop_front();
        const auto found = parked.find(local);
        if (found == parked.end() || found->second.since != since) continue;
        release(found->second.slot);
        parked.erase(found);
    }
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
            {"media_ports_parked", static_cast<double>(state_->parked.size())},
            {"media_packets_received_total", static_cast<double>(counters.received)},
            {"media_packets_sent_total", static_cast<double>(counters.sent)},
            {"media_packets_lost_total", static_cast<double>(counters.lost)},
            {"media_packets_oversized_total", static_cast<double>(counters.oversized)},
            {"media_batches_total", static_cast<double>(counters.batches)}};
}

}  // namespace tandem::runtime
