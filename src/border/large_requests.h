// Requests too large for UDP, which were tried over TCP. RFC 3261 18.1.1: such a request goes over
// a congestion-controlled transport, and back to UDP when the phone does not listen there. The one
// memory a gate has, and it may be lost at any time: then a request goes by UDP, fragmented.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/instant.h"
#include "border/limits.h"
#include "ports/sip_port.h"

namespace tandem::border {

class LargeRequests {
 public:
    enum class State : uint8_t {
        Unknown,  // not large, or forgotten
        Trying,   // goes over TCP; no failure was heard
        Refused,  // goes over UDP after all
    };
    State state_of(std::string_view branch) const;
    bool refuses_tcp(Instant now, const IpAddress& phone) const;
    bool has_room() const { return entries_.size() < large_requests_max; }

    // `request` is as it came from its owner, ready to be dressed anew.
    void began(Instant now, ports::SipOutbound request);
    // The TCP attempt of this branch failed: the request to send by UDP; nullopt: not one of ours.
    std::optional<ports::SipOutbound> failed(Instant now, std::string_view branch);
    // The phone has answered: the request itself is not needed again, its transport is.
    void answered(std::string_view branch);

    void forget_old(Instant now);
    std::optional<Instant> next_deadline() const;
    size_t size() const { return entries_.size(); }

 private:
    struct Entry {
        State state = State::Trying;
        std::optional<ports::SipOutbound> request;
    };

    std::unordered_map<std::string, Entry> entries_;
    std::deque<std::pair<Instant, std::string>> by_age_;
    std::deque<std::pair<Instant, IpAddress>> refusals_;
};

}  // namespace tandem::border
