// The answering half of ICE (RFC 8445 2.5, 6.1.3, 7.3): an agent with an address of its own needs
// no checks, it answers those of the other side.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/net_address.h"
#include "stun/message.h"

namespace tandem::stun {

struct IceCredentials {
    std::string ufrag;
    std::string pwd;
    friend bool operator==(const IceCredentials&, const IceCredentials&) = default;
};

struct IceAnswer {
    BytesView response;      // to be sent to where the check came from; empty: nothing
    bool valid = false;      // the check authenticates: media may flow between these addresses
    bool nominated = false;  // and the other side has chosen them (USE-CANDIDATE)
};

struct IceLiteSnapshot {
    IceCredentials ours;
    std::string remote_ufrag;
    std::optional<SocketAddress> selected;
};

// One component of one stream. Owned by its stream; pure.
class IceLite {
 public:
    // `remote_ufrag` is empty until the other side's description came.
    IceLite(IceCredentials ours, std::string remote_ufrag);

    void set_remote_ufrag(std::string ufrag) { remote_ufrag_ = std::move(ufrag); }
    // A datagram that is STUN. The response is written into `out`, of 256 bytes or more.
    IceAnswer on_message(const SocketAddress& source, BytesView datagram, std::span<uint8_t> out);
    // Where media goes: the pair nominated last (RFC 8445 8.1.1).
    const std::optional<SocketAddress>& selected() const { return selected_; }

    IceLiteSnapshot snapshot() const { return {ours_, remote_ufrag_, selected_}; }
    static IceLite restore(IceLiteSnapshot snapshot);

 private:
    bool is_for_us(std::string_view username) const;
    BytesView refuse(const Message& request, int code, std::string_view reason,
                     std::span<uint8_t> out) const;

    IceCredentials ours_;
    std::string remote_ufrag_;
    std::optional<SocketAddress> selected_;
};

}  // namespace tandem::stun
