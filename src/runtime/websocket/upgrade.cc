// The opening handshake, RFC 6455 4.
#include "base/bytes.h"
#include "base/crypto.h"
#include "runtime/websocket/websocket.h"

namespace tandem::runtime {

namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 1.3
constexpr size_t kKeyOctets = 16;
constexpr size_t kProtocolsMax = 16;

Error refused(int status, std::string_view field, std::string_view message) {
    return make_error(ErrorCode::Malformed, field, message, status);
}

bool is_printable(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    }
    return true;
}

// Calls `each` with the trimmed parts of a comma-separated list.
template <typename F>
void for_each_token(std::string_view list, F each) {
    while (!list.empty()) {
        const size_t comma = list.find(',');
        const std::string_view token = trim(list.substr(0, comma));
        if (!token.empty()) each(token);
        if (comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

bool has_token(std::string_view list, std::string_view wanted) {
    bool found = false;
    for_each_token(list, [&](std::string_view token) {
        found = found || equals_ignoring_case(token, wanted);
    });
    return found;
}

// What of the header decides whether this is an upgrade.
struct Seen {
    bool host = false;
    bool upgrade = false;
    bool connection = false;
    bool version = false;
};

void take_header(std::string_view name, std::string_view value, UpgradeRequest& request,
                 Seen& seen) {
    if (equals_ignoring_case(name, "host")) seen.host = true;
    if (equals_ignoring_case(name, "upgrade")) seen.upgrade |= has_token(value, "websocket");
    if (equals_ignoring_case(name, "connection")) seen.connection |= has_token(value, "upgrade");
    if (equals_ignoring_case(name, "sec-websocket-version")) seen.version = value == "13";
    if (equals_ignoring_case(name, "sec-websocket-key")) request.key = value;
    if (equals_ignoring_case(name, "origin")) request.origin = value;
    if (equals_ignoring_case(name, "sec-websocket-protocol")) {
        for_each_token(value, [&](std::string_view token) {
            if (request.protocols.size() < kProtocolsMax) request.protocols.emplace_back(token);
        });
    }
}

Result<void> read_request_line(std::string_view line, UpgradeRequest& request) {
    if (!line.starts_with("GET ")) return refused(405, "method", "an upgrade is a GET");
    line.remove_prefix(4);
    const size_t space = line.find(' ');
    if (space == std::string_view::npos || line.substr(space + 1) != "HTTP/1.1") {
        return refused(400, "version", "HTTP/1.1 expected");
    }
    request.path = line.substr(0, space);
    if (!request.path.starts_with('/') || !is_printable(request.path)) {
        return refused(400, "path", "a path expected");
    }
    return {};
}

Result<void> check(const UpgradeRequest& request, const Seen& seen) {
    if (!seen.upgrade || !seen.connection) {
        return refused(426, "Upgrade", "this address speaks WebSocket only");
    }
    if (!seen.version) return refused(426, "Sec-WebSocket-Version", "13 expected");
    if (!seen.host) return refused(400, "Host", "is missing");
    const auto key = base64_decode(request.key);
    if (!key || key->size() != kKeyOctets) {
        return refused(400, "Sec-WebSocket-Key", "16 octets in base64 expected");
    }
    return {};
}

}  // namespace

bool UpgradeRequest::offers(std::string_view protocol) const {
    for (const std::string& offered : protocols) {
        if (equals_ignoring_case(offered, protocol)) return true;
    }
    return false;
}

Result<std::optional<UpgradeHead>> read_upgrade(std::string_view bytes) {
    const size_t end = bytes.substr(0, websocket_head_bytes_max).find(kHeadEnd);
    if (end == std::string_view::npos) {
        if (bytes.size() >= websocket_head_bytes_max) {
            return make_error(ErrorCode::TooLarge, "head", "the request head is too large", 431);
        }
        return std::optional<UpgradeHead>();
    }
    UpgradeHead head;
    head.bytes = end + kHeadEnd.size();
    std::string_view lines = bytes.substr(0, end);
    const size_t first_end = lines.find("\r\n");
    TRY(read_request_line(lines.substr(0, first_end), head.request));
    Seen seen;
    while (true) {
        const size_t line_end = lines.find("\r\n");
        if (line_end == std::string_view::npos) break;
        lines.remove_prefix(line_end + 2);
        const std::string_view line = lines.substr(0, lines.find("\r\n"));
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0 || !is_printable(line)) {
            return refused(400, "head", "a header line has no name");
        }
        take_header(line.substr(0, colon), trim(line.substr(colon + 1)), head.request, seen);
    }
    TRY(check(head.request, seen));
    return std::optional<UpgradeHead>(std::move(head));
}

std::string websocket_accept(std::string_view key) {
    std::string joined(key);
    joined.append(kGuid);
    return base64_encode(hash(HashAlgorithm::Sha1, as_bytes(joined)));
}

std::string upgrade_answer(const UpgradeRequest& request, std::string_view protocol) {
    std::string answer =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: ";
    answer.append(websocket_accept(request.key)).append("\r\n");
    if (!protocol.empty()) {
        answer.append("Sec-WebSocket-Protocol: ").append(protocol).append("\r\n");
    }
    return answer.append("\r\n");
}

std::string upgrade_refusal(int status) {
    std::string_view reason = "Bad Request";
    std::string_view extra;
    if (status == 403) reason = "Forbidden";
    if (status == 404) reason = "Not Found";
    if (status == 405) reason = "Method Not Allowed";
    if (status == 431) reason = "Request Header Fields Too Large";
    if (status == 426) {
        reason = "Upgrade Required";
        extra = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    }
    std::string answer = "HTTP/1.1 " + std::to_string(status) + " ";
    answer.append(reason).append("\r\n").append(extra);
    return answer.append("Content-Length: 0\r\nConnection: close\r\n\r\n");
}

}  // namespace tandem::runtime
