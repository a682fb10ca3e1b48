// Presence documents: PIDF (RFC 3863) with the activities of RPID (RFC 4480 3.2) and the data model
// of RFC 4479. What a phone publishes is read down to what watchers are shown: whether it is open,
// notes and activities. All else, such as addresses of devices, goes no further.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tandem::sip {

inline constexpr std::string_view pidf_type = "application/pidf+xml";

struct PresenceTuple {
    std::optional<bool> is_open;  // RFC 3863 4.1.4: a status need not say
    std::string note;

    friend bool operator==(const PresenceTuple&, const PresenceTuple&) = default;
};
// Of one device, or composed of several.
struct PresenceDocument {
    std::vector<PresenceTuple> tuples;
    std::vector<std::string> activities;  // names of RFC 4480 3.2, each once
    std::string note;                     // of the person, or of all

    friend bool operator==(const PresenceDocument&, const PresenceDocument&) = default;
};

// Whether RFC 4480 3.2 has it.
bool is_activity(std::string_view name);

// Error: says what is wrong, and `offset` where.
Result<PresenceDocument> read_pidf(std::string_view body);
std::string write_pidf(std::string_view entity, const PresenceDocument& document);

}  // namespace tandem::sip
