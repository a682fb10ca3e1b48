// Bodies of NOTIFY: what lamps and presence displays are told. Always the full state, so that
// whoever has missed one is right with the next.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::sip {

// One dialog of an account. RFC 4235 4.1.2.
struct DialogInfo {
    enum class State : uint8_t { Trying, Early, Confirmed };
    std::string id;
    bool is_initiator = false;
    State state = State::Trying;
    std::string remote_uri;
    std::string remote_name;
};
inline constexpr std::string_view dialog_info_type = "application/dialog-info+xml";
// RFC 4235 4. `entity`: the URI of the account.
std::string dialog_info(std::string_view entity, uint32_t version,
                        const std::vector<DialogInfo>& dialogs);

inline constexpr std::string_view pidf_type = "application/pidf+xml";
// RFC 3863 4; on the phone: RFC 4480 3.2.
enum class Presence : uint8_t { Closed, Open, OnThePhone };
std::string pidf(std::string_view entity, Presence presence);

}  // namespace tandem::sip
