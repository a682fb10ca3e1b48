// A small XML reader (W3C XML 1.0, Namespaces in XML 1.0) for the bodies of event packages: one
// token after the other over a text that outlives it, bounded in depth, names and attributes.
//
// What bodies of SIP do not need is refused, as it serves attacks only: document types, and with
// them entities of one's own. Attributes are looked at for their namespaces alone. Comments and
// processing instructions are skipped. The text is taken for UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tandem::sip {

class XmlReader {
 public:
    enum class Token : uint8_t { Begin, End, Text, Finished };

    explicit XmlReader(std::string_view text);

    // An error is the last that it says; its `offset` is where.
    Result<Token> next();

    // Of an element that begins or ends: its name without a prefix, and its namespace ("": none).
    std::string_view name() const { return name_; }
    std::string_view space() const { return space_; }
    // Of a Text: with references resolved. One run of text may come in several pieces.
    const std::string& text() const { return text_; }
    // Of open elements, with one that has just begun, without one that has just ended.
    size_t depth() const { return open_.size(); }

 private:
    struct Binding {
        std::string_view prefix;
        std::string space;
    };
    struct Open {
        std::string_view qualified;
        size_t bindings = 0;  // before it
    };

    Error wrong(std::string_view what) const;
    bool skip(std::string_view begin);
    void skip_white();
    Result<void> skip_past(std::string_view end);
    Result<std::string_view> read_name();
    Result<Token> read_markup();
    Result<Token> begin_element();
    Result<Token> end_element();
    Token close();
    Result<void> read_attribute(std::vector<std::string_view>& names);
    Result<Token> read_characters();
    Result<Token> read_cdata();
    Result<void> resolve(std::string_view raw, std::string& out);
    Result<void> resolve_reference(std::string_view reference, std::string& out);
    Result<void> settle_name(std::string_view qualified);

    std::string_view input_;
    size_t at_ = 0;
    std::vector<Open> open_;
    std::vector<Binding> bindings_;
    std::string_view name_;
    std::string space_;
    std::string text_;
    bool closes_ = false;  // an empty element, whose end has not been told
    bool had_root_ = false;
};

}  // namespace tandem::sip
