// A REGISTER read: what it asks for, or why it cannot be granted. RFC 3261 10.3, RFC 3327, RFC
// 5626.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ports/registrar_port.h"
#include "sip/message.h"

namespace tandem::roles::registrar {

struct ExpiryBounds {
    uint32_t min_s = 60;
    uint32_t default_s = 600;
    uint32_t max_s = 3600;
};

// An answer other than 200, with the headers that go with it.
struct Rejection {
    int status = 400;
    std::vector<std::pair<sip::HeaderId, std::string>> headers;
    std::string text;  // for Warning; empty: none
};

struct ContactChange {
    std::string uri;
    std::string params;  // beginning with ';', without expires
    std::string instance_id;
    uint32_t reg_id = 0;  // 0 where outbound does not apply
    uint16_t q_thousandths = 1000;
    uint32_t expires_s = 0;  // within the bounds; 0 removes
};

struct RegisterRequest {
    std::vector<ContactChange> contacts;  // empty and not remove_all: a query
    bool remove_all = false;              // Contact: *
    bool outbound = false;                // RFC 5626 applies to it
    std::vector<std::string> path;
    std::string_view call_id;  // into the message
    uint32_t cseq = 0;
    std::string_view user_agent;
};

// std::expected, as a Rejection is no Error.
std::expected<RegisterRequest, Rejection> read_register(const sip::Message& request,
                                                        const ExpiryBounds& bounds);

// Extensions that a REGISTER may require. RFC 3261 8.2.2.3: 420 with Unsupported otherwise.
std::expected<void, Rejection> check_required(const sip::Message& request);

// Where requests to this contact are to be sent: the way that the REGISTER came, unless a UDP phone
// that is not behind NAT names another port or host in its Contact.
ports::Flow flow_of_binding(const ports::Flow& came_by, const sip::Message& request,
                            std::string_view contact_uri);

}  // namespace tandem::roles::registrar
