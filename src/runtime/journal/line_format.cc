#include "runtime/journal/line_format.h"

#include <string_view>

#include "runtime/journal/limits.h"

namespace tandem::runtime {

namespace {

std::string_view name_of(ports::LogLine::Level level) {
    switch (level) {
        case ports::LogLine::Level::Debug:
            return "debug";
        case ports::LogLine::Level::Info:
            return "info";
        case ports::LogLine::Level::Warn:
            return "warn";
        case ports::LogLine::Level::Error:
            return "error";
    }
    return "info";
}

// JSON's escapes (RFC 8259 7), which logfmt readers understand too.
void append_quoted(std::string& out, std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    out.push_back('"');
    for (const char c : text.substr(0, journal_text_bytes_max)) {
        const auto octet = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (c == '\n') {
            out.append("\\n");
        } else if (octet < 0x20 || octet == 0x7f) {
            out.append("\\u00").push_back(digits[octet >> 4]);
            out.push_back(digits[octet & 15]);
        } else {
            out.push_back(c);
        }
    }
    out.push_back('"');
}

class Line {
 public:
    explicit Line(JournalFormat format) : format_(format) {
        if (format_ == JournalFormat::Json) out_.push_back('{');
    }
    void add(std::string_view key, std::string_view value) {
        if (value.empty()) return;
        begin(key);
        const bool plain = format_ == JournalFormat::Logfmt && is_plain(value);
        if (plain) {
            out_.append(value);
        } else {
            append_quoted(out_, value);
        }
    }
    void add_number(std::string_view key, uint64_t value) {
        if (value == 0) return;
        begin(key);
        out_.append(std::to_string(value));
    }
    std::string take() {
        if (format_ == JournalFormat::Json) out_.push_back('}');
        return std::move(out_);
    }

 private:
    static bool is_plain(std::string_view text) {
        for (const char c : text) {
            const bool safe = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                              (c >= 'A' && c <= 'Z') ||
                              std::string_view(".-_:@+/").find(c) != std::string_view::npos;
            if (!safe) return false;
        }
        return text.size() <= journal_text_bytes_max;
    }
    void begin(std::string_view key) {
        const bool json = format_ == JournalFormat::Json;
        if (out_.size() > (json ? 1u : 0u)) out_.push_back(json ? ',' : ' ');
        if (json) out_.push_back('"');
        out_.append(key);
        out_.append(json ? "\":" : "=");
    }

    JournalFormat format_;
    std::string out_;
};

}  // namespace

std::string journal_line(const ports::LogLine& line, UtcTime at, uint16_t node,
                         ports::Instance from, JournalFormat format) {
    Line out(format);
    out.add("time", to_rfc3339(at));
    out.add("level", name_of(line.level));
    out.add_number("node", node);
    out.add_number("from", from.number);
    out.add("domain", line.domain);
    out.add("call", line.call);
    out.add("text", line.text);
    return out.take();
}

}  // namespace tandem::runtime
