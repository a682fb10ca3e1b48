#include "sdp/attributes.h"

#include "sdp/cursor.h"

namespace tandem::sdp {
namespace {

using Wrong = std::unexpected<std::string_view>;

constexpr std::string_view kInline = "inline:";
constexpr size_t kKeysMax = 16;             // key parameters of one line; rekeying uses one or two
constexpr size_t kKeyAndSaltBytesMax = 64;  // AES-256 (32) and its longest salt (14), with room

// inline:<key||salt>["|" lifetime]["|" MKI ":" length]. RFC 4568 6.1.
Parsed<CryptoKey> parse_key(std::string_view parameter) {
    if (!parameter.starts_with(kInline)) return Wrong("key method is not inline");
    Cursor fields(parameter.substr(kInline.size()));
    CryptoKey key;
    std::string padded(fields.until('|'));
    // INTEROP: some phones leave out the padding of base64 (RFC 4568 6.1 requires it).
    while (padded.size() % 4 != 0) padded += '=';
    auto bytes = base64_decode(padded);
    if (!bytes || bytes->empty() || bytes->size() > kKeyAndSaltBytesMax)
        return Wrong("key is not base64 of at most 64 bytes");
    key.key_and_salt = std::move(*bytes);
    while (!fields.at_end()) {
        const std::string_view field = fields.until('|');
        (field.find(':') == std::string_view::npos ? key.lifetime : key.mki) = std::string(field);
    }
    return key;
}

}  // namespace

// "IN" SP "IP4"|"IP6" SP address ["/" ttl or count of multicast, which we do not keep].
Parsed<Connection> parse_connection(std::string_view value) {
    Cursor fields(value);
    if (!equals_ignoring_case(fields.word(), "IN")) return Wrong("network type is not IN");
    const std::string_view family = fields.word();
    Connection connection;
    if (equals_ignoring_case(family, "IP6"))
        connection.family = AddressFamily::V6;
    else if (!equals_ignoring_case(family, "IP4"))
        return Wrong("address type is not IP4 or IP6");
    const std::string_view address = fields.word();
    connection.address = std::string(address.substr(0, address.find('/')));
    if (connection.address.empty()) return Wrong("address is missing");
    return connection;
}

Parsed<RtpMap> parse_rtpmap(std::string_view value) {
    Cursor fields(value);
    RtpMap map;
    const auto type = decimal<uint8_t>(fields.word());
    if (!type || *type > 127) return Wrong("payload type is not 0..127");
    map.payload_type = *type;
    map.encoding = std::string(fields.until('/'));
    if (map.encoding.empty()) return Wrong("encoding name is missing");
    const auto rate = decimal<uint32_t>(trim(fields.until('/')));
    if (!rate || *rate == 0) return Wrong("clock rate is not a positive number");
    map.clock_rate = *rate;
    map.parameters = std::string(trim(fields.rest()));
    return map;
}

Parsed<RtcpAttribute> parse_rtcp(std::string_view value) {
    Cursor fields(value);
    RtcpAttribute rtcp;
    const auto port = decimal<uint16_t>(fields.word());
    if (!port) return Wrong("port is not 0..65535");
    rtcp.port = *port;
    if (fields.at_end()) return rtcp;
    auto address = parse_connection(fields.rest());
    if (!address) return Wrong(address.error());
    rtcp.address = std::move(*address);
    return rtcp;
}

Parsed<Crypto> parse_crypto(std::string_view value) {
    Cursor fields(value);
    Crypto crypto;
    const auto tag = decimal<uint32_t>(fields.word());
    if (!tag || *tag > 999'999'999) return Wrong("tag is not a number of 1 to 9 digits");
    crypto.tag = *tag;
    crypto.suite = std::string(fields.word());
    Cursor keys(fields.word());
    if (crypto.suite.empty() || keys.at_end()) return Wrong("suite or key is missing");
    while (!keys.at_end()) {
        const std::string_view parameter = keys.until(';');
        if (!parameter.starts_with(kInline)) continue;  // a method that we do not know, 5.1.2
        auto key = parse_key(parameter);
        if (!key) return Wrong(key.error());
        if (crypto.keys.size() == kKeysMax) return Wrong("more than 16 keys");
        crypto.keys.push_back(std::move(*key));
    }
    crypto.session_parameters = std::string(trim(fields.rest()));
    return crypto;
}

Parsed<Fingerprint> parse_fingerprint(std::string_view value) {
    Cursor fields(value);
    Fingerprint fingerprint{std::string(fields.word()), std::string(fields.word())};
    if (fingerprint.value.empty()) return Wrong("hash or value is missing");
    return fingerprint;
}

std::optional<Direction> parse_direction(std::string_view name) {
    for (const Direction direction :
         {Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive}) {
        if (to_string(direction) == name) return direction;
    }
    return std::nullopt;
}

void append_connection(const Connection& connection, std::string& out) {
    out += connection.family == AddressFamily::V6 ? "IN IP6 " : "IN IP4 ";
    out += connection.address;
}

void append_crypto(const Crypto& crypto, std::string& out) {
    out += std::to_string(crypto.tag);
    out += ' ';
    out += crypto.suite;
    char separator = ' ';
    for (const CryptoKey& key : crypto.keys) {
        out += separator;
        separator = ';';
        out += kInline;
        out += base64_encode(key.key_and_salt);
        if (!key.lifetime.empty()) out.append("|").append(key.lifetime);
        if (!key.mki.empty()) out.append("|").append(key.mki);
    }
    if (!crypto.session_parameters.empty()) out.append(" ").append(crypto.session_parameters);
}

}  // namespace tandem::sdp
