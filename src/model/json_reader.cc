#include "model/json_reader.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "base/check.h"

namespace tandem::model {

namespace json = boost::json;

namespace {

std::string_view kind_of(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            return "null";
        case json::kind::bool_:
            return "true or false";
        case json::kind::int64:
        case json::kind::uint64:
        case json::kind::double_:
            return "a number";
        case json::kind::string:
            return "a string";
        case json::kind::array:
            return "a list";
        case json::kind::object:
            return "an object";
    }
    return "";
}

std::string expected(std::string_view what, const json::value& got) {
    return "must be " + std::string(what) + ", not " + std::string(kind_of(got));
}

std::string quoted(std::string_view text) {
    const bool cut = text.size() > quoted_bytes_max;
    return "'" + std::string(text.substr(0, quoted_bytes_max)) + (cut ? "...'" : "'");
}

std::string one_of(std::span<const std::string_view> names) {
    std::string out = "must be one of ";
    for (size_t i = 0; i < names.size(); ++i) {
        if (i > 0) out += ", ";
        out += names[i];
    }
    return out;
}

std::string trimmed(double value) {
    std::string text = std::to_string(value);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
}

std::string_view view(const json::string& text) {
    return {text.data(), text.size()};
}

// An integer, also when written as 60.0: JSON has one kind of number (RFC 8259 6).
std::optional<int64_t> as_integer(const json::value& value) {
    if (const auto* number = value.if_int64()) return *number;
    if (const auto* number = value.if_double()) {
        const double whole = std::trunc(*number);
        if (whole == *number && std::fabs(whole) < 9.0e15) return static_cast<int64_t>(whole);
    }
    return std::nullopt;
}

std::optional<size_t> index_of(const json::value& value, std::span<const std::string_view> names) {
    const auto* text = value.if_string();
    if (text == nullptr) return std::nullopt;
    const auto found = std::find(names.begin(), names.end(), view(*text));
    if (found == names.end()) return std::nullopt;
    return static_cast<size_t>(found - names.begin());
}

std::optional<Bits128> as_id(const json::value& value) {
    const auto* text = value.if_string();
    return text == nullptr ? std::nullopt : bits128_from_hex(view(*text));
}

constexpr std::string_view id_wanted = "must be an id of 32 hexadecimal digits";

}  // namespace

std::string ObjectReader::path(std::string_view name, size_t index) const {
    std::string out;
    if (parent_ != nullptr) out = parent_->path(name_, index_) + ".";
    out += name;
    if (index != no_index) out += "[" + std::to_string(index) + "]";
    return out;
}

void ObjectReader::fail(ErrorCode code, std::string_view name, std::string message, size_t index) {
    if (error_) return;
    error_ = Error{code, path(name, index), std::move(message), 0, 0};
}

void ObjectReader::adopt(ObjectReader& inner) {
    if (!error_ && inner.error_) error_ = std::move(inner.error_);
}

const json::value* ObjectReader::find(std::string_view name, Presence presence) {
    if (error_) return nullptr;
    CHECK(asked_count_ < asked_.size());
    asked_[asked_count_++] = name;
    const json::value* value = object_.if_contains({name.data(), name.size()});
    if (value != nullptr) ++found_count_;
    if (value == nullptr && presence == Presence::Required)
        fail(ErrorCode::Missing, name, "is required");
    return value;
}

bool ObjectReader::has_value(std::string_view name) {
    const json::value* value = find(name, Presence::Optional);
    if (value != nullptr && !value->is_null()) {
        --asked_count_;  // the field's own call asks again
        --found_count_;
        return true;
    }
    return false;
}

void ObjectReader::flag(std::string_view name, bool& out, Presence presence) {
    const json::value* value = find(name, presence);
    if (value == nullptr) return;
    if (!value->is_bool())
        return fail(ErrorCode::Malformed, name, expected("true or false", *value));
    out = value->get_bool();
}

std::optional<int64_t> ObjectReader::integer_value(std::string_view name, IntegerRule rule) {
    const json::value* value = find(name, rule.presence);
    if (value == nullptr) return std::nullopt;
    const auto number = as_integer(*value);
    const double* real = value->if_double();
    const bool too_big = value->is_uint64() || (real != nullptr && std::trunc(*real) == *real);
    if (number && (source_ == Source::Store || (*number >= rule.min && *number <= rule.max)))
        return std::clamp(*number, INT64_C(-1) << 53, INT64_C(1) << 53);
    const std::string wanted =
        "an integer from " + std::to_string(rule.min) + " to " + std::to_string(rule.max);
    if (number || too_big)
        fail(ErrorCode::OutOfRange, name, "must be " + wanted);
    else
        fail(ErrorCode::Malformed, name,
             value->is_number() ? "must be " + wanted : expected(wanted, *value));
    return std::nullopt;
}

void ObjectReader::real(std::string_view name, double& out, RealRule rule) {
    const json::value* value = find(name, rule.presence);
    if (value == nullptr) return;
    if (!value->is_number()) return fail(ErrorCode::Malformed, name, expected("a number", *value));
    const double number = value->to_number<double>();
    if (source_ == Source::Api && !(number >= rule.min && number <= rule.max)) {
        return fail(ErrorCode::OutOfRange, name,
                    "must be a number from " + trimmed(rule.min) + " to " + trimmed(rule.max));
    }
    out = number;
}

bool ObjectReader::check_text(std::string_view name, std::string_view text, const TextRule& rule) {
    if (source_ == Source::Store) return true;
    if (text.size() < rule.length_min || text.size() > rule.length_max) {
        fail(ErrorCode::OutOfRange, name,
             "must have " + std::to_string(rule.length_min) + " to " +
                 std::to_string(rule.length_max) + " bytes, not " + std::to_string(text.size()));
        return false;
    }
    if (!matches(rule.format, text)) {
        fail(ErrorCode::Malformed, name,
             "must be " + std::string(describe(rule.format)) + ", not " + quoted(text));
        return false;
    }
    return true;
}

void ObjectReader::text(std::string_view name, std::string& out, const TextRule& rule) {
    const json::value* value = find(name, rule.presence);
    if (value == nullptr) return;
    const auto* text = value->if_string();
    if (text == nullptr) return fail(ErrorCode::Malformed, name, expected("a string", *value));
    if (check_text(name, view(*text), rule)) out.assign(text->data(), text->size());
}

void ObjectReader::input_only(std::string_view name, const TextRule& rule) {
    const json::value* value = find(name, rule.presence);
    if (value == nullptr) return;
    const auto* text = value->if_string();
    if (text == nullptr) return fail(ErrorCode::Malformed, name, expected("a string", *value));
    if (source_ == Source::Store) return;
    // Never quoted in the message: what is only taken in is a secret.
    if (text->size() < rule.length_min || text->size() > rule.length_max) {
        fail(ErrorCode::OutOfRange, name,
             "must have " + std::to_string(rule.length_min) + " to " +
                 std::to_string(rule.length_max) + " bytes");
    } else if (!matches(rule.format, view(*text))) {
        fail(ErrorCode::Malformed, name, "must be " + std::string(describe(rule.format)));
    }
}

void ObjectReader::bytes(std::string_view name, Bytes& out, size_t size_max) {
    const json::value* value = find(name, Presence::Optional);
    if (value == nullptr) return;
    const auto* text = value->if_string();
    if (text == nullptr)
        return fail(ErrorCode::Malformed, name, expected("a base64 string", *value));
    auto decoded = base64_decode(view(*text));
    if (!decoded) return fail(ErrorCode::Malformed, name, "must be base64");
    if (decoded->size() > size_max) {
        return fail(ErrorCode::TooLarge, name,
                    "must have at most " + std::to_string(size_max) + " bytes");
    }
    out = std::move(*decoded);
}

void ObjectReader::id(std::string_view name, Bits128& out, Presence presence) {
    const json::value* value = find(name, presence);
    if (value == nullptr) return;
    const auto bits = as_id(*value);
    if (!bits) return fail(ErrorCode::Malformed, name, std::string(id_wanted));
    out = *bits;
}

void ObjectReader::time(std::string_view name, UtcTime& out, Presence presence) {
    // The year 9999: what RFC 3339 can still write.
    const IntegerRule rule{.min = 0, .max = 253'402'300'799'999, .presence = presence};
    if (const auto value = integer_value(name, rule)) out = UtcTime{*value};
}

std::optional<size_t> ObjectReader::enum_index(std::string_view name,
                                               std::span<const std::string_view> names,
                                               Presence presence) {
    const json::value* value = find(name, presence);
    if (value == nullptr) return std::nullopt;
    const auto index = index_of(*value, names);
    // The store may hold a choice of a newer version: the default stands in for it.
    if (!index && !(source_ == Source::Store && value->is_string()))
        fail(ErrorCode::OutOfRange, name, one_of(names));
    return index;
}

const json::object* ObjectReader::object_value(std::string_view name, Presence presence) {
    const json::value* value = find(name, presence);
    if (value == nullptr) return nullptr;
    const auto* object = value->if_object();
    if (object == nullptr) fail(ErrorCode::Malformed, name, expected("an object", *value));
    return object;
}

std::optional<size_t> ObjectReader::list_size(std::string_view name, ListRule rule) {
    const json::value* value = find(name, rule.presence);
    if (value == nullptr) return std::nullopt;
    const auto* list = value->if_array();
    if (list == nullptr) {
        fail(ErrorCode::Malformed, name, expected("a list", *value));
        return std::nullopt;
    }
    const bool fits = list->size() >= rule.items_min && list->size() <= rule.items_max;
    if (source_ == Source::Api && !fits) {
        fail(ErrorCode::OutOfRange, name,
             "must have " + std::to_string(rule.items_min) + " to " +
                 std::to_string(rule.items_max) + " items, not " + std::to_string(list->size()));
        return std::nullopt;
    }
    return list->size();
}

const json::value* ObjectReader::list_item(std::string_view name, size_t index) {
    const json::value* list = object_.if_contains({name.data(), name.size()});
    CHECK(list != nullptr && list->is_array() && index < list->get_array().size());
    return &list->get_array()[index];
}

void ObjectReader::text_list(std::string_view name, std::vector<std::string>& out, ListRule list,
                             const TextRule& item) {
    const auto count = list_size(name, list);
    if (!count) return;
    out.clear();
    for (size_t i = 0; i < *count && !error_; ++i) {
        const json::value& value = *list_item(name, i);
        const auto* text = value.if_string();
        if (text == nullptr)
            return fail(ErrorCode::Malformed, name, expected("a string", value), i);
        if (!check_text(name, view(*text), item)) {
            error_->field = path(name, i);
            return;
        }
        out.emplace_back(text->data(), text->size());
    }
}

std::optional<size_t> ObjectReader::enum_item(std::string_view name, size_t index,
                                              std::span<const std::string_view> names) {
    const json::value& value = *list_item(name, index);
    const auto found = index_of(value, names);
    if (!found && !(source_ == Source::Store && value.is_string()))
        fail(ErrorCode::OutOfRange, name, one_of(names), index);
    return found;
}

std::optional<Bits128> ObjectReader::id_item(std::string_view name, size_t index) {
    const auto bits = as_id(*list_item(name, index));
    if (!bits) fail(ErrorCode::Malformed, name, std::string(id_wanted), index);
    return bits;
}

const json::object* ObjectReader::object_item(std::string_view name, size_t index) {
    const json::value& value = *list_item(name, index);
    const auto* object = value.if_object();
    if (object == nullptr) fail(ErrorCode::Malformed, name, expected("an object", value), index);
    return object;
}

void ObjectReader::finish() {
    if (error_ || source_ == Source::Store || found_count_ == object_.size()) return;
    const auto begin = asked_.begin();
    const auto end = begin + static_cast<ptrdiff_t>(asked_count_);
    for (const auto& pair : object_) {
        const std::string_view name(pair.key().data(), pair.key().size());
        if (std::find(begin, end, name) != end) continue;
        std::string known = "is not known; the fields are ";
        for (auto it = begin; it != end; ++it)
            known += (it == begin ? "" : ", ") + std::string(*it);
        return fail(ErrorCode::UnknownField, name.substr(0, quoted_bytes_max), std::move(known));
    }
}

}  // namespace tandem::model
