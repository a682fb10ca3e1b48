// Writes one JSON object straight into a string; the generated codecs call it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "model/codec.h"

namespace tandem::model {

void append_json_string(std::string& out, std::string_view text);  // quoted and escaped, RFC 8259 7

class ObjectWriter {
 public:
    ObjectWriter(std::string& out, Audience audience) : out_(out), audience_(audience) {
        out_ += '{';
    }
    void close() { out_ += '}'; }
    bool shows_secrets() const { return audience_ == Audience::Store; }

    void flag(std::string_view name, bool value);
    void integer(std::string_view name, int64_t value);
    void real(std::string_view name, double value);
    void text(std::string_view name, std::string_view value);
    void bytes(std::string_view name, BytesView value);
    void id(std::string_view name, Bits128 value);

    template <typename T>
    void object(std::string_view name, const T& value) {
        key(name);
        nested(value);
    }
    template <typename T>
    void object_list(std::string_view name, const std::vector<T>& items) {
        open_list(name);
        for (const T& item : items) {
            separate();
            nested(item);
        }
        close_list();
    }
    void text_list(std::string_view name, const std::vector<std::string>& items);
    template <typename E>
    void enum_list(std::string_view name, const std::vector<E>& items) {
        open_list(name);
        for (const E item : items) text_item(to_string(item));
        close_list();
    }
    template <typename IdType>
    void id_list(std::string_view name, const std::vector<IdType>& items) {
        open_list(name);
        for (const IdType& item : items) text_item(item.text());
        close_list();
    }

 private:
    void key(std::string_view name);
    void separate();
    void open_list(std::string_view name);
    void close_list();
    void text_item(std::string_view text);
    template <typename T>
    void nested(const T& value) {
        ObjectWriter writer(out_, audience_);
        write(writer, value);
        writer.close();
    }

    std::string& out_;
    Audience audience_;
};

}  // namespace tandem::model
