// What others ask of the registrar (SR). REGISTER itself comes to it as SIP.
#pragma once

#include <string>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "ports/sip_port.h"

namespace tandem::ports {

// One registered contact of an account and the flow to reach it. RFC 3261 10, RFC 5626.
struct Binding {
    std::string contact;  // the URI, as registered
    std::string
        contact_params;  // of the Contact header, beginning with ';' (methods, +sip.instance ...)
    std::string instance_id;  // +sip.instance, without quotes and brackets; empty: none
    uint32_t reg_id = 0;      // RFC 5626 4.2; 0: none
    uint16_t q_thousandths = 1000;
    UtcTime expires;
    std::string call_id;  // of the REGISTER that made or refreshed it
    uint32_t cseq = 0;
    Flow flow;
    std::vector<std::string> path;  // RFC 3327, outermost first, without ours
    std::string user_agent;
    UtcTime registered;
};

struct BindingsQuery {
    DomainId domain;
    AccountId account;
};
struct BindingsReply {
    std::vector<Binding> bindings;  // unexpired, highest q first
    bool stale = false;             // answered by a passive copy
};

// All bindings of a domain, for operators; pages of at most `limit`.
struct BindingsList {
    DomainId domain;
    std::string after;  // cursor of the page before; empty: the first
    uint32_t limit = 100;
};
struct BindingsPage {
    struct Item {
        AccountId account;
        std::string login;
        Binding binding;
    };
    std::vector<Item> items;
    std::string next;  // empty: the last page
    uint64_t total = 0;
};

// What somebody follows of an account: CS, for those who have subscribed to it. SR answers with how
// it stands, and tells each change unasked for as long as it is asked again.
struct AccountFollow {
    DomainId domain;
    AccountId account;
};
struct AccountStanding {
    struct Device {
        uint64_t key = 0;          // the same for as long as the binding lasts
        bool is_reachable = true;  // no: its connection has ended
        Binding binding;
    };
    AccountId account;
    std::vector<Device> devices;    // whose bindings have not expired
    std::vector<uint64_t> revoked;  // keys of those that an operator has just taken away
    uint32_t messages = 0;          // that wait for a device
};

// Removes one binding (by contact) or all of an account (contact empty).
struct BindingRemove {
    DomainId domain;
    AccountId account;
    std::string contact;
};
struct BindingRemoved {
    uint32_t removed = 0;
};

// A MESSAGE that no device took (RFC 3428). SR keeps it in the store until one does.
struct StoredMessage {
    uint64_t key = 0;  // SR's
    UtcTime sent;
    std::string from;  // name-addr without tag
    std::string to;
    std::string content_type;
    std::string body;
};
struct MessageKeep {
    DomainId domain;
    AccountId account;
    StoredMessage message;
};
struct MessageKept {
    bool kept = false;  // committed
};
// Asked of a B2B: sends it to the devices of the account.
struct MessageDeliver {
    DomainId domain;
    AccountId account;
    StoredMessage message;
};
struct MessageDelivered {
    int status = 0;  // of the first device that took it, or the best failure
};

}  // namespace tandem::ports
