// Typed header values. They hold views into the message that they were read from: they live until
// that message is edited or destroyed. None allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "sip/method.h"
#include "sip/params.h"
#include "sip/uri.h"

namespace tandem::sip {

// Via: SIP/2.0/UDP host:port;branch=... RFC 3261 20.42, rport of RFC 3581.
struct Via {
    std::string_view protocol;   // "SIP"
    std::string_view version;    // "2.0"
    std::string_view transport;  // "UDP", "TCP", "TLS", "WS", "WSS", or an extension
    HostPort sent_by;
    Params params;

    static Result<Via> parse(std::string_view value);

    std::string_view branch() const { return params.get("branch").value_or(""); }
    // RFC 3261 8.1.1.7: the branch identifies the transaction alone.
    bool has_magic_cookie() const;
    std::optional<std::string_view> received() const { return params.get("received"); }
    bool wants_rport() const { return params.has("rport"); }
    std::optional<uint16_t> rport() const;  // with a value only
};

// name-addr or addr-spec with header parameters: From, To, Contact, Route, Record-Route, Path,
// Refer-To, P-Asserted-Identity and their like. RFC 3261 20.10: without <>, parameters belong to
// the header.
struct NameAddr {
    std::string_view display_name;  // without its quotes, escapes kept; see unquote()
    std::string_view uri;           // the text; may be of any scheme
    Params params;
    bool bracketed = false;  // stood in <>
    bool star = false;       // "Contact: *"

    static Result<NameAddr> parse(std::string_view value);

    Result<UriView> parsed_uri() const { return UriView::parse(uri); }
    std::string_view tag() const { return params.get("tag").value_or(""); }
    std::optional<uint32_t> expires() const { return params.number("expires"); }
    // 0-1000; 1000 when absent (RFC 3261 20.10).
    uint32_t q_thousandths() const;
};

struct CSeq {
    uint32_t number = 0;
    Method method = Method::Other;
    std::string_view method_token;
    static Result<CSeq> parse(std::string_view value);
};

// RFC 3262 7.2.
struct RAck {
    uint32_t rseq = 0;
    CSeq cseq;
    static Result<RAck> parse(std::string_view value);
};

// RFC 4028 4 and 5. Min-SE has the same form without a refresher.
enum class Refresher : uint8_t { Unspecified, Uac, Uas };
struct SessionExpires {
    uint32_t seconds = 0;
    Refresher refresher = Refresher::Unspecified;
    static Result<SessionExpires> parse(std::string_view value);
};

// A token with parameters: Event (RFC 6665 8.2.1), Subscription-State, Reason (RFC 3326),
// Content-Disposition, Privacy values.
struct TokenParams {
    std::string_view token;
    Params params;
    static Result<TokenParams> parse(std::string_view value);
};

// RFC 3891 6.1; Join (RFC 3911) and Target-Dialog (RFC 4538, local-tag and remote-tag) are alike.
struct Replaces {
    std::string_view call_id;
    std::string_view to_tag;
    std::string_view from_tag;
    bool early_only = false;
    static Result<Replaces> parse(std::string_view value);
};

struct MediaType {
    std::string_view type;
    std::string_view subtype;
    Params params;
    static Result<MediaType> parse(std::string_view value);
    bool is(std::string_view want_type, std::string_view want_subtype) const;  // without case
};

// Retry-After: 5 (comment);duration=60. RFC 3261 20.33.
struct RetryAfter {
    uint32_t seconds = 0;
    Params params;
    static Result<RetryAfter> parse(std::string_view value);
};

// "Scheme name=value, name=value": challenges and credentials. RFC 3261 25.1, RFC 7616 3.3, 3.4.
struct AuthValue {
    std::string_view scheme;  // "Digest", "Bearer", ...
    Params params;            // separated by commas
    static Result<AuthValue> parse(std::string_view value);
    bool is_digest() const;
};

}  // namespace tandem::sip
