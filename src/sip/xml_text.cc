#include "sip/xml_text.h"

#include <cstddef>
#include <cstdint>

namespace tandem::sip {
namespace {

// How many bytes of well-formed UTF-8 (RFC 3629 4) begin here; 0: none.
size_t utf8_length(std::string_view text) {
    const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    const uint8_t first = at(0);
    if (first < 0x80) return 1;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    for (size_t i = 1; i < length; ++i)
        if ((at(i) & 0xc0) != 0x80) return 0;
    const bool is_overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
    const bool is_beyond = (first == 0xed && at(1) > 0x9f) || (first == 0xf4 && at(1) > 0x8f);
    return is_overlong || is_beyond ? 0 : length;
}

}  // namespace

void append_xml(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const size_t length = utf8_length(text);
        const char c = text.front();
        if (length == 0 || (length == 1 && static_cast<uint8_t>(c) < 0x20) || c == 0x7f) {
            out += '?';
        } else if (c == '&') {
            out += "&amp;";
        } else if (c == '<') {
            out += "&lt;";
        } else if (c == '>') {
            out += "&gt;";
        } else if (c == '"') {
            out += "&quot;";
        } else {
            out.append(text.substr(0, length));
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
}

void append_xml_attribute(std::string& out, std::string_view name, std::string_view text) {
    out.append(" ").append(name).append("=\"");
    append_xml(out, text);
    out += '"';
}

}  // namespace tandem::sip
