#include "call/history.h"

#include "call/identity.h"
#include "sip/uri.h"

namespace tandem::call {
namespace {

using routing::Forward;
using routing::ForwardReason;

// RFC 5806 3.3.
std::string_view diversion_reason(ForwardReason reason) {
    switch (reason) {
        case ForwardReason::Always:
            return "unconditional";
        case ForwardReason::Busy:
            return "user-busy";
        case ForwardReason::NoAnswer:
            return "no-answer";
        case ForwardReason::Unregistered:
            return "unavailable";
    }
    return "unknown";
}

// RFC 4458 4, and RFC 7544 7 for what it leaves out.
std::string_view cause(ForwardReason reason) {
    switch (reason) {
        case ForwardReason::Always:
            return "302";
        case ForwardReason::Busy:
            return "486";
        case ForwardReason::NoAnswer:
            return "408";
        case ForwardReason::Unregistered:
            return "503";
    }
    return "404";
}

}  // namespace

// The latest forwarding is the first Diversion (RFC 5806 4.1), and the last entry of History-Info,
// where each entry but what was dialled says which one it comes from (RFC 7044 10.3).
std::vector<sip::HeaderField> history_headers(const std::vector<Forward>& path,
                                              std::string_view domain) {
    std::vector<sip::HeaderField> headers;
    if (path.empty()) return headers;
    for (auto each = path.rbegin(); each != path.rend(); ++each) {
        std::string diversion = shown_address(each->name, each->number, domain) + ";reason=";
        headers.push_back({"Diversion", diversion += diversion_reason(each->reason)});
    }
    std::string index = "1";
    std::string history = shown_address("", path.front().number, domain) + ";index=1";
    for (const Forward& each : path) {
        const std::string parent = index;
        index += ".1";
        history.append(", <sip:").append(sip::escape_user(each.to)).append("@").append(domain);
        history.append(";cause=").append(cause(each.reason)).append(">;index=").append(index);
        history.append(";mp=").append(parent);
    }
    headers.push_back({"History-Info", std::move(history)});
    return headers;
}

}  // namespace tandem::call
