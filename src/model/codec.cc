#include "model/codec.h"

#include <boost/json.hpp>
#include <boost/json/src.hpp>  // the library itself, compiled here and nowhere else
#include <utility>

#include "base/check.h"
#include "model/json_reader.h"
#include "model/json_writer.h"
#include "model/limits.h"
#include "model/patch.h"

namespace tandem::model {

namespace json = boost::json;

namespace {

// Parses into `arena`, so that a small document costs no allocation.
Result<json::value> parse(std::string_view text, json::storage_ptr arena) {
    if (text.size() > document_bytes_max)
        return make_error(ErrorCode::TooLarge, "", "the document is larger than 512 KiB");
    json::parse_options options;
    options.max_depth = document_depth_max;
    json::stream_parser parser(std::move(arena), options);
    boost::system::error_code error;
    const size_t read = parser.write_some(text.data(), text.size(), error);
    if (!error && read == text.size()) parser.finish(error);
    if (error || read != text.size()) {
        Error failure =
            make_error(ErrorCode::Malformed, "", "is not JSON at byte " + std::to_string(read));
        failure.offset = read;
        return failure;
    }
    return parser.release();
}

const FieldShape* find_field(const Shape& shape, std::string_view name) {
    for (const FieldShape& field : shape.fields)
        if (field.name == name) return &field;
    return nullptr;
}

std::string_view key_of(const json::key_value_pair& pair) {
    return {pair.key().data(), pair.key().size()};
}

// Depth is bounded by the parser's max_depth and by the shapes themselves.
void carry_unknown(const json::object& previous, json::object& next, const Shape& shape) {
    for (const auto& pair : previous) {
        const FieldShape* field = find_field(shape, key_of(pair));
        if (field == nullptr) {
            next.insert(pair);
            continue;
        }
        json::value* inner = next.if_contains(pair.key());
        if (field->nested == nullptr || inner == nullptr) continue;
        if (pair.value().is_object() && inner->is_object())
            carry_unknown(pair.value().get_object(), inner->get_object(), *field->nested);
    }
}

bool has_unknown(const json::object& object, const Shape& shape) {
    for (const auto& pair : object) {
        const FieldShape* field = find_field(shape, key_of(pair));
        if (field == nullptr) return true;
        const bool nested = field->nested != nullptr && pair.value().is_object();
        if (nested && has_unknown(pair.value().get_object(), *field->nested)) return true;
    }
    return false;
}

std::string carry_from(std::string_view previous, std::string_view value, const Shape& shape) {
    const auto old_document = parse(previous, {});
    if (!old_document || !old_document->is_object()) return std::string(value);
    const json::value* old_value = old_document->get_object().if_contains("value");
    if (old_value == nullptr || !old_value->is_object()) return std::string(value);
    if (!has_unknown(old_value->get_object(), shape)) return std::string(value);
    auto document = parse(value, {});
    CHECK(document.has_value() && document->is_object());
    carry_unknown(old_value->get_object(), document->get_object(), shape);
    return json::serialize(*document);
}

// RFC 7396 2.
void merge(json::object& target, const json::object& patch) {
    for (const auto& pair : patch) {
        if (pair.value().is_null()) {
            target.erase(pair.key());
        } else if (pair.value().is_object()) {
            json::value& inner = target[pair.key()];
            if (!inner.is_object()) inner = json::object();
            merge(inner.get_object(), pair.value().get_object());
        } else {
            target[pair.key()] = pair.value();
        }
    }
}

// What is null is taken away, so decode() never sees it: nothing unknown may hide there. Names the
// first such field with its path. Depth is bounded by the parser's max_depth.
Result<void> check_removed(const json::object& patch, const Shape& shape,
                           const std::string& prefix) {
    for (const auto& pair : patch) {
        const FieldShape* field = find_field(shape, key_of(pair));
        const std::string path = prefix + std::string(key_of(pair).substr(0, quoted_bytes_max));
        if (field == nullptr && pair.value().is_null()) {
            std::string known = "is not known; the fields are ";
            for (const FieldShape& each : shape.fields)
                known += (&each == shape.fields.data() ? "" : ", ") + std::string(each.name);
            return make_error(ErrorCode::UnknownField, path, known);
        }
        if (field == nullptr || field->nested == nullptr || !pair.value().is_object()) continue;
        TRY(check_removed(pair.value().get_object(), *field->nested, path + "."));
    }
    return {};
}

Error not_allowed(std::string_view field, std::string_view message) {
    return make_error(ErrorCode::Forbidden, field, message);
}

}  // namespace

namespace detail {

Result<void> read_document(std::string_view text, Source source, ReadFunction read, void* out) {
    unsigned char buffer[8192];
    json::monotonic_resource arena(buffer);
    const json::value document = TRY(parse(text, &arena));
    if (!document.is_object())
        return make_error(ErrorCode::Malformed, "", "the document must be a JSON object");
    ObjectReader reader(document.get_object(), source);
    read(reader, out);
    if (reader.error()) return *reader.error();
    return {};
}

Result<EnvelopeHead> read_envelope(std::string_view text, ReadFunction read, void* out) {
    unsigned char buffer[8192];
    json::monotonic_resource arena(buffer);
    const json::value document = TRY(parse(text, &arena));
    const json::value* value =
        document.is_object() ? document.get_object().if_contains("value") : nullptr;
    if (value == nullptr || !value->is_object())
        return make_error(ErrorCode::Malformed, "value", "the envelope has no value");
    EnvelopeHead head;
    ObjectReader envelope(document.get_object(), Source::Store);
    envelope.integer("schema", head.schema, {});
    envelope.integer("version", head.version, {});
    if (const auto* stamp = document.get_object().if_contains("stamp");
        stamp && stamp->is_object()) {
        ObjectReader inner(stamp->get_object(), Source::Store);
        inner.time("utc_ms", head.written, Presence::Optional);
        inner.text("writer", head.writer, {});
    }
    ObjectReader reader(value->get_object(), Source::Store);
    read(reader, out);
    if (reader.error()) return *reader.error();
    if (envelope.error()) return *envelope.error();
    return head;
}

std::string write_document(Audience audience, WriteFunction write, const void* value) {
    std::string out;
    ObjectWriter writer(out, audience);
    write(writer, value);
    writer.close();
    return out;
}

}  // namespace detail

std::string wrap(const EnvelopeHead& head, std::string_view value, const Shape& shape,
                 std::string_view previous) {
    std::string out = "{\"schema\":" + std::to_string(head.schema);
    out += ",\"stamp\":{\"utc_ms\":" + std::to_string(head.written.unix_ms) + ",\"writer\":";
    append_json_string(out, head.writer);
    out += "},\"version\":" + std::to_string(head.version) + ",\"value\":";
    out += previous.empty() ? std::string(value) : carry_from(previous, value, shape);
    return out + "}";
}

Result<void> check_given(std::string_view text, const Shape& shape) {
    const json::value document = TRY(parse(text, {}));
    if (!document.is_object()) return make_error(ErrorCode::Malformed, "", "must be a JSON object");
    for (const auto& pair : document.get_object()) {
        const FieldShape* field = find_field(shape, key_of(pair));
        if (field != nullptr && field->kind == FieldKind::ReadOnly)
            return not_allowed(field->name, "is given by the system and can't be set");
    }
    return {};
}

Result<std::string> merge_patch(std::string_view current, std::string_view patch,
                                const Shape& shape) {
    json::value target = TRY(parse(current, {}));
    const json::value change = TRY(parse(patch, {}));
    if (!change.is_object()) return make_error(ErrorCode::Malformed, "", "must be a JSON object");
    CHECK(target.is_object());
    TRY(check_removed(change.get_object(), shape, ""));
    for (const auto& pair : change.get_object()) {
        const FieldShape* field = find_field(shape, key_of(pair));
        if (field == nullptr) continue;  // decode() refuses it, with its path
        const json::value* now = target.get_object().if_contains(pair.key());
        const bool same = now != nullptr && *now == pair.value();
        if (field->kind == FieldKind::ReadOnly && !same)
            return not_allowed(field->name, "is given by the system and can't be changed");
        if (field->kind == FieldKind::Immutable && !same)
            return not_allowed(field->name, "is fixed at creation and can't be changed");
    }
    merge(target.get_object(), change.get_object());
    return json::serialize(target);
}

bool has_member(std::string_view text, std::string_view name) {
    const auto document = parse(text, {});
    return document && document->is_object() &&
           document->get_object().contains({name.data(), name.size()});
}

std::optional<std::string> text_member(std::string_view text, std::string_view name) {
    const auto document = parse(text, {});
    if (!document || !document->is_object()) return std::nullopt;
    const json::value* value = document->get_object().if_contains({name.data(), name.size()});
    if (value == nullptr || !value->is_string()) return std::nullopt;
    return std::string(value->get_string().data(), value->get_string().size());
}

std::optional<std::vector<std::optional<std::string>>> text_members(std::string_view text,
                                                                    std::string_view list,
                                                                    std::string_view name) {
    const auto document = parse(text, {});
    if (!document || !document->is_object()) return std::nullopt;
    const json::value* entries = document->get_object().if_contains({list.data(), list.size()});
    if (entries == nullptr || !entries->is_array()) return std::nullopt;
    std::vector<std::optional<std::string>> all;
    for (const json::value& entry : entries->get_array()) {
        const json::value* value = entry.is_object()
                                       ? entry.get_object().if_contains({name.data(), name.size()})
                                       : nullptr;
        const json::string* member = value == nullptr ? nullptr : value->if_string();
        all.push_back(member == nullptr
                          ? std::nullopt
                          : std::optional(std::string(member->data(), member->size())));
    }
    return all;
}

}  // namespace tandem::model
