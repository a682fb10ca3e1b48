#include "sip/xml_reader.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "sip/body_limits.h"

namespace tandem::sip {
namespace {

constexpr std::string_view kWhite = " \t\r\n";

bool is_white(char c) {
    return kWhite.find(c) != std::string_view::npos;
}

// Those of ASCII; each byte of a longer character counts as one of a name.
bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':' || static_cast<uint8_t>(c) >= 0x80;
}
bool begins_name(char c) {
    return is_name_char(c) && !(c >= '0' && c <= '9') && c != '-' && c != '.';
}

// XML 1.0 2.2.
bool is_xml_char(uint32_t code) {
    return code == 0x9 || code == 0xa || code == 0xd || (code >= 0x20 && code <= 0xd7ff) ||
           (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}

void append_utf8(std::string& out, uint32_t code) {
    const auto add = [&](uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
        add(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        add(0xe0 | code >> 12);
        add(0x80 | (code >> 6 & 0x3f));
    } else {
        add(0xf0 | code >> 18);
        add(0x80 | (code >> 12 & 0x3f));
        add(0x80 | (code >> 6 & 0x3f));
    }
    add(0x80 | (code & 0x3f));
}

std::string_view prefix_of(std::string_view qualified) {
    const size_t colon = qualified.find(':');
    return colon == std::string_view::npos ? std::string_view() : qualified.substr(0, colon);
}

}  // namespace

XmlReader::XmlReader(std::string_view text) : input_(text) {
    (void)skip("\xef\xbb\xbf");  // a byte order mark
}

Error XmlReader::wrong(std::string_view what) const {
    Error error = make_error(ErrorCode::Malformed, "", what, 400);
    error.offset = at_;
    return error;
}

bool XmlReader::skip(std::string_view begin) {
    if (!input_.substr(at_).starts_with(begin)) return false;
    at_ += begin.size();
    return true;
}

void XmlReader::skip_white() {
    while (at_ < input_.size() && is_white(input_[at_])) ++at_;
}

Result<void> XmlReader::skip_past(std::string_view end) {
    const size_t found = input_.find(end, at_);
    if (found == std::string_view::npos) return wrong("what has begun here does not end");
    at_ = found + end.size();
    return {};
}

Result<XmlReader::Token> XmlReader::next() {
    if (std::exchange(closes_, false)) return close();
    while (at_ < input_.size()) {
        if (input_[at_] != '<') {
            if (!open_.empty()) return read_characters();
            if (!is_white(input_[at_])) return wrong("there is text outside of the element");
            skip_white();
        } else if (skip("<!--")) {
            TRY(skip_past("-->"));
        } else if (skip("<?")) {
            TRY(skip_past("?>"));
        } else {
            return read_markup();
        }
    }
    if (!open_.empty()) return wrong("it ends inside of an element");
    if (!had_root_) return wrong("there is no element");
    return Token::Finished;
}

Result<XmlReader::Token> XmlReader::read_markup() {
    if (skip("<![CDATA[")) return read_cdata();
    if (skip("<!")) return wrong("document types are not taken");
    if (skip("</")) return end_element();
    ++at_;
    return begin_element();
}

Result<std::string_view> XmlReader::read_name() {
    const size_t begin = at_;
    while (at_ < input_.size() && is_name_char(input_[at_])) ++at_;
    const std::string_view name = input_.substr(begin, at_ - begin);
    if (name.empty() || !begins_name(name[0])) return wrong("a name is expected here");
    const bool is_odd = name.front() == ':' || name.back() == ':' ||
                        std::ranges::count(name, ':') > 1 || name.size() > xml_name_bytes_max;
    if (is_odd) return wrong("this name is none, or too long");
    return name;
}

Result<XmlReader::Token> XmlReader::begin_element() {
    if (open_.empty() && had_root_) return wrong("there is more than one element at the top");
    if (open_.size() >= xml_depth_max) return wrong("elements are nested too deeply");
    const std::string_view qualified = TRY(read_name());
    const size_t bindings = bindings_.size();
    std::vector<std::string_view> names;
    while (true) {
        const size_t before = at_;
        skip_white();
        if (at_ >= input_.size()) return wrong("it ends inside of a tag");
        if (skip("/>")) {
            closes_ = true;
            break;
        }
        if (skip(">")) break;
        if (at_ == before) return wrong("white space is expected here");
        TRY(read_attribute(names));
    }
    had_root_ = true;
    open_.push_back({qualified, bindings});
    TRY(settle_name(qualified));
    return Token::Begin;
}

Result<void> XmlReader::read_attribute(std::vector<std::string_view>& names) {
    const std::string_view name = TRY(read_name());
    if (std::ranges::find(names, name) != names.end()) return wrong("an attribute comes twice");
    if (names.size() >= xml_attributes_max) return wrong("there are too many attributes");
    names.push_back(name);
    skip_white();
    if (!skip("=")) return wrong("'=' is expected here");
    skip_white();
    const char quote = at_ < input_.size() ? input_[at_] : '\0';
    if (quote != '"' && quote != '\'') return wrong("a quote is expected here");
    ++at_;
    const size_t begin = at_;
    TRY(skip_past(std::string_view(&quote, 1)));
    const std::string_view raw = input_.substr(begin, at_ - 1 - begin);
    if (raw.find('<') != std::string_view::npos)
        return wrong("'<' is in the value of an attribute");
    std::string value;
    TRY(resolve(raw, value));
    const bool is_default = name == "xmlns";
    if (!is_default && !name.starts_with("xmlns:")) return {};
    const std::string_view prefix = is_default ? std::string_view() : name.substr(6);
    if (!is_default && value.empty()) return wrong("a prefix stands for nothing");
    bindings_.push_back({prefix, std::move(value)});
    return {};
}

// Namespaces 1.0 6: the default one is of elements without a prefix.
Result<void> XmlReader::settle_name(std::string_view qualified) {
    const std::string_view prefix = prefix_of(qualified);
    name_ = prefix.empty() ? qualified : qualified.substr(prefix.size() + 1);
    for (size_t i = bindings_.size(); i-- > 0;) {
        if (bindings_[i].prefix != prefix) continue;
        space_ = bindings_[i].space;
        return {};
    }
    space_.clear();
    if (prefix == "xml") space_ = "http://www.w3.org/XML/1998/namespace";
    if (!prefix.empty() && space_.empty()) return wrong("a prefix stands for no namespace");
    return {};
}

Result<XmlReader::Token> XmlReader::end_element() {
    const std::string_view qualified = TRY(read_name());
    skip_white();
    if (!skip(">")) return wrong("'>' is expected here");
    if (open_.empty() || open_.back().qualified != qualified)
        return wrong("an element ends that is not the last to begin");
    return close();
}

XmlReader::Token XmlReader::close() {
    (void)settle_name(open_.back().qualified);  // it was good at the beginning
    bindings_.resize(open_.back().bindings);
    open_.pop_back();
    return Token::End;
}

Result<XmlReader::Token> XmlReader::read_characters() {
    const size_t end = std::min(input_.find('<', at_), input_.size());
    const std::string_view raw = input_.substr(at_, end - at_);
    text_.clear();
    TRY(resolve(raw, text_));
    at_ = end;
    return Token::Text;
}

Result<XmlReader::Token> XmlReader::read_cdata() {
    if (open_.empty()) return wrong("there is text outside of the element");
    const size_t begin = at_;
    TRY(skip_past("]]>"));
    text_ = input_.substr(begin, at_ - 3 - begin);
    return Token::Text;
}

Result<void> XmlReader::resolve(std::string_view raw, std::string& out) {
    while (!raw.empty()) {
        const size_t plain = std::min(raw.find('&'), raw.size());
        out.append(raw.substr(0, plain));
        raw.remove_prefix(plain);
        if (raw.empty()) break;
        const size_t end = raw.find(';');
        if (end == std::string_view::npos) return wrong("'&' is no reference");
        TRY(resolve_reference(raw.substr(1, end - 1), out));
        raw.remove_prefix(end + 1);
    }
    return {};
}

// XML 1.0 4.1, 4.6.
Result<void> XmlReader::resolve_reference(std::string_view reference, std::string& out) {
    constexpr std::pair<std::string_view, char> kNamed[] = {
        {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [name, c] : kNamed) {
        if (reference != name) continue;
        out += c;
        return {};
    }
    if (!reference.starts_with('#')) return wrong("there is no such entity");
    reference.remove_prefix(1);
    const bool is_hex = reference.starts_with('x');
    if (is_hex) reference.remove_prefix(1);
    uint32_t code = 0;
    const char* end = reference.data() + reference.size();
    const auto [stopped, error] = std::from_chars(reference.data(), end, code, is_hex ? 16 : 10);
    if (error != std::errc() || stopped != end || !is_xml_char(code))
        return wrong("a reference names no character");
    append_utf8(out, code);
    return {};
}

}  // namespace tandem::sip
