// Bodies of NOTIFY: what lamps are told. Always the full state, so that whoever has missed one is
// right with the next. Those of other packages: pidf.h, message_summary.h, reginfo.h.
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

}  // namespace tandem::sip
