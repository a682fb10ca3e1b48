// What travels from one party of a call to the other within the dialog.
#pragma once

#include <cstdint>
#include <optional>

#include "call/party_media.h"
#include "sdp/session.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::call {

// An offer of one party on its way to the other.
struct Exchange {
    uint8_t from = 0;
    sip::ServerKey server;  // of the offer; nil when we began it ourselves
    sip::Method method = sip::Method::Other;
    std::optional<sdp::Session> offer;
    enum class Stage : uint8_t { Ports, Peer, FinalAck } stage = Stage::Ports;
    bool peer_offers = false;  // the first party asked without an offer
    PartyMedia before_from;    // to go back to, when the offer is refused
    PartyMedia before_to;
    bool is_of_old_ports = false;  // offered before the media moved
};

// A request that is passed on as it is.
struct Relayed {
    uint8_t from = 0;
    sip::ServerKey server;
    sip::ClientKey client;
};

}  // namespace tandem::call
