// All of a transaction layer as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sip/transaction/transaction_layer.h"

namespace tandem::sip {

struct LayerSnapshot {
    struct Client {
        uint64_t key = 0;
        std::variant<InviteClientSnapshot, NonInviteClientSnapshot> machine;
        Envelope envelope;
        UserKey user = 0;
        std::string cancel_reason;
    };
    struct Server {
        uint64_t key = 0;
        std::variant<InviteServerSnapshot, NonInviteServerSnapshot> machine;
        Envelope envelope;
        UserKey user = 0;
        uint64_t merge_key = 0;
        std::string local_tag;
    };
    uint64_t next_key = 0;
    std::vector<Client> clients;
    std::vector<Client> cancels;
    std::vector<Server> servers;
    LayerCounters counters;
};

}  // namespace tandem::sip
