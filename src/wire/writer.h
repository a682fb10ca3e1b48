// Values to bytes: see codec.h.
#pragma once

#include "wire/codec.h"

namespace tandem::wire {

class Writer {
 public:
    explicit Writer(std::string& out) : out_(out) {}

    template <typename T>
    void operator()(uint32_t number, const T& value) {
        if constexpr (OptionalOf<T>::value) {
            if (value) put_present(number, *value);
        } else if constexpr (ListOf<T>::value) {
            for (const auto& item : value) put(number, item);
        } else {
            put(number, value);
        }
    }
    template <typename T>
    void put(uint32_t number, const T& value);

 private:
    template <typename T>
    void put_present(uint32_t number, const T& value) {
        if constexpr (ListOf<T>::value) {
            nested(number, [&](Writer& inner) { inner(1, value); });
        } else {
            put(number, value);
        }
    }
    template <typename F>
    void nested(uint32_t number, F fill) {
        tag(number, 2);
        std::string inside;
        Writer inner(inside);
        fill(inner);
        varint(inside.size());
        out_.append(inside);
    }
    void tag(uint32_t number, uint32_t type) { varint((uint64_t(number) << 3) | type); }
    void varint(uint64_t value);
    void bytes(uint32_t number, std::string_view value);

    std::string& out_;
};

// Alternative n of a variant is field n + 1 of a message: alternatives are only ever appended. (The
// payloads of letters have numbers of their own, see payload_numbers.h.)
template <typename... Ts>
void write_variant(Writer& out, const std::variant<Ts...>& value) {
    std::visit([&](const auto& it) { out.put(uint32_t(value.index() + 1), it); }, value);
}
template <typename T>
void Writer::put(uint32_t number, const T& value) {
    if constexpr (std::is_same_v<T, double>) {
        tag(number, 1);
        const auto bits = std::bit_cast<uint64_t>(value);
        for (int i = 0; i < 8; ++i) out_.push_back(static_cast<char>(bits >> (8 * i)));
    } else if constexpr (std::is_enum_v<T>) {
        tag(number, 0);
        varint(static_cast<uint64_t>(value));
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
        const auto wide = static_cast<int64_t>(value);
        tag(number, 0);
        varint((static_cast<uint64_t>(wide) << 1) ^ static_cast<uint64_t>(wide >> 63));
    } else if constexpr (std::is_integral_v<T>) {
        tag(number, 0);
        varint(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
        bytes(number, value);
    } else if constexpr (std::is_same_v<T, Bytes>) {
        bytes(number, as_text(value));
    } else if constexpr (std::is_same_v<T, ports::Instance>) {
        put(number, value.number);
    } else if constexpr (std::is_same_v<T, UtcTime>) {
        put(number, value.unix_ms);
    } else if constexpr (std::is_same_v<T, Duration>) {
        put(number, static_cast<int64_t>(value.count()));
    } else if constexpr (std::is_same_v<T, IpAddress> || std::is_same_v<T, SocketAddress>) {
        bytes(number, octets_of(value));
    } else if constexpr (IdOf<T>::value) {
        bytes(number, octets_of(value.bits));
    } else if constexpr (std::is_same_v<T, sip::Message>) {
        bytes(number, value.to_text());
    } else if constexpr (VariantOf<T>::value) {
        nested(number, [&](Writer& inner) { write_variant(inner, value); });
    } else if constexpr (ResultOf<T>::value) {
        nested(number, [&](Writer& inner) {
            if (value) inner.put(1, *value);
            if (!value) inner.put(2, value.error());
        });
    } else {
        // A description changes nothing when a Writer walks it.
        nested(number, [&](Writer& inner) { describe(inner, const_cast<T&>(value)); });
    }
}

}  // namespace tandem::wire
