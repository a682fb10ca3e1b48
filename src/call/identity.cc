#include "call/identity.h"

#include "sip/uri.h"

namespace tandem::call {

std::string shown_address(std::string_view name, std::string_view number, std::string_view domain) {
    std::string out;
    out.reserve(name.size() + number.size() + domain.size() + 16);
    if (!name.empty()) {
        out += '"';
        for (const char c : name) {
            if (c == '"' || c == '\\') out += '\\';
            out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
        out += "\" ";
    }
    out += "<sip:";
    out += sip::escape_user(number);
    out += '@';
    out += domain;
    out += '>';
    return out;
}

std::string shown_caller(const CallFacts& facts) {
    // RFC 3323 4.1.1.3.
    if (facts.hide_caller) return "\"Anonymous\" <sip:anonymous@anonymous.invalid>";
    if (facts.shown) {
        const std::string& domain = facts.shown->domain;
        return shown_address(facts.shown->name, facts.shown->number,
                             domain.empty() ? facts.domain_name : domain);
    }
    return shown_address(facts.caller_name, facts.caller_number, facts.domain_name);
}

std::string shown_callee(const CallFacts& facts) {
    const bool is_elsewhere = facts.shown && !facts.shown->domain.empty();
    return shown_address("", facts.dialled, is_elsewhere ? facts.shown->domain : facts.domain_name);
}

// INTEROP: phones read one or the other, and none minds those that it does not know. Test:
// services.py, an_intercom_call_is_to_answer_itself.
void add_answer_mode(std::string_view domain, std::vector<sip::HeaderField>& headers) {
    const std::string host(domain);
    headers.push_back({"Answer-Mode", "Auto"});
    headers.push_back({"Call-Info", "<sip:" + host + ">;answer-after=0"});
    headers.push_back({"Alert-Info", "<http://" + host + ">;info=alert-autoanswer;delay=0"});
}

}  // namespace tandem::call
