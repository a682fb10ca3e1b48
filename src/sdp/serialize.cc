#include <charconv>

#include "sdp/attributes.h"
#include "sdp/session.h"

namespace tandem::sdp {
namespace {

constexpr size_t kTypicalBytes = 768;  // one reservation for a phone's description

class Writer {
 public:
    explicit Writer(std::string& out) : out_(out) {}

    template <typename... Parts>
    void line(const Parts&... parts) {
        (put(parts), ...);
        out_ += "\r\n";
    }
    // Lines that are left out when they have no value.
    void line_unless_empty(std::string_view prefix, std::string_view value) {
        if (!value.empty()) line(prefix, value);
    }

 private:
    void put(std::string_view text) { out_ += text; }
    void put(uint64_t number) {
        char digits[20];
        out_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    }
    void put(const Connection& connection) { append_connection(connection, out_); }
    void put(const Crypto& crypto) { append_crypto(crypto, out_); }

    std::string& out_;
};

void write_bandwidths(const std::vector<Bandwidth>& bandwidths, Writer& out) {
    for (const Bandwidth& b : bandwidths) out.line("b=", b.type, ":", b.value);
}

void write_ice(const Ice& ice, Writer& out) {
    if (ice.lite) out.line("a=ice-lite");
    out.line_unless_empty("a=ice-ufrag:", ice.ufrag);
    out.line_unless_empty("a=ice-pwd:", ice.pwd);
    out.line_unless_empty("a=ice-options:", ice.options);
    for (const std::string& candidate : ice.candidates) out.line("a=candidate:", candidate);
    if (ice.end_of_candidates) out.line("a=end-of-candidates");
}

void write_dtls(const std::optional<Fingerprint>& fingerprint, std::string_view setup,
                Writer& out) {
    if (fingerprint) out.line("a=fingerprint:", fingerprint->hash, " ", fingerprint->value);
    out.line_unless_empty("a=setup:", setup);
}

void write_attributes(const std::vector<Attribute>& attributes, Writer& out) {
    for (const Attribute& attribute : attributes) {
        if (attribute.value.empty())
            out.line("a=", attribute.name);
        else
            out.line("a=", attribute.name, ":", attribute.value);
    }
}

void write_media_line(const Media& media, std::string& out) {
    out.append("m=").append(media.type).append(" ").append(std::to_string(media.port));
    if (media.port_count != 1) out.append("/").append(std::to_string(media.port_count));
    const std::string_view known = to_string(media.protocol);
    out.append(" ").append(known.empty() ? std::string_view(media.protocol_text) : known);
    for (const std::string& format : media.formats) out.append(" ").append(format);
    out += "\r\n";
}

void write_codecs(const Media& media, Writer& out) {
    for (const RtpMap& map : media.rtpmaps) {
        const std::string_view slash = map.parameters.empty() ? "" : "/";
        out.line("a=rtpmap:", uint64_t{map.payload_type}, " ", map.encoding, "/",
                 uint64_t{map.clock_rate}, slash, map.parameters);
    }
    for (const Fmtp& fmtp : media.fmtps) {
        const std::string_view space = fmtp.parameters.empty() ? "" : " ";
        out.line("a=fmtp:", fmtp.format, space, fmtp.parameters);
    }
}

void write_media(const Media& media, std::string& text) {
    Writer out(text);
    write_media_line(media, text);
    out.line_unless_empty("i=", media.title);
    if (!media.connection.empty()) out.line("c=", media.connection);
    write_bandwidths(media.bandwidths, out);
    write_codecs(media, out);
    out.line_unless_empty("a=ptime:", media.ptime);
    out.line_unless_empty("a=maxptime:", media.maxptime);
    for (const Crypto& crypto : media.cryptos) {
        if (!crypto.keys.empty()) out.line("a=crypto:", crypto);  // unknown methods have no text
    }
    write_ice(media.ice, out);
    write_dtls(media.fingerprint, media.setup, out);
    if (media.rtcp) {
        const bool full = !media.rtcp->address.empty();
        full ? out.line("a=rtcp:", uint64_t{media.rtcp->port}, " ", media.rtcp->address)
             : out.line("a=rtcp:", uint64_t{media.rtcp->port});
    }
    if (media.rtcp_mux) out.line("a=rtcp-mux");
    for (const Ssrc& ssrc : media.ssrcs)
        out.line("a=ssrc:", uint64_t{ssrc.id}, " ", ssrc.attribute);
    write_attributes(media.attributes, out);
    if (media.direction) out.line("a=", to_string(*media.direction));
}

}  // namespace

void serialize_to(const Session& session, std::string& text) {
    Writer out(text);
    const Origin& o = session.origin;
    out.line("v=0");
    out.line("o=", o.username, " ", o.session_id, " ", o.version, " ", o.address);
    out.line("s=", session.name.empty() ? std::string_view("-") : session.name);
    out.line_unless_empty("i=", session.information);
    out.line_unless_empty("u=", session.uri);
    for (const std::string& email : session.emails) out.line("e=", email);
    for (const std::string& phone : session.phones) out.line("p=", phone);
    if (!session.connection.empty()) out.line("c=", session.connection);
    write_bandwidths(session.bandwidths, out);
    if (session.times.empty()) out.line("t=0 0");
    for (const std::string& time : session.times) out.line("t=", time);
    write_ice(session.ice, out);
    write_dtls(session.fingerprint, session.setup, out);
    write_attributes(session.attributes, out);
    if (session.direction) out.line("a=", to_string(*session.direction));
    for (const Media& media : session.media) write_media(media, text);
}

std::string serialize(const Session& session) {
    std::string out;
    out.reserve(kTypicalBytes);
    serialize_to(session, out);
    return out;
}

}  // namespace tandem::sdp
