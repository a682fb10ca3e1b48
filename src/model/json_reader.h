// Reads one JSON object into a struct, field by field; the generated codecs call it. The first
// error stays, later calls do nothing. Paths are put together only when there is an error to tell.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/instant.h"
#include "base/result.h"
#include "model/codec.h"
#include "model/format.h"
#include "model/limits.h"

namespace boost::json {  // declared only: the library's headers stay in .cc files
class object;
class value;
}  // namespace boost::json

namespace tandem::model {

enum class Presence { Optional, Required };

struct IntegerRule {
    int64_t min = 0;
    int64_t max = INT64_MAX;
    Presence presence = Presence::Optional;
};
struct RealRule {
    double min = 0;
    double max = 0;
    Presence presence = Presence::Optional;
};
struct TextRule {
    size_t length_min = 0;
    size_t length_max = 0;
    Format format = Format::Text;
    Presence presence = Presence::Optional;
};
struct ListRule {
    size_t items_min = 0;
    size_t items_max = 0;
    Presence presence = Presence::Optional;
};

class ObjectReader {
 public:
    using Object = boost::json::object;
    using Value = boost::json::value;

    ObjectReader(const Object& object, Source source) : object_(object), source_(source) {}

    // Present and not null. An optional field is read only then.
    bool has_value(std::string_view name);
    void flag(std::string_view name, bool& out, Presence presence);
    void real(std::string_view name, double& out, RealRule rule);
    void text(std::string_view name, std::string& out, const TextRule& rule);
    void bytes(std::string_view name, Bytes& out, size_t size_max);
    void id(std::string_view name, Bits128& out, Presence presence);
    void time(std::string_view name, UtcTime& out, Presence presence);
    // Checked, then forgotten: what the API takes and the struct does not keep.
    void input_only(std::string_view name, const TextRule& rule);

    template <typename Int>
    void integer(std::string_view name, Int& out, IntegerRule rule) {
        if (const auto value = integer_value(name, rule)) out = static_cast<Int>(*value);
    }
    template <typename D>
    void duration(std::string_view name, D& out, IntegerRule rule) {
        if (const auto value = integer_value(name, rule)) out = D(*value);
    }
    template <typename E>
    void enumeration(std::string_view name, E& out, std::span<const std::string_view> names,
                     Presence presence) {
        if (const auto index = enum_index(name, names, presence)) out = static_cast<E>(*index);
    }
    template <typename T>
    void object(std::string_view name, T& out, Presence presence) {
        const Object* inner = object_value(name, presence);
        if (inner == nullptr) return;
        ObjectReader reader(*inner, *this, name, no_index);
        read(reader, out);
        adopt(reader);
    }

    void text_list(std::string_view name, std::vector<std::string>& out, ListRule list,
                   const TextRule& item);
    template <typename E>
    void enum_list(std::string_view name, std::vector<E>& out, ListRule list,
                   std::span<const std::string_view> names) {
        const auto count = list_size(name, list);
        if (!count) return;
        out.clear();
        for (size_t i = 0; i < *count && !error_; ++i)
            if (const auto index = enum_item(name, i, names)) out.push_back(static_cast<E>(*index));
    }
    template <typename IdType>
    void id_list(std::string_view name, std::vector<IdType>& out, ListRule list) {
        const auto count = list_size(name, list);
        if (!count) return;
        out.clear();
        for (size_t i = 0; i < *count && !error_; ++i)
            if (const auto bits = id_item(name, i)) out.push_back(IdType{*bits});
    }
    template <typename T>
    void object_list(std::string_view name, std::vector<T>& out, ListRule list) {
        const auto count = list_size(name, list);
        if (!count) return;
        out.clear();
        for (size_t i = 0; i < *count && !error_; ++i) {
            const Object* inner = object_item(name, i);
            if (inner == nullptr) return;
            ObjectReader reader(*inner, *this, name, i);
            read(reader, out.emplace_back());
            adopt(reader);
        }
    }

    void finish();  // refuses what no call above asked for (Source::Api)
    const std::optional<Error>& error() const { return error_; }

 private:
    static constexpr size_t no_index = SIZE_MAX;
    ObjectReader(const Object& object, const ObjectReader& parent, std::string_view name,
                 size_t index)
        : object_(object), source_(parent.source_), parent_(&parent), name_(name), index_(index) {}

    const Value* find(std::string_view name, Presence presence);
    const Value* list_item(std::string_view name, size_t index);
    std::optional<int64_t> integer_value(std::string_view name, IntegerRule rule);
    std::optional<size_t> enum_index(std::string_view name, std::span<const std::string_view> names,
                                     Presence presence);
    const Object* object_value(std::string_view name, Presence presence);
    std::optional<size_t> list_size(std::string_view name, ListRule rule);
    std::optional<size_t> enum_item(std::string_view name, size_t index,
                                    std::span<const std::string_view> names);
    std::optional<Bits128> id_item(std::string_view name, size_t index);
    const Object* object_item(std::string_view name, size_t index);
    bool check_text(std::string_view name, std::string_view text, const TextRule& rule);
    void adopt(ObjectReader& inner);
    void fail(ErrorCode code, std::string_view name, std::string message, size_t index = no_index);
    std::string path(std::string_view name, size_t index) const;

    const Object& object_;
    Source source_;
    const ObjectReader* parent_ = nullptr;
    std::string_view name_;
    size_t index_ = no_index;
    std::optional<Error> error_;
    std::array<std::string_view, object_fields_max> asked_{};
    size_t asked_count_ = 0;
    size_t found_count_ = 0;
};

}  // namespace tandem::model
