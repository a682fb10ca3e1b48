#include <algorithm>

#include "sdp/attributes.h"
#include "sdp/cursor.h"
#include "sdp/limits.h"
#include "sdp/session.h"

namespace tandem::sdp {
namespace {

struct Line {
    char type = 0;
    std::string_view value;
    size_t number = 0;
    size_t offset = 0;
};

Error malformed(const Line& line, std::string_view field, std::string_view what) {
    Error error = make_error(ErrorCode::Malformed, field, {}, 400);
    error.message = "line " + std::to_string(line.number) + ": ";
    error.message += what;
    error.offset = line.offset;
    return error;
}

Error over_limit(const Line& line, std::string_view field, std::string_view what) {
    Error error = malformed(line, field, what);
    error.code = ErrorCode::TooLarge;
    error.sip_status = 413;
    return error;
}

class Parser {
 public:
    explicit Parser(std::string_view text) : text_(text) {}
    Result<Session> run();

 private:
    bool next_line(Line& line);
    Result<void> on_line(const Line& line);
    Result<void> on_version(const Line& line);
    Result<void> on_origin(const Line& line);
    Result<void> on_connection(const Line& line);
    Result<void> on_media(const Line& line);
    Result<void> on_attribute(const Line& line);
    Result<void> on_session_attribute(const Line& line, Attribute attribute);
    Result<void> on_media_attribute(const Line& line, Attribute attribute);
    Result<void> on_negotiated(const Line& line, Attribute& attribute, bool& taken);
    void keep(Attribute attribute);
    void on_bandwidth(const Line& line);
    void on_time(const Line& line);
    bool on_ice(const Attribute& attribute);

    Media* media() { return session_.media.empty() ? nullptr : &session_.media.back(); }

    std::string_view text_;
    size_t at_ = 0;
    size_t number_ = 0;
    bool has_version_ = false;
    bool has_origin_ = false;
    size_t section_attributes_ = 0;  // of the section being read, whatever became of them
    Session session_;
};

// Any of CRLF, LF, CR ends a line (RFC 8866 5 asks parsers to accept LF). Empty lines are skipped.
bool Parser::next_line(Line& line) {
    while (at_ < text_.size()) {
        size_t end = text_.find_first_of("\r\n", at_);
        if (end == std::string_view::npos) end = text_.size();
        const std::string_view whole = text_.substr(at_, end - at_);
        const size_t offset = at_;
        const bool crlf = end + 1 < text_.size() && text_[end] == '\r' && text_[end + 1] == '\n';
        at_ = end + (crlf ? 2 : 1);
        ++number_;
        if (whole.empty()) continue;
        const bool typed = whole.size() >= 2 && whole[1] == '=';
        line = {typed ? whole[0] : '\0', typed ? whole.substr(2) : whole, number_, offset};
        return true;
    }
    return false;
}

Result<Session> Parser::run() {
    if (text_.size() > kDescriptionBytesMax)
        return over_limit({}, "sdp", "the description is longer than 32 KiB");
    if (const size_t nul = text_.find('\0'); nul != std::string_view::npos)
        return malformed({0, {}, 0, nul}, "sdp", "NUL is not allowed");
    session_.name.clear();
    Line line;
    while (next_line(line)) {
        if (line.number > kLinesMax) return over_limit(line, "sdp", "more than 1024 lines");
        if (line.type == 0) return malformed(line, "sdp", "a line is <letter>=<value>");
        TRY(on_line(line));
    }
    if (!has_version_) return malformed(line, "v", "v= is missing");
    if (!has_origin_) return malformed(line, "o", "o= is missing");
    if (session_.name.empty()) session_.name = "-";
    if (session_.times.empty()) session_.times.emplace_back("0 0");
    return std::move(session_);
}

Result<void> Parser::on_line(const Line& line) {
    if (!has_version_ && line.type != 'v') return malformed(line, "v", "v= does not come first");
    switch (line.type) {
        case 'v':
            return on_version(line);
        case 'o':
            return on_origin(line);
        case 's':
            session_.name = std::string(line.value);
            break;
        case 'i':
            (media() ? media()->title : session_.information) = std::string(line.value);
            break;
        case 'u':
            session_.uri = std::string(line.value);
            break;
        case 'e':
            session_.emails.emplace_back(line.value);
            break;
        case 'p':
            session_.phones.emplace_back(line.value);
            break;
        case 'c':
            return on_connection(line);
        case 'b':
            on_bandwidth(line);
            break;
        case 't':
            on_time(line);
            break;
        case 'a':
            return on_attribute(line);
        case 'm':
            return on_media(line);
        // k= is obsolete and must be discarded (RFC 8866 5.12); r= and z= mean nothing in calls.
        // INTEROP: unknown letters are skipped, where RFC 8866 5 lets us drop the whole
        // description.
        default:
            break;
    }
    return {};
}

Result<void> Parser::on_version(const Line& line) {
    if (has_version_) return malformed(line, "v", "v= comes twice");
    if (trim(line.value) != "0") return malformed(line, "v", "the version is not 0");
    has_version_ = true;
    return {};
}

// o=<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>. RFC 8866 5.2.
Result<void> Parser::on_origin(const Line& line) {
    if (has_origin_) return malformed(line, "o", "o= comes twice");
    Cursor fields(line.value);
    Origin& origin = session_.origin;
    origin.username = std::string(fields.word());
    origin.session_id = std::string(fields.word());
    const auto version = decimal<uint64_t>(fields.word());
    if (!version) return malformed(line, "o", "the session version is not a 64-bit number");
    origin.version = *version;
    auto address = parse_connection(fields.rest());
    if (!address) return malformed(line, "o", address.error());
    origin.address = std::move(*address);
    has_origin_ = true;
    return {};
}

Result<void> Parser::on_connection(const Line& line) {
    auto parsed = parse_connection(line.value);
    if (!parsed) return malformed(line, "c", parsed.error());
    Connection& target = media() ? media()->connection : session_.connection;
    if (target.empty()) target = std::move(*parsed);  // further ones are layers of multicast
    return {};
}

void Parser::on_bandwidth(const Line& line) {
    auto& bandwidths = media() ? media()->bandwidths : session_.bandwidths;
    Cursor fields(line.value);
    const std::string_view type = fields.until(':');
    const auto value = decimal<uint64_t>(trim(fields.rest()));
    if (type.empty() || !value || bandwidths.size() == kBandwidthsMax) return;
    bandwidths.push_back({std::string(type), *value});
}

void Parser::on_time(const Line& line) {
    if (session_.times.size() < kTimesMax) session_.times.emplace_back(line.value);
}

// m=<media> <port>["/" count] <proto> <fmt> ... RFC 8866 5.14.
Result<void> Parser::on_media(const Line& line) {
    if (session_.media.size() == kMediaMax) return over_limit(line, "m", "more than 16 m-lines");
    Cursor fields(line.value);
    Media media;
    media.type = std::string(fields.word());
    if (media.type.empty()) return malformed(line, "m", "the media type is missing");
    const std::string_view ports = fields.word();
    const size_t slash = ports.find('/');
    const auto port = decimal<uint16_t>(ports.substr(0, slash));
    if (!port) return malformed(line, "m", "the port is not 0..65535");
    media.port = *port;
    if (slash != std::string_view::npos) {
        const auto count = decimal<uint16_t>(ports.substr(slash + 1));
        if (!count || *count == 0)
            return malformed(line, "m", "the number of ports is not 1..65535");
        media.port_count = *count;
    }
    media.protocol_text = std::string(fields.word());
    if (media.protocol_text.empty()) return malformed(line, "m", "the protocol is missing");
    media.protocol = protocol_from(media.protocol_text);
    while (!fields.at_end()) {
        if (media.formats.size() == kFormatsMax)
            return over_limit(line, "m", "more than 64 formats");
        media.formats.emplace_back(fields.word());
    }
    session_.media.push_back(std::move(media));
    section_attributes_ = 0;
    return {};
}

Result<void> Parser::on_attribute(const Line& line) {
    if (++section_attributes_ > kAttributesMax)
        return over_limit(line, "a", "more than 256 attributes in a section");
    const size_t colon = line.value.find(':');
    Attribute attribute{std::string(line.value.substr(0, colon)), {}};
    if (colon != std::string_view::npos)
        attribute.value = std::string(line.value.substr(colon + 1));
    if (attribute.name.empty()) return malformed(line, "a", "the name is missing");
    if (on_ice(attribute)) return {};
    return media() ? on_media_attribute(line, std::move(attribute))
                   : on_session_attribute(line, std::move(attribute));
}

// ICE attributes are the same at both levels (RFC 8839 5).
bool Parser::on_ice(const Attribute& attribute) {
    Ice& ice = media() ? media()->ice : session_.ice;
    const std::string_view name = attribute.name;
    if (name == "candidate")
        ice.candidates.push_back(attribute.value);
    else if (name == "ice-ufrag")
        ice.ufrag = attribute.value;
    else if (name == "ice-pwd")
        ice.pwd = attribute.value;
    else if (name == "ice-options")
        ice.options = attribute.value;
    else if (name == "ice-lite")
        ice.lite = true;
    else if (name == "end-of-candidates")
        ice.end_of_candidates = true;
    else
        return false;
    return true;
}

Result<void> Parser::on_session_attribute(const Line& line, Attribute attribute) {
    if (const auto direction = parse_direction(attribute.name)) {
        session_.direction = direction;
    } else if (attribute.name == "fingerprint") {
        auto parsed = parse_fingerprint(attribute.value);
        if (!parsed) return malformed(line, "a=fingerprint", parsed.error());
        session_.fingerprint = std::move(*parsed);
    } else if (attribute.name == "setup") {
        session_.setup = std::move(attribute.value);
    } else {
        session_.attributes.push_back(std::move(attribute));
    }
    return {};
}

Result<void> Parser::on_media_attribute(const Line& line, Attribute attribute) {
    Media& media = session_.media.back();
    if (const auto direction = parse_direction(attribute.name)) {
        media.direction = direction;
        return {};
    }
    bool taken = false;
    TRY(on_negotiated(line, attribute, taken));
    if (!taken) keep(std::move(attribute));
    return {};
}

// Attributes that are read strictly, as we act on them.
Result<void> Parser::on_negotiated(const Line& line, Attribute& attribute, bool& taken) {
    Media& media = session_.media.back();
    taken = true;
    if (attribute.name == "rtpmap") {
        auto parsed = parse_rtpmap(attribute.value);
        if (!parsed) return malformed(line, "a=rtpmap", parsed.error());
        media.rtpmaps.push_back(std::move(*parsed));
    } else if (attribute.name == "rtcp") {
        auto parsed = parse_rtcp(attribute.value);
        if (!parsed) return malformed(line, "a=rtcp", parsed.error());
        media.rtcp = std::move(*parsed);
    } else if (attribute.name == "crypto") {
        auto parsed = parse_crypto(attribute.value);
        if (!parsed) return malformed(line, "a=crypto", parsed.error());
        if (media.cryptos.size() == kCryptoLinesMax)
            return over_limit(line, "a=crypto", "more than 16 lines");
        media.cryptos.push_back(std::move(*parsed));
    } else if (attribute.name == "fingerprint") {
        auto parsed = parse_fingerprint(attribute.value);
        if (!parsed) return malformed(line, "a=fingerprint", parsed.error());
        media.fingerprint = std::move(*parsed);
    } else {
        taken = false;
    }
    return {};
}

// Attributes that are passed as they are, or not at all.
void Parser::keep(Attribute attribute) {
    Media& media = session_.media.back();
    const std::string_view name = attribute.name;
    Cursor fields(attribute.value);
    if (name == "rtcp-mux") {
        media.rtcp_mux = true;
    } else if (name == "ptime") {
        media.ptime = std::move(attribute.value);
    } else if (name == "maxptime") {
        media.maxptime = std::move(attribute.value);
    } else if (name == "setup") {
        media.setup = std::move(attribute.value);
    } else if (name == "fmtp") {
        const std::string_view format = fields.word();
        media.fmtps.push_back({std::string(format), std::string(fields.rest())});
    } else if (name == "ssrc") {
        const auto id = decimal<uint32_t>(fields.word());
        if (id) media.ssrcs.push_back({*id, std::string(fields.rest())});
    } else {
        media.attributes.push_back(std::move(attribute));
    }
}

}  // namespace

Result<Session> parse(std::string_view text) {
    return Parser(text).run();
}

}  // namespace tandem::sdp
