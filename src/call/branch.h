// One party's place in a call: its leg, its media and what its CDR will say. The caller has one;
// each forked device has another.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "call/call_context.h"
#include "call/party_media.h"
#include "ports/registrar_port.h"

namespace tandem::call {

struct Party {
    sip::Leg leg;
    PartyMedia media;
    ports::Flow flow;
    std::string user_agent;
    UtcTime started;
    UtcTime answered;                  // 0: never
    UtcTime ended;                     // 0: not yet
    int status = 0;                    // final status of its INVITE
    std::string reason;                // why it ended, in words, for its record
    uint8_t flow_searches = 0;         // since it was last heard
    std::optional<Instant> bye_again;  // when to look for a way for its BYE once more
    // Ports or keys of a media context that was lost while the call rang.
    bool knows_old_ports = false;
    // What the media gate plays to it, as far as the gate was told.
    std::optional<ports::MediaPlay> hears;
};

enum class BranchState : uint8_t {
    Opening,   // waits for its ports
    Inviting,  // INVITE is out
    Ringing,   // a provisional other than 100 came
    Won,       // answered, and the call's
    Lost,      // cancelled, or ended
    Failed,    // final failure; `party.status` says which
};
std::string_view to_string(BranchState state);

struct Branch {
    Party party;
    BranchState state = BranchState::Opening;
    Destination destination;
    ports::Binding binding;
    MediaProfile profile = MediaProfile::Rtp;
    bool may_try_other_profile = false;
    bool rebound = false;  // its flow was looked up anew once already
    bool ports_asked = false;
    bool ports_released = false;
    std::optional<sdp::Session> answer;  // its last, early or final
    // Of a trunk: the proxies that have not been tried, and until when this one is to say something
    // before the next is.
    std::vector<ports::Binding> other_ways;
    std::optional<Instant> first_word_by;
    bool passed_by = false;  // its trunk's next proxy was tried

    bool is_pending() const {
        return state == BranchState::Opening || state == BranchState::Inviting ||
               state == BranchState::Ringing;
    }
};

// A place without a phone: of one that is gone, or of a queue that has answered.
std::unique_ptr<Branch> empty_place(uint64_t base, size_t index);

}  // namespace tandem::call
