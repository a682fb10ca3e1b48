#include "model/json_writer.h"

#include <charconv>
#include <cmath>

namespace tandem::model {

void append_json_string(std::string& out, std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<uint8_t>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

void ObjectWriter::separate() {
    if (out_.back() != '{' && out_.back() != '[') out_ += ',';
}

void ObjectWriter::key(std::string_view name) {
    separate();
    out_ += '"';
    out_ += name;  // field names are identifiers of our own
    out_ += "\":";
}

void ObjectWriter::flag(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
}

void ObjectWriter::integer(std::string_view name, int64_t value) {
    key(name);
    char buffer[24];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out_.append(buffer, end);
}

void ObjectWriter::real(std::string_view name, double value) {
    key(name);
    char buffer[40];
    const auto end =
        std::to_chars(buffer, buffer + sizeof buffer, std::isfinite(value) ? value : 0).ptr;
    out_.append(buffer, end);
}

void ObjectWriter::text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
}

void ObjectWriter::bytes(std::string_view name, BytesView value) {
    text(name, base64_encode(value));
}

void ObjectWriter::id(std::string_view name, Bits128 value) {
    text(name, to_hex(value));
}

void ObjectWriter::open_list(std::string_view name) {
    key(name);
    out_ += '[';
}

void ObjectWriter::close_list() {
    out_ += ']';
}

void ObjectWriter::text_item(std::string_view text) {
    separate();
    append_json_string(out_, text);
}

void ObjectWriter::text_list(std::string_view name, const std::vector<std::string>& items) {
    open_list(name);
    for (const std::string& item : items) text_item(item);
    close_list();
}

}  // namespace tandem::model
