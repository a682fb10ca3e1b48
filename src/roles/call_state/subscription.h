// One subscription (RFC 6665): a phone that is told how another account fares. Kept in the store as
// JSON, so that a restart or a switch of CS ends none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/instant.h"
#include "ports/sip_port.h"

namespace tandem::roles::call_state {

// RFC 4235, RFC 3856, RFC 3842, RFC 3680.
enum class Package : uint8_t { Dialog, Presence, MessageSummary, Registration };
std::string_view to_string(Package package);
std::optional<Package> package_from(std::string_view text);
std::string_view body_type(Package package);  // of its NOTIFYs
// What the registrar knows is told of; or the calls are.
bool is_of_registrar(Package package);
bool is_of_calls(Package package);
std::string packages_text();  // all of them, as Allow-Events has them

struct Subscription {
    uint64_t key = 0;  // in the tokens of its dialog
    DomainId domain;
    AccountId watcher;
    AccountId watched;
    Package package = Package::Dialog;
    std::string event_id;  // the Event header's id (RFC 6665 8.2.1); empty: none
    std::string call_id;
    std::string local;   // our side of the dialog, with its tag, as From of NOTIFYs
    std::string remote;  // the phone's, likewise
    std::string local_tag;
    std::string remote_tag;
    std::string target;  // the phone's Contact
    std::string entity;  // the URI of what is watched
    ports::Flow flow;
    UtcTime created;
    UtcTime expires;
    uint32_t cseq = 0;  // of its last SUBSCRIBE

    friend bool operator==(const Subscription&, const Subscription&) = default;
};

std::string encode_subscription(const Subscription& subscription);
std::optional<Subscription> decode_subscription(std::string_view json);

// subscription/<domain>/<key>
inline constexpr std::string_view keys_of_subscriptions = "subscription/";
std::string store_key_of(const Subscription& subscription);

}  // namespace tandem::roles::call_state
