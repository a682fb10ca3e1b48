// The network of a drill's phones: a UDP socket for the signalling of each, and one for the sound
// of each call. All of it on one reactor's thread.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "runtime/reactor/reactor.h"
#include "runtime/reactor/unique_fd.h"
#include "sim/phone_network.h"

namespace tandem::drill {

// Who is told of what comes.
class SocketEnds {
 public:
    virtual ~SocketEnds() = default;
    virtual void on_sip(size_t phone, std::string_view bytes) = 0;
    virtual void on_media(size_t phone, const sim::Datagram& datagram) = 0;
};

class Sockets final : public sim::PhoneNetwork {
 public:
    // `gates`: where phones send their signalling, in turn; never empty.
    Sockets(runtime::Reactor& reactor, std::vector<SocketAddress> gates, SocketEnds& ends);

    // The socket of the next phone: 0, 1, ... The address that it has towards its gate.
    Result<SocketAddress> open_phone();
    const SocketAddress& gate_of(size_t phone) const { return gates_[phones_[phone].gate]; }
    uint64_t gate_changes() const { return gate_changes_; }
    uint64_t unsent() const { return unsent_; }

    void add_phone(size_t, const IpAddress&) override {}
    void to_site(size_t phone, sim::Datagram datagram) override;
    uint16_t open_media(size_t phone) override;
    void close_media(size_t phone, uint16_t port) override;
    // Phones of a drill use UDP.
    void connect(size_t, const SocketAddress&) override {}
    void stream_to_site(uint64_t, std::string) override {}

 private:
    struct Socket {
        runtime::UniqueFd fd;
        std::unique_ptr<runtime::FdWatch> watch;
    };
    struct Line {  // of a phone
        Socket socket;
        SocketAddress own;
        size_t gate = 0;
        std::optional<Instant> unanswered_since;
    };
    struct Media {
        Socket socket;
        size_t phone = 0;
        SocketAddress own;
    };

    void choose_gate(Line& line);
    void send(int fd, const SocketAddress& to, std::string_view bytes);
    void read_sip(size_t phone);
    void read_media(uint16_t port);

    runtime::Reactor& reactor_;
    std::vector<SocketAddress> gates_;
    SocketEnds& ends_;
    std::vector<Line> phones_;
    std::unordered_map<uint16_t, std::unique_ptr<Media>> media_;  // by port
    uint16_t next_port_;
    std::string buffer_;
    uint64_t gate_changes_ = 0;
    uint64_t unsent_ = 0;
};

}  // namespace tandem::drill
