// The registrations of an account. RFC 3680 5; always the full state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::sip {

inline constexpr std::string_view reginfo_type = "application/reginfo+xml";

struct RegisteredContact {
    // RFC 3680 5.3.2. The first two: of one that is active.
    enum class Event : uint8_t { Registered, Refreshed, Expired, Unregistered, Deactivated };
    std::string id;  // unique in the registration
    Event event = Event::Registered;
    std::string uri;
    std::string instance_id;  // RFC 5626; empty: none
    uint16_t q_thousandths = 1000;
    int64_t registered_for_s = 0;
    int64_t expires_s = 0;

    bool is_active() const { return event == Event::Registered || event == Event::Refreshed; }
};
struct RegistrationInfo {
    std::string aor;
    std::string id;
    std::vector<RegisteredContact> contacts;
};
std::string reginfo(const RegistrationInfo& registration, uint32_t version);

}  // namespace tandem::sip
