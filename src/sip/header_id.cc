#include "sip/header_id.h"

#include <array>
#include <cstddef>

#include "sip/scanner.h"

namespace tandem::sip {
namespace {

constexpr size_t id_count = static_cast<size_t>(HeaderId::Count);

struct Entry {
    HeaderId id;
    std::string_view name;
    char compact = '\0';
    bool single = false;
};

constexpr bool single = true;

// In the order of the enum. Single: table 2 of RFC 3261 20 and the RFCs of the extensions, where
// the grammar is not a list.
constexpr auto entries = std::to_array<Entry>({
    {HeaderId::Other, ""},
    {HeaderId::Accept, "Accept"},
    {HeaderId::AcceptContact, "Accept-Contact", 'a'},
    {HeaderId::AcceptEncoding, "Accept-Encoding"},
    {HeaderId::AcceptLanguage, "Accept-Language"},
    {HeaderId::AlertInfo, "Alert-Info"},
    {HeaderId::Allow, "Allow"},
    {HeaderId::AllowEvents, "Allow-Events", 'u'},
    {HeaderId::AuthenticationInfo, "Authentication-Info"},
    {HeaderId::Authorization, "Authorization"},
    {HeaderId::CallId, "Call-ID", 'i', single},
    {HeaderId::CallInfo, "Call-Info"},
    {HeaderId::Contact, "Contact", 'm'},
    {HeaderId::ContentDisposition, "Content-Disposition", '\0', single},
    {HeaderId::ContentEncoding, "Content-Encoding", 'e'},
    {HeaderId::ContentLanguage, "Content-Language"},
    {HeaderId::ContentLength, "Content-Length", 'l', single},
    {HeaderId::ContentType, "Content-Type", 'c', single},
    {HeaderId::CSeq, "CSeq", '\0', single},
    {HeaderId::Date, "Date", '\0', single},
    {HeaderId::Diversion, "Diversion"},
    {HeaderId::ErrorInfo, "Error-Info"},
    {HeaderId::Event, "Event", 'o', single},
    {HeaderId::Expires, "Expires", '\0', single},
    {HeaderId::FlowTimer, "Flow-Timer", '\0', single},
    {HeaderId::From, "From", 'f', single},
    {HeaderId::Geolocation, "Geolocation"},
    {HeaderId::HistoryInfo, "History-Info"},
    {HeaderId::Identity, "Identity", 'y'},
    {HeaderId::IdentityInfo, "Identity-Info", 'n'},
    {HeaderId::InReplyTo, "In-Reply-To"},
    {HeaderId::Join, "Join", '\0', single},
    {HeaderId::MaxForwards, "Max-Forwards", '\0', single},
    {HeaderId::MimeVersion, "MIME-Version", '\0', single},
    {HeaderId::MinExpires, "Min-Expires", '\0', single},
    {HeaderId::MinSe, "Min-SE", '\0', single},
    {HeaderId::Organization, "Organization", '\0', single},
    {HeaderId::PAccessNetworkInfo, "P-Access-Network-Info"},
    {HeaderId::PAssertedIdentity, "P-Asserted-Identity"},
    {HeaderId::PAssociatedUri, "P-Associated-URI"},
    {HeaderId::PCalledPartyId, "P-Called-Party-ID"},
    {HeaderId::PChargingVector, "P-Charging-Vector"},
    {HeaderId::PPreferredIdentity, "P-Preferred-Identity"},
    {HeaderId::Path, "Path"},
    {HeaderId::Priority, "Priority", '\0', single},
    {HeaderId::Privacy, "Privacy"},
    {HeaderId::ProxyAuthenticate, "Proxy-Authenticate"},
    {HeaderId::ProxyAuthorization, "Proxy-Authorization"},
    {HeaderId::ProxyRequire, "Proxy-Require"},
    {HeaderId::RAck, "RAck", '\0', single},
    {HeaderId::Reason, "Reason"},
    {HeaderId::RecordRoute, "Record-Route"},
    {HeaderId::ReferredBy, "Referred-By", 'b', single},
    {HeaderId::ReferSub, "Refer-Sub", '\0', single},
    {HeaderId::ReferTo, "Refer-To", 'r', single},
    {HeaderId::RejectContact, "Reject-Contact", 'j'},
    {HeaderId::RemotePartyId, "Remote-Party-ID"},
    {HeaderId::Replaces, "Replaces", '\0', single},
    {HeaderId::ReplyTo, "Reply-To", '\0', single},
    {HeaderId::RequestDisposition, "Request-Disposition", 'd'},
    {HeaderId::Require, "Require"},
    {HeaderId::RetryAfter, "Retry-After", '\0', single},
    {HeaderId::Route, "Route"},
    {HeaderId::RSeq, "RSeq", '\0', single},
    {HeaderId::Server, "Server", '\0', single},
    {HeaderId::ServiceRoute, "Service-Route"},
    {HeaderId::SessionExpires, "Session-Expires", 'x', single},
    {HeaderId::SessionId, "Session-ID", '\0', single},
    {HeaderId::SipEtag, "SIP-ETag", '\0', single},
    {HeaderId::SipIfMatch, "SIP-If-Match", '\0', single},
    {HeaderId::Subject, "Subject", 's', single},
    {HeaderId::SubscriptionState, "Subscription-State", '\0', single},
    {HeaderId::Supported, "Supported", 'k'},
    {HeaderId::TargetDialog, "Target-Dialog", '\0', single},
    {HeaderId::Timestamp, "Timestamp", '\0', single},
    {HeaderId::To, "To", 't', single},
    {HeaderId::Unsupported, "Unsupported"},
    {HeaderId::UserAgent, "User-Agent", '\0', single},
    {HeaderId::UserToUser, "User-to-User"},
    {HeaderId::Via, "Via", 'v'},
    {HeaderId::Warning, "Warning"},
    {HeaderId::WwwAuthenticate, "WWW-Authenticate"},
});
static_assert(entries.size() == id_count);

constexpr bool in_order() {
    for (size_t i = 0; i < entries.size(); ++i) {
        if (static_cast<size_t>(entries[i].id) != i) return false;
    }
    return true;
}
static_assert(in_order());

constexpr uint8_t lower(char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
}

// Length and four letters tell nearly all names apart; what collides goes to the next free place.
constexpr size_t table_size = 512;
constexpr size_t hash_name(std::string_view name) {
    const size_t size = name.size();
    const uint32_t mix = lower(name[0]) * 31u + lower(name[size / 2]) * 131u +
                         lower(name[size - 1]) * 1031u + lower(name[size / 3]) * 17u +
                         static_cast<uint32_t>(size) * 257u;
    return (mix ^ (mix >> 9)) % table_size;
}

constexpr std::array<HeaderId, table_size> name_table = [] {
    std::array<HeaderId, table_size> table{};
    for (size_t i = 1; i < entries.size(); ++i) {
        size_t place = hash_name(entries[i].name);
        while (table[place] != HeaderId::Other) place = (place + 1) % table_size;
        table[place] = entries[i].id;
    }
    return table;
}();

constexpr std::array<HeaderId, 256> compact_table = [] {
    std::array<HeaderId, 256> table{};
    for (const Entry& entry : entries) {
        if (entry.compact == '\0') continue;
        table[static_cast<uint8_t>(entry.compact)] = entry.id;
        table[static_cast<uint8_t>(entry.compact) - 32] = entry.id;
    }
    return table;
}();

}  // namespace

HeaderId header_id_from(std::string_view name) {
    if (name.empty()) return HeaderId::Other;
    if (name.size() == 1) return compact_table[static_cast<uint8_t>(name[0])];
    size_t place = hash_name(name);
    while (name_table[place] != HeaderId::Other) {
        const Entry& entry = entries[static_cast<size_t>(name_table[place])];
        // Most senders write a name as the RFC does, which is quicker to see.
        if (entry.name == name || same_name(entry.name, name)) return entry.id;
        place = (place + 1) % table_size;
    }
    return HeaderId::Other;
}

std::string_view to_string(HeaderId id) {
    return id < HeaderId::Count ? entries[static_cast<size_t>(id)].name : std::string_view();
}

bool is_single_valued(HeaderId id) {
    return id < HeaderId::Count && entries[static_cast<size_t>(id)].single;
}

}  // namespace tandem::sip
