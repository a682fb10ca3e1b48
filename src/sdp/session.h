// Session descriptions as typed values (RFC 8866), with the attributes that a call server acts on.
// Values own their text, so that a description may outlive the message that brought it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/net_address.h"
#include "base/result.h"

namespace tandem::sdp {

enum class Direction : uint8_t { SendRecv, SendOnly, RecvOnly, Inactive };

enum class Protocol : uint8_t {
    RtpAvp,          // RTP/AVP
    RtpSavp,         // RTP/SAVP
    RtpAvpf,         // RTP/AVPF
    RtpSavpf,        // RTP/SAVPF
    UdpTlsRtpSavp,   // UDP/TLS/RTP/SAVP
    UdpTlsRtpSavpf,  // UDP/TLS/RTP/SAVPF
    Other,           // kept as text: udptl, TCP/MSRP, UDP/DTLS/SCTP ...
};

// <nettype> <addrtype> <address> of c= and o=. `address` is a literal or a name, as received; the
// network type is always IN. An empty address means that there is no c= line.
struct Connection {
    AddressFamily family = AddressFamily::V4;
    std::string address;

    friend bool operator==(const Connection&, const Connection&) = default;
    bool empty() const { return address.empty(); }
    std::optional<IpAddress> ip() const { return IpAddress::parse(address); }
    static Connection of(const IpAddress& ip) { return {ip.family, ip.text()}; }
};

// o= (RFC 8866 5.2). The session id is numeric text that may exceed 64 bits; the version may not
// (RFC 3264 5).
struct Origin {
    std::string username = "-";
    std::string session_id = "0";
    uint64_t version = 0;
    Connection address;

    friend bool operator==(const Origin&, const Origin&) = default;
};

struct Bandwidth {  // b=
    std::string type;
    uint64_t value = 0;
    friend bool operator==(const Bandwidth&, const Bandwidth&) = default;
};

struct Attribute {  // a=name or a=name:value; an absent value is empty
    std::string name;
    std::string value;
    friend bool operator==(const Attribute&, const Attribute&) = default;
};

struct RtpMap {  // a=rtpmap (RFC 8866 6.6)
    uint8_t payload_type = 0;
    std::string encoding;  // "PCMA", as received; compare without case
    uint32_t clock_rate = 0;
    std::string parameters;  // channels of audio, else empty
    friend bool operator==(const RtpMap&, const RtpMap&) = default;
};

struct Fmtp {  // a=fmtp (RFC 8866 6.15)
    std::string format;
    std::string parameters;
    friend bool operator==(const Fmtp&, const Fmtp&) = default;
};

// One key of an a=crypto line (RFC 4568 6.1): inline:<key||salt>["|" lifetime]["|" MKI ":" length].
struct CryptoKey {
    Bytes key_and_salt;
    std::string lifetime;  // "2^20" or decimal, as received; empty when absent
    std::string mki;       // "1:4", as received; empty when absent
    friend bool operator==(const CryptoKey&, const CryptoKey&) = default;
};

// a=crypto (RFC 4568 4): tag, suite, keys, session parameters (KDR=, UNENCRYPTED_SRTP, WSH= ...).
struct Crypto {
    uint32_t tag = 0;
    std::string suite;
    std::vector<CryptoKey> keys;
    std::string session_parameters;
    friend bool operator==(const Crypto&, const Crypto&) = default;
};

struct RtcpAttribute {  // a=rtcp (RFC 3605)
    uint16_t port = 0;
    Connection address;  // empty: as the media's
    friend bool operator==(const RtcpAttribute&, const RtcpAttribute&) = default;
};

struct Fingerprint {  // a=fingerprint (RFC 8122 5)
    std::string hash;
    std::string value;
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

// ICE (RFC 8839), at either level. Candidates stay text: we answer as ICE-lite and need only ours.
struct Ice {
    std::string ufrag;
    std::string pwd;
    std::string options;
    bool lite = false;
    std::vector<std::string> candidates;
    bool end_of_candidates = false;
    friend bool operator==(const Ice&, const Ice&) = default;
    bool present() const { return !ufrag.empty(); }
};

struct Ssrc {  // a=ssrc:<id> <attribute>[:<value>] (RFC 5576)
    uint32_t id = 0;
    std::string attribute;
    friend bool operator==(const Ssrc&, const Ssrc&) = default;
};

// An m-line and what follows it, up to the next.
struct Media {
    std::string type;   // "audio", "video", "image", "application" ...
    uint16_t port = 0;  // 0: rejected or held closed (RFC 3264 6)
    uint16_t port_count = 1;
    Protocol protocol = Protocol::RtpAvp;
    std::string protocol_text;         // as received; what is written when the protocol is Other
    std::vector<std::string> formats;  // payload types, or whatever the protocol has
    std::string title;                 // i=
    Connection connection;             // c=; empty: the session's
    std::vector<Bandwidth> bandwidths;

    std::vector<RtpMap> rtpmaps;
    std::vector<Fmtp> fmtps;
    std::optional<Direction> direction;  // absent: the session's, else SendRecv
    std::optional<RtcpAttribute> rtcp;
    bool rtcp_mux = false;  // RFC 5761
    std::string ptime;      // milliseconds, as received; empty when absent
    std::string maxptime;
    std::vector<Crypto> cryptos;
    Ice ice;
    std::optional<Fingerprint> fingerprint;
    std::string setup;  // active, passive, actpass, holdconn (RFC 4145 4)
    std::vector<Ssrc> ssrcs;
    std::vector<Attribute> attributes;  // all others, in the order received

    friend bool operator==(const Media&, const Media&) = default;
    bool rejected() const { return port == 0; }
    // RTP profiles: those that carry payload types, and those that are encrypted.
    bool is_rtp() const;
    bool is_secure() const;
    const RtpMap* rtpmap(uint8_t payload_type) const;
};

// A whole description.
struct Session {
    Origin origin;
    std::string name = "-";           // s=
    std::string information;          // i=
    std::string uri;                  // u=
    std::vector<std::string> emails;  // e=
    std::vector<std::string> phones;  // p=
    Connection connection;            // c=; empty when every media has its own
    std::vector<Bandwidth> bandwidths;
    std::vector<std::string> times;  // values of t=; "0 0" for calls. r= and z= are not kept
    std::optional<Direction> direction;
    Ice ice;
    std::optional<Fingerprint> fingerprint;
    std::string setup;
    std::vector<Attribute> attributes;
    std::vector<Media> media;

    friend bool operator==(const Session&, const Session&) = default;
};

// What holds for a media section after the session's defaults are applied.
Direction direction_of(const Session& session, const Media& media);
const Connection& connection_of(const Session& session, const Media& media);
// Where its RTP and RTCP are to be sent; nullopt when the address is a name or absent, or the port
// is 0. RTCP: the port of a=rtcp, else that of RTP with rtcp-mux, else RTP + 1 (RFC 3605, RFC
// 5761).
std::optional<SocketAddress> rtp_address(const Session& session, const Media& media);
std::optional<SocketAddress> rtcp_address(const Session& session, const Media& media);

std::string_view to_string(Direction direction);  // "sendrecv" ...
std::string_view to_string(Protocol protocol);    // "RTP/AVP" ..., "" for Other
Protocol protocol_from(std::string_view text);    // Other when unknown

// Parses one description. Lines end with CRLF, LF or CR. What we act on is parsed strictly; what we
// only pass is kept as text, or left out when it cannot be read (b=, a=ssrc). Attributes unknown to
// us are kept (RFC 8866 5.13). INTEROP: unknown line types are skipped, s= and t= may be missing.
// Error::field names the line ("m", "a=crypto"), the message its number, Error::offset its first
// byte; sip_status is 400, or 413 for a limit.
Result<Session> parse(std::string_view text);

// Lines in the order of RFC 8866 5, each ended by CRLF.
std::string serialize(const Session& session);
void serialize_to(const Session& session, std::string& out);

}  // namespace tandem::sdp
