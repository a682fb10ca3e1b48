// How entities become JSON and come back. The generated headers declare read(), write() and
// shape_of() for each struct; the templates here are what everyone calls.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"

namespace tandem::model {

class ObjectReader;  // model/json_reader.h
class ObjectWriter;  // model/json_writer.h

// Where a document comes from. Api: every bound and format is checked, unknown fields are refused.
// Store: types are checked only, because another version may have written it with other bounds and
// with fields that we don't know.
enum class Source { Api, Store };
// Whom a document is for. Api: without secrets.
enum class Audience { Api, Store };

enum class FieldKind : uint8_t {
    Plain,
    ReadOnly,   // given by the system
    Immutable,  // given at creation, never changed
    InputOnly,  // accepted from the API, never kept as it is
};

// The fields of a struct, for work on documents as such: patches, unknown fields.
struct Shape;
struct FieldShape {
    std::string_view name;
    FieldKind kind = FieldKind::Plain;
    const Shape* nested = nullptr;
};
struct Shape {
    std::string_view name;  // "domain"
    std::span<const FieldShape> fields;
};
template <typename T>
const Shape& shape_of();

// What the store keeps beside an entity.
struct EnvelopeHead {
    int schema = 1;        // version of the schema that wrote it
    UtcTime written;       // stamp
    std::string writer;    // role instance that wrote it
    uint64_t version = 1;  // counts the changes of this entity; the ETag of the API
};
inline constexpr int schema_version = 1;

template <typename T>
struct Stored {
    EnvelopeHead head;
    T value;
};

namespace detail {
using ReadFunction = void (*)(ObjectReader&, void*);
Result<void> read_document(std::string_view json, Source source, ReadFunction read, void* out);
Result<EnvelopeHead> read_envelope(std::string_view json, ReadFunction read, void* out);
using WriteFunction = void (*)(ObjectWriter&, const void*);
std::string write_document(Audience audience, WriteFunction write, const void* value);
template <typename T>
void read_into(ObjectReader& reader, void* out) {
    read(reader, *static_cast<T*>(out));
}
template <typename T>
void write_from(ObjectWriter& writer, const void* value) {
    write(writer, *static_cast<const T*>(value));
}
}  // namespace detail

// Errors name the field ("settings.expires_min_s") and what is allowed.
template <typename T>
Result<T> decode(std::string_view json, Source source) {
    T value;
    TRY(detail::read_document(json, source, detail::read_into<T>, &value));
    return value;
}

template <typename T>
std::string encode(const T& value, Audience audience) {
    return detail::write_document(audience, detail::write_from<T>, &value);
}

// {"schema":1,"stamp":{"utc_ms":...,"writer":"..."},"version":1,"value":{...}}
template <typename T>
Result<Stored<T>> decode_stored(std::string_view envelope) {
    Stored<T> stored;
    stored.head = TRY(detail::read_envelope(envelope, detail::read_into<T>, &stored.value));
    return stored;
}

// `value` is a JSON object. Fields of `previous` (an envelope, or empty) that the shape does not
// have are carried over, at every level of nested objects; list items are replaced whole.
std::string wrap(const EnvelopeHead& head, std::string_view value, const Shape& shape,
                 std::string_view previous);

template <typename T>
std::string encode_stored(const T& value, const EnvelopeHead& head,
                          std::string_view previous = {}) {
    return wrap(head, encode(value, Audience::Store), shape_of<T>(), previous);
}

}  // namespace tandem::model
