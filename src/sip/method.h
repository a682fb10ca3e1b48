// SIP methods. They are case-sensitive tokens (RFC 3261 7.1).
#pragma once

#include <cstdint>
#include <string_view>

namespace tandem::sip {

enum class Method : uint8_t {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Prack,      // RFC 3262
    Subscribe,  // RFC 6665
    Notify,     // RFC 6665
    Publish,    // RFC 3903
    Info,       // RFC 6086
    Refer,      // RFC 3515
    Message,    // RFC 3428
    Update,     // RFC 3311
    Other,      // an extension: see Message::method_token()
};

Method method_from(std::string_view token);
std::string_view to_string(Method method);  // empty for Other

}  // namespace tandem::sip
