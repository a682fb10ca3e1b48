#include "sip/headers.h"

#include "base/bytes.h"
#include "sip/limits.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

Error header_error(std::string_view header, std::string_view what, size_t offset) {
    Error error = make_error(ErrorCode::Malformed, header, what, 400);
    error.offset = offset;
    return error;
}

// The parameters that end a header value: nothing, or ';' and well-formed parameters.
Result<Params> rest_as_params(const Scanner& scanner, std::string_view header) {
    const std::string_view rest = trim_lws(scanner.rest());
    if (rest.empty()) return Params();
    const Params params(rest);
    if (rest.front() != ';' || !params.well_formed()) {
        return header_error(header, "parameters", scanner.position());
    }
    return params;
}

// "host [: port]" with white space around the colon (RFC 3261 25.1, sent-by).
Result<HostPort> take_sent_by(Scanner& scanner) {
    const size_t start = scanner.position();
    std::string_view text = trim_lws(scanner.until_any(";"));
    auto exact = HostPort::parse(text);
    if (exact) return exact;
    const size_t colon = text.rfind(':');
    if (colon != std::string_view::npos && text.find_first_of(" \t") != std::string_view::npos) {
        auto host = HostPort::parse(trim_lws(text.substr(0, colon)));
        const auto port = parse_decimal(trim_lws(text.substr(colon + 1)), 65'535);
        if (host && !host->port && port) {
            host->port = static_cast<uint16_t>(*port);
            return host;
        }
    }
    return header_error("Via", "sent-by is not host or host:port", start);
}

// A display name that is not quoted: tokens and white space. INTEROP: phones send it in UTF-8 and
// with some punctuation too; what could be mistaken for the address is refused.
bool is_bare_display_name(std::string_view text) {
    constexpr std::string_view harmless = "()&/#$";
    for (const char c : text) {
        const bool fine = is_token_char(c) || c == ' ' || c == '\t' ||
                          static_cast<unsigned char>(c) >= 0x80 ||
                          harmless.find(c) != std::string_view::npos;
        if (!fine) return false;
    }
    return true;
}

// A scheme, a colon, and nothing that no URI may hold. The rest is for UriView::parse().
bool looks_like_uri(std::string_view text) {
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos || !is_token(text.substr(0, colon))) return false;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= ' ' || byte == 0x7f || c == '"' || c == '<' || c == '>') return false;
    }
    return colon + 1 < text.size();
}

Result<NameAddr> parse_bracketed(NameAddr address, Scanner scanner) {
    if (!scanner.accept('<')) return header_error("address", "'<' expected", scanner.position());
    const size_t start = scanner.position();
    address.bracketed = true;
    address.uri = scanner.until_any(">");
    if (!scanner.accept('>')) return header_error("address", "no closing '>'", start);
    if (!looks_like_uri(address.uri)) return header_error("address", "no URI within <>", start);
    address.params = TRY(rest_as_params(scanner, "address"));
    return address;
}

Result<NameAddr> parse_addr_spec(std::string_view value) {
    NameAddr address;
    Scanner scanner(value);
    address.uri = trim_lws(scanner.until_any(";"));
    // RFC 3261 20.10: a URI with a comma or a question mark must stand in <>.
    if (!looks_like_uri(address.uri) || address.uri.find_first_of(",?") != std::string_view::npos) {
        return header_error("address", "no URI, or one that must stand in <>", 0);
    }
    address.params = TRY(rest_as_params(scanner, "address"));
    return address;
}

bool is_call_id(std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= ' ' || byte == 0x7f) return false;
    }
    return !text.empty();
}

}  // namespace

Result<Via> Via::parse(std::string_view value) {
    Via via;
    Scanner scanner(value);
    scanner.skip_lws();
    via.protocol = scanner.token();
    if (!scanner.accept_separator('/')) {
        return header_error("Via", "protocol/version/transport expected", scanner.position());
    }
    via.version = scanner.token();
    if (!scanner.accept_separator('/')) {
        return header_error("Via", "protocol/version/transport expected", scanner.position());
    }
    via.transport = scanner.token();
    if (via.protocol.empty() || via.version.empty() || via.transport.empty()) {
        return header_error("Via", "protocol/version/transport expected", scanner.position());
    }
    const size_t gap = scanner.position();
    scanner.skip_lws();
    if (scanner.position() == gap) return header_error("Via", "white space expected", gap);
    via.sent_by = TRY(take_sent_by(scanner));
    via.params = TRY(rest_as_params(scanner, "Via"));
    return via;
}

bool Via::has_magic_cookie() const {
    constexpr std::string_view cookie = "z9hG4bK";
    const std::string_view text = branch();
    return text.size() > cookie.size() &&
           equals_ignoring_case(text.substr(0, cookie.size()), cookie);
}

std::optional<uint16_t> Via::rport() const {
    const auto value = params.get("rport");
    const auto port = value ? parse_decimal(*value, 65'535) : std::nullopt;
    return port ? std::optional<uint16_t>(static_cast<uint16_t>(*port)) : std::nullopt;
}

Result<NameAddr> NameAddr::parse(std::string_view value) {
    value = trim_lws(value);
    NameAddr address;
    if (value == "*") {
        address.star = true;
        return address;
    }
    Scanner scanner(value);
    if (scanner.peek() == '"') {
        const auto inside = scanner.quoted_string();
        if (!inside) return header_error("address", "no closing quote", 0);
        address.display_name = *inside;
        scanner.skip_lws();
        return parse_bracketed(address, scanner);
    }
    const size_t open = value.find('<');
    if (open == std::string_view::npos) return parse_addr_spec(value);
    address.display_name = trim_lws(value.substr(0, open));
    if (!is_bare_display_name(address.display_name)) {
        // "sip:a@b;tag=<x>" is a bare URI with a broken parameter, and no display name either.
        return header_error("address", "display name needs quotes", 0);
    }
    scanner.advance(open);
    return parse_bracketed(address, scanner);
}

uint32_t NameAddr::q_thousandths() const {
    const std::string_view q = params.get("q").value_or("1");
    if (q.empty() || q.front() < '0' || q.front() > '1') return 1000;
    uint32_t value = q.front() == '1' ? 1000 : 0;
    if (q.size() > 1 && q[1] == '.') {
        uint32_t weight = 100;
        for (size_t i = 2; i < q.size() && i < 5 && q[i] >= '0' && q[i] <= '9'; ++i) {
            value += static_cast<uint32_t>(q[i] - '0') * weight;
            weight /= 10;
        }
    }
    return value > 1000 ? 1000 : value;
}

Result<CSeq> CSeq::parse(std::string_view value) {
    Scanner scanner(value);
    scanner.skip_lws();
    const auto number = parse_decimal(scanner.until_any(" \t"), cseq_number_end - 1);
    if (!number) return header_error("CSeq", "number below 2^31 expected", 0);
    scanner.skip_lws();
    CSeq cseq;
    cseq.number = *number;
    cseq.method_token = scanner.token();
    scanner.skip_lws();
    if (cseq.method_token.empty() || !scanner.at_end()) {
        return header_error("CSeq", "number and method expected", scanner.position());
    }
    cseq.method = method_from(cseq.method_token);
    return cseq;
}

Result<RAck> RAck::parse(std::string_view value) {
    Scanner scanner(value);
    scanner.skip_lws();
    const auto rseq = parse_decimal(scanner.until_any(" \t"));
    if (!rseq) return header_error("RAck", "response number expected", 0);
    auto cseq = CSeq::parse(scanner.rest());
    if (!cseq) return header_error("RAck", "CSeq number and method expected", scanner.position());
    return RAck{*rseq, *cseq};
}

Result<SessionExpires> SessionExpires::parse(std::string_view value) {
    Scanner scanner(value);
    scanner.skip_lws();
    const auto seconds = parse_decimal(trim_lws(scanner.until_any(";")));
    if (!seconds) return header_error("Session-Expires", "seconds expected", 0);
    const Params params = TRY(rest_as_params(scanner, "Session-Expires"));
    SessionExpires expires{*seconds, Refresher::Unspecified};
    const std::string_view refresher = params.get("refresher").value_or("");
    if (equals_ignoring_case(refresher, "uac")) expires.refresher = Refresher::Uac;
    if (equals_ignoring_case(refresher, "uas")) expires.refresher = Refresher::Uas;
    return expires;
}

Result<TokenParams> TokenParams::parse(std::string_view value) {
    Scanner scanner(value);
    scanner.skip_lws();
    TokenParams parsed;
    parsed.token = scanner.token();
    if (parsed.token.empty()) return header_error("", "token expected", 0);
    parsed.params = TRY(rest_as_params(scanner, ""));
    return parsed;
}

Result<Replaces> Replaces::parse(std::string_view value) {
    Scanner scanner(value);
    scanner.skip_lws();
    Replaces replaces;
    replaces.call_id = trim_lws(scanner.until_any(";"));
    if (!is_call_id(replaces.call_id)) return header_error("Replaces", "Call-ID expected", 0);
    const Params params = TRY(rest_as_params(scanner, "Replaces"));
    // RFC 4538 7 names the tags from the view of the receiver.
    const auto to_tag = params.get("to-tag");
    const auto from_tag = params.get("from-tag");
    replaces.to_tag = to_tag ? *to_tag : params.get("local-tag").value_or("");
    replaces.from_tag = from_tag ? *from_tag : params.get("remote-tag").value_or("");
    if (replaces.to_tag.empty() || replaces.from_tag.empty()) {
        return header_error("Replaces", "both tags are needed", scanner.position());
    }
    replaces.early_only = params.has("early-only");
    return replaces;
}

Result<MediaType> MediaType::parse(std::string_view value) {
    Scanner scanner(value);
    scanner.skip_lws();
    MediaType media;
    media.type = scanner.token();
    const bool slash = scanner.accept_separator('/');
    media.subtype = scanner.token();
    if (!slash || media.type.empty() || media.subtype.empty()) {
        return header_error("Content-Type", "type/subtype expected", scanner.position());
    }
    media.params = TRY(rest_as_params(scanner, "Content-Type"));
    return media;
}

bool MediaType::is(std::string_view want_type, std::string_view want_subtype) const {
    return equals_ignoring_case(type, want_type) && equals_ignoring_case(subtype, want_subtype);
}

Result<RetryAfter> RetryAfter::parse(std::string_view value) {
    Scanner scanner(value);
    scanner.skip_lws();
    const auto seconds = parse_decimal(scanner.until_any(" \t;("));
    if (!seconds) return header_error("Retry-After", "seconds expected", 0);
    scanner.skip_lws();
    if (scanner.peek() == '(') {
        // RFC 3261 25.1: comments nest, and may hold quoted pairs.
        int depth = 0;
        do {
            if (scanner.at_end()) {
                return header_error("Retry-After", "comment without end", scanner.position());
            }
            if (scanner.peek() == '(') ++depth;
            if (scanner.peek() == ')') --depth;
            scanner.advance(scanner.peek() == '\\' ? 2 : 1);
        } while (depth > 0);
    }
    RetryAfter after;
    after.seconds = *seconds;
    after.params = TRY(rest_as_params(scanner, "Retry-After"));
    return after;
}

Result<AuthValue> AuthValue::parse(std::string_view value) {
    Scanner scanner(value);
    scanner.skip_lws();
    AuthValue auth;
    auth.scheme = scanner.token();
    const size_t gap = scanner.position();
    scanner.skip_lws();
    if (auth.scheme.empty() || (scanner.position() == gap && !scanner.at_end())) {
        return header_error("Authorization", "scheme and parameters expected", gap);
    }
    auth.params = Params(trim_lws(scanner.rest()), ',');
    return auth;
}

bool AuthValue::is_digest() const {
    return equals_ignoring_case(scheme, "Digest");
}

}  // namespace tandem::sip
