// How an account stands with the registrar, as far as somebody has subscribed to it: its devices
// and the messages that wait. The registrar tells it again whenever something changes; what has
// become of a contact that is there no more is seen by comparing.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "base/instant.h"
#include "ports/registrar_port.h"
#include "sip/reginfo.h"

namespace tandem::roles::call_state {

class Standing {
 public:
    // What is new for watchers of each kind.
    struct Change {
        bool presence = false;
        bool messages = false;
        bool contacts = false;  // a refresh is none
    };
    Change learn(UtcTime now, ports::AccountStanding told);

    bool is_known() const { return told_.has_value(); }
    bool is_reachable() const;  // by any device
    uint32_t messages() const { return told_ ? told_->messages : 0; }
    // With those that have ended lately.
    std::vector<sip::RegisteredContact> contacts(UtcTime now) const;

 private:
    struct Ended {
        ports::AccountStanding::Device device;
        sip::RegisteredContact::Event event = sip::RegisteredContact::Event::Unregistered;
        UtcTime at;
    };
    bool note_ended(UtcTime now, const ports::AccountStanding& told);

    std::optional<ports::AccountStanding> told_;
    std::set<uint64_t> refreshed_;
    std::deque<Ended> ended_;
};

}  // namespace tandem::roles::call_state
