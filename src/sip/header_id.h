// The header fields that we know by name. Names are case-insensitive and may have a one-letter
// compact form (RFC 3261 7.3.3); a name that is not listed is HeaderId::Other and keeps its text.
#pragma once

#include <cstdint>
#include <string_view>

namespace tandem::sip {

enum class HeaderId : uint8_t {
    Other,
    Accept,
    AcceptContact,
    AcceptEncoding,
    AcceptLanguage,
    AlertInfo,
    Allow,
    AllowEvents,
    AuthenticationInfo,
    Authorization,
    CallId,
    CallInfo,
    Contact,
    ContentDisposition,
    ContentEncoding,
    ContentLanguage,
    ContentLength,
    ContentType,
    CSeq,
    Date,
    Diversion,
    ErrorInfo,
    Event,
    Expires,
    FlowTimer,
    From,
    Geolocation,
    HistoryInfo,
    Identity,
    IdentityInfo,
    InReplyTo,
    Join,
    MaxForwards,
    MimeVersion,
    MinExpires,
    MinSe,
    Organization,
    PAccessNetworkInfo,
    PAssertedIdentity,
    PAssociatedUri,
    PCalledPartyId,
    PChargingVector,
    PPreferredIdentity,
    Path,
    Priority,
    Privacy,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyRequire,
    RAck,
    Reason,
    RecordRoute,
    ReferredBy,
    ReferSub,
    ReferTo,
    RejectContact,
    RemotePartyId,
    Replaces,
    ReplyTo,
    RequestDisposition,
    Require,
    RetryAfter,
    Route,
    RSeq,
    Server,
    ServiceRoute,
    SessionExpires,
    SessionId,
    SipEtag,
    SipIfMatch,
    Subject,
    SubscriptionState,
    Supported,
    TargetDialog,
    Timestamp,
    To,
    Unsupported,
    UserAgent,
    UserToUser,
    Via,
    Warning,
    WwwAuthenticate,
    Count,  // how many there are; no header has it
};

HeaderId header_id_from(std::string_view name);  // long or compact, any case; Other when unknown
std::string_view to_string(HeaderId id);         // the long form as the RFC writes it; "" for Other

// May stand in a message once only (RFC 3261 20, table 2); a second one makes the message
// malformed.
bool is_single_valued(HeaderId id);

}  // namespace tandem::sip
