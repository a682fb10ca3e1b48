// SUBSCRIBE and PUBLISH: a B2B proves who asks, and CS, which knows all calls of the domain, has
// the subscription, or what is published. The B2B keeps the server transaction until CS has
// answered.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "ports/letter.h"
#include "sip/transaction/transaction_layer.h"

namespace tandem::roles::b2bua {

class SubscribeRelay {
 public:
    struct Answer {
        sip::ServerKey server;
        sip::Message response;
        sip::OurContact contact;
    };
    struct Request {
        ports::SipInbound in;
        sip::ServerKey server;
        DomainId domain;
    };
    // False: nobody to ask, or too many wait.
    bool pass_on(Now now, const ports::Surroundings& around, Request request, ports::Outbox& out);
    // nullopt: it was no answer to any.
    std::optional<Answer> on_letter(const ports::Letter& letter);
    // One that CS has not answered: its request.
    std::optional<std::pair<sip::ServerKey, sip::Message>> take_late(Now now);
    std::optional<Instant> next_deadline() const;

 private:
    struct Waiting {
        sip::Message request;
        Instant until;
    };
    std::map<uint64_t, Waiting> waiting_;  // by server transaction
};

}  // namespace tandem::roles::b2bua
