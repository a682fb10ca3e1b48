#include "sip/quoted_request.h"

#include "sip/headers.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

// Takes the next whole line off; empty: there is none, or it is the end of the headers.
std::string_view next_line(std::string_view& rest) {
    const size_t end = rest.find("\r\n");
    if (end == std::string_view::npos) return {};
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    return line;
}

bool is_request_that_may_begin(std::string_view line) {
    if (!line.ends_with(" SIP/2.0")) return false;
    const std::string_view method = line.substr(0, line.find(' '));
    return is_token(method) && method != "ACK" && method != "CANCEL";
}

}  // namespace

std::string_view branch_of_new_request(std::string_view quoted) {
    if (!is_request_that_may_begin(next_line(quoted))) return {};
    std::string_view branch;
    for (std::string_view line = next_line(quoted); !line.empty(); line = next_line(quoted)) {
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos) return {};
        const std::string_view name = trim_lws(line.substr(0, colon));
        const std::string_view value = trim_lws(line.substr(colon + 1));
        if (branch.empty() && same_name(name, "Via")) {
            const auto via = Via::parse(value);
            if (!via) return {};
            branch = via->branch();
        } else if (same_name(name, "To")) {
            const auto to = NameAddr::parse(value);
            return to && to->tag().empty() ? branch : std::string_view();
        }
    }
    return {};
}

}  // namespace tandem::sip
