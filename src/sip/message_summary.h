// What waits in a mailbox, for the lamp and the counter of a phone. RFC 3842 5.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::sip {

inline constexpr std::string_view message_summary_type = "application/simple-message-summary";

struct MessageSummary {
    struct Count {
        uint32_t fresh = 0;
        uint32_t old = 0;
    };
    std::string account;  // URI of the mailbox
    Count voice;
    Count text;
};
std::string message_summary(const MessageSummary& summary);

}  // namespace tandem::sip
