// The RTP sockets of a media shard (ports::kMediaPorts). Opened on demand; every datagram goes to
// the media gate's data plane, and what it sends leaves in batches. io_uring where the kernel has
// it, epoll otherwise.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ports/letter.h"
#include "ports/media_plane.h"
#include "runtime/media_ports/limits.h"
#include "runtime/reactor/shard.h"

namespace tandem::runtime {

enum class MediaBackend { Automatic, IoUring, Epoll };

class MediaPorts {
 public:
    // `plane` lives on the same shard and outlives this. Letters about failures go to `deliver`.
    MediaPorts(Reactor& reactor, Deliver deliver, ports::MediaDataPlane& plane,
               MediaBackend backend = MediaBackend::Automatic);
    ~MediaPorts();

    // A letter to kMediaPorts: MediaPortOpen, MediaPortClose. An open that fails answers
    // MediaPortFailed.
    void handle(ports::Letter letter);

    MediaBackend backend() const;  // the one in use
    std::vector<std::pair<std::string, double>> figures() const;

 private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::runtime
