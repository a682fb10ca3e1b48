#include "app/node/media_shard.h"

#include "runtime/reactor/clock.h"
#include "runtime/reactor/limits.h"
#include "runtime/reactor/native_address.h"

namespace tandem::app {
namespace {

constexpr auto kTick = std::chrono::milliseconds(50);  // as often as nodes tell that they live

}  // namespace

MediaShard::MediaShard(roles::host::HostSettings settings, const SiteKeys& keys,
                       const ports::TokenMint& tokens, Send send, std::function<void()> on_progress)
    : send_(std::move(send)),
      factory_(keys, {}, runtime::machine_addresses),
      host_(std::move(settings), tokens, rng_, factory_),
      shard_("media"),
      ports_(shard_.reactor(), shard_.deliverer(), *this),
      on_progress_(std::move(on_progress)),
      tick_(shard_.reactor()) {}

void MediaShard::start() {
    shard_.reactor().post([this] {
        const Now now = shard_.reactor().now();
        host_.start(now);
        drive(now);
    });
    shard_.reactor().set_pace(runtime::shard_pace);
    shard_.start(*this);
}

void MediaShard::stop() {
    shard_.stop();
    shard_.join();
}

void MediaShard::set_reachable_nodes(std::vector<roles::host::ReachableNode> nodes) {
    shard_.reactor().post([this, nodes = std::move(nodes)]() mutable {
        const Now now = shard_.reactor().now();
        if (nodes.size() > 1) tick_.arm_every(kTick, [this] { (void)may_send(); });
        host_.set_reachable_nodes(now, std::move(nodes));
        drive(now);
    });
}

void MediaShard::on_store_returned() {
    shard_.reactor().post([this] {
        const Now now = shard_.reactor().now();
        host_.on_store_returned(now);
        drive(now);
    });
}

void MediaShard::set_confirmed(std::optional<Instant> confirmed) {
    confirmed_.store(confirmed ? confirmed->since_epoch : kUnconfirmed);
}

// By the clock: a turn may have begun before the process was stopped.
bool MediaShard::may_send() {
    const Duration confirmed = confirmed_.load();
    return guard_.may_send(runtime::read_monotonic(), confirmed == kUnconfirmed
                                                          ? std::nullopt
                                                          : std::optional(Instant{confirmed}));
}

void MediaShard::on_letters(Now now, std::vector<ports::Letter>&& letters) {
    for (ports::Letter& letter : letters) host_.deliver(std::move(letter));
    drive(now);
}

void MediaShard::on_timeout(Now now) {
    host_.on_timeout(now);
    drive(now);
}

std::optional<Instant> MediaShard::next_deadline() const {
    return host_.next_deadline();
}

void MediaShard::drive(Now now) {
    std::vector<ports::Letter> leaving = host_.run(now);
    // It ends a gate that was drained or replaced, while packets may still come.
    plane_ = host_.find(factory_.media_gate()) != nullptr ? factory_.media_plane() : nullptr;
    for (ports::Letter& letter : leaving) {
        if (letter.to == ports::kMediaPorts) {
            ports_.handle(std::move(letter));
        } else {
            send_(std::move(letter));  // a full shard 0 refuses; askers have deadlines
        }
    }
    const bool began = run_number_.exchange(host_.run_number()) != host_.run_number();
    const bool serves = serving_.exchange(host_.is_serving()) != host_.is_serving();
    const bool is_over = !over_.exchange(host_.is_over()) && host_.is_over();
    if (began || serves || is_over) on_progress_();
}

void MediaShard::on_packet(Now now, uint32_t port_id, const SocketAddress& source,
                           std::span<uint8_t> buffer, size_t length, ports::PacketSink& out) {
    if (plane_ != nullptr && may_send()) {
        plane_->on_packet(now, port_id, source, buffer, length, out);
    }
}

void MediaShard::on_packet_timeout(Now now, ports::PacketSink& out) {
    if (plane_ != nullptr && may_send()) plane_->on_packet_timeout(now, out);
}

std::optional<Instant> MediaShard::next_packet_deadline() const {
    return plane_ != nullptr ? plane_->next_packet_deadline() : std::nullopt;
}

}  // namespace tandem::app
