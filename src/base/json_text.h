// Writing JSON text by hand, where a tree would be waste: escaping, numbers, and a writer that
// places the commas. Reading JSON is a library's work (model/).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem {

// Appends `text` in quotes, escaped (RFC 8259 7). Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Builds one value: begin_object(), then field() and value() in turn, end_object().
class JsonWriter {
 public:
    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_list();
    JsonWriter& end_list();
    JsonWriter& field(std::string_view name);
    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(bool truth);
    JsonWriter& value(int64_t number);
    JsonWriter& value(uint64_t number);
    JsonWriter& value(int number) { return value(static_cast<int64_t>(number)); }
    JsonWriter& value(uint32_t number) { return value(static_cast<uint64_t>(number)); }
    JsonWriter& value(double number);
    JsonWriter& null();
    JsonWriter& raw(std::string_view json);  // a whole value, already JSON
    std::string take() { return std::move(text_); }

 private:
    void separate();
    std::string text_;
    bool first_ = true;
};

}  // namespace tandem
