// Where a message goes, as far as SIP logic carries it without looking inside.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

#include "sip/transaction/timers.h"

namespace tandem::sip {

// A flow of the owner's (ports::Flow, or whatever else it has), kept as its bytes so that this
// folder need not know it, together with the one fact that transactions need of it.
class Hop {
 public:
    Hop() = default;
    template <typename Flow>
    static Hop of(const Flow& flow, Reliability reliability) {
        static_assert(std::is_trivially_copyable_v<Flow> && sizeof(Flow) <= bytes_max);
        Hop hop;
        hop.reliability_ = reliability;
        std::memcpy(hop.bytes_.data(), &flow, sizeof(Flow));
        return hop;
    }
    // The same type that it was made of.
    template <typename Flow>
    Flow flow() const {
        static_assert(std::is_trivially_copyable_v<Flow> && sizeof(Flow) <= bytes_max);
        Flow flow;
        std::memcpy(&flow, bytes_.data(), sizeof(Flow));
        return flow;
    }
    Reliability reliability() const { return reliability_; }

 private:
    static constexpr size_t bytes_max = 64;  // ports::Flow has 48
    alignas(8) std::array<std::byte, bytes_max> bytes_{};
    Reliability reliability_ = Reliability::Unreliable;
};

// Our Contact as the gate is to write it.
struct OurContact {
    std::string token;   // the user part; empty: no Contact
    std::string params;  // after the URI, beginning with ';', or empty
    friend bool operator==(const OurContact&, const OurContact&) = default;
};

struct Envelope {
    Hop hop;
    OurContact contact;
    std::string alternative_uri;  // see ports::SipOutbound
};

}  // namespace tandem::sip
