#include "sip/params.h"

#include <array>

#include "sip/limits.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

// A value without quotes: token or host (RFC 3261 25.1, gen-value). INTEROP: some put '/', '=', '@'
// and others in it bare; only what would confuse the rest of the header is refused.
bool is_bare_value(std::string_view value) {
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= ' ' || byte == 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' ||
            c == ',')
            return false;
    }
    return !value.empty();
}

// Takes "name", "name=value" or "name = \"quoted\"" off `rest` up to a separator. False: the text
// in front of the separator does not follow the grammar (it is skipped all the same).
bool take_param(std::string_view& rest, char separator, Param& param) {
    Scanner scanner(rest);
    scanner.skip_lws();
    param = {};
    const size_t start = scanner.position();
    while (!scanner.at_end() && scanner.peek() != separator && scanner.peek() != '=') {
        scanner.advance(1);
    }
    param.name = trim_lws(rest.substr(start, scanner.position() - start));
    bool sound = true;
    if (scanner.accept('=')) {
        param.has_value = true;
        scanner.skip_lws();
        if (scanner.peek() == '"') {
            const auto inside = scanner.quoted_string();
            param.quoted = inside.has_value();
            param.value = inside.value_or(std::string_view());
            sound = inside.has_value();
            scanner.skip_lws();
        }
        const size_t value_start = scanner.position();
        while (!scanner.at_end() && scanner.peek() != separator) scanner.advance(1);
        const auto bare = trim_lws(rest.substr(value_start, scanner.position() - value_start));
        if (!param.quoted) param.value = bare;
        sound = sound && (param.quoted ? bare.empty() : true);
    }
    rest.remove_prefix(scanner.position());
    return sound;
}

void skip_separator(std::string_view& rest, char separator) {
    rest = trim_lws(rest);
    if (!rest.empty() && rest.front() == separator) rest.remove_prefix(1);
}

}  // namespace

Params::Iterator& Params::Iterator::operator++() {
    do {
        skip_separator(rest_, separator_);
        if (rest_.empty()) {
            done_ = true;
            return *this;
        }
        take_param(rest_, separator_, param_);
    } while (param_.name.empty());
    return *this;
}

std::optional<std::string_view> Params::get(std::string_view name) const {
    for (const Param& param : *this) {
        if (same_name(param.name, name)) return param.value;
    }
    return std::nullopt;
}

std::optional<uint32_t> Params::number(std::string_view name) const {
    const auto value = get(name);
    return value ? parse_decimal(*value) : std::nullopt;
}

bool Params::well_formed() const {
    // Where each name stands. Left uninitialised, since all but a few places stay unused.
    struct Place {
        uint32_t offset;
        uint32_t size;
    };
    std::array<Place, params_max> places;
    size_t count = 0;
    std::string_view rest = trim_lws(text_);
    while (!rest.empty()) {
        // Only the first parameter may come without a separator before it.
        if (rest.front() == separator_) rest.remove_prefix(1);
        Param param;
        if (!take_param(rest, separator_, param) || !is_token(param.name)) return false;
        if (param.has_value && !param.quoted && !is_bare_value(param.value)) return false;
        if (count == params_max) return false;
        for (size_t i = 0; i < count; ++i) {
            if (same_name(text_.substr(places[i].offset, places[i].size), param.name)) return false;
        }
        places[count++] = {static_cast<uint32_t>(param.name.data() - text_.data()),
                           static_cast<uint32_t>(param.name.size())};
    }
    return true;
}

}  // namespace tandem::sip
