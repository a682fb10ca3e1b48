#include "runtime/etcd/watch_stream.h"

#include <utility>

#include "runtime/etcd/codec.h"
#include "runtime/etcd/limits.h"
#include "runtime/reactor/clock.h"

namespace tandem::runtime {

WatchStream::WatchStream(Reactor& reactor, RpcClient& client, Exchange& exchange, Tell tell)
    : client_(&client), exchange_(exchange), tell_(std::move(tell)), timer_(reactor) {}

void WatchStream::create(store::WatchId id, store::KeyRange range, store::Revision told) {
    const int64_t wire_id = ++last_wire_id_;
    generation_ = told.generation;
    const auto [it, inserted] = tracks_.emplace(wire_id, WatchTrack(id, std::move(range), told));
    wire_ids_[id] = wire_id;
    if (!stream_) return timer_.arm(Duration::zero(), [this] { open(); });
    stream_->write(etcd::encode_watch_create(wire_id, it->second.range(), it->second.start()));
}

void WatchStream::cancel(store::WatchId id) {
    const int64_t wire_id = wire_ids_.at(id);
    wire_ids_.erase(id);
    tracks_.erase(wire_id);
    if (tracks_.empty()) return close();
    if (stream_) stream_->write(etcd::encode_watch_cancel(wire_id));
}

void WatchStream::end_all() {
    std::vector<store::WatchBatch> batches;
    for (const auto& [wire_id, track] : tracks_) batches.push_back(track.compacted());
    tracks_.clear();
    wire_ids_.clear();
    close();
    if (!batches.empty()) tell_(std::move(batches));
}

void WatchStream::use(RpcClient& client) {
    close();
    client_ = &client;
}

void WatchStream::go_on() {
    if (!tracks_.empty()) open();
}

void WatchStream::close() {
    stream_.reset();
    timer_.cancel();
}

void WatchStream::open() {
    const auto endpoint = exchange_.pick();
    if (!endpoint) return timer_.arm(etcd_pause, [this] { open(); });
    ++exchange_.counters().watch_streams;
    endpoint_ = *endpoint;
    heard_ = read_monotonic();
    RpcStream::Events events;
    events.on_message = [this](std::string bytes) { on_message(bytes); };
    events.on_end = [this](RpcEnd) { on_broken(); };
    stream_ =
        std::make_unique<RpcStream>(*client_, endpoint_, etcd::method::watch, std::move(events));
    for (auto& [wire_id, track] : tracks_) {
        track.restart();
        stream_->write(etcd::encode_watch_create(wire_id, track.range(), track.start()));
    }
    timer_.arm_every(etcd_watch_ping, [this] { look(); });
}

// A paused member, or one behind a cut cable, does not close its connections.
void WatchStream::look() {
    if (read_monotonic() - heard_ > etcd_watch_silence_max) return on_broken();
    stream_->write(etcd::encode_watch_ping());
}

void WatchStream::on_broken() {
    exchange_.on_failure(endpoint_);
    close();
    timer_.arm(etcd_pause, [this] { open(); });
}

void WatchStream::on_message(const std::string& bytes) {
    heard_ = read_monotonic();
    auto message = etcd::decode_watch(bytes, generation_);
    if (!message) return on_broken();
    const auto found = tracks_.find(message->wire_id);
    if (found == tracks_.end()) {
        // -1 answers a ping, or refuses a watch without saying which.
        if (message->canceled && message->wire_id < 0) on_broken();
        return;
    }
    std::vector<store::WatchBatch> batches;
    if (message->canceled && message->compact_revision == 0) return on_broken();
    if (message->canceled) {
        batches.push_back(found->second.compacted());
        wire_ids_.erase(batches.back().watch);
        tracks_.erase(found);
        if (tracks_.empty()) close();
    } else {
        found->second.take(std::move(*message), batches);
    }
    if (!batches.empty()) tell_(std::move(batches));
}

}  // namespace tandem::runtime
