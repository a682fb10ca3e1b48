// Bytes to values: see codec.h.
#pragma once

#include "wire/codec.h"

namespace tandem::wire {

// Walks one message: for each tag the description is asked, and the member of that number takes
// the value.
class Reader {
 public:
    struct Budget {
        size_t elements = elements_max;
        bool failed = false;
        bool is_unknown = false;  // it failed for a value that a newer node may know
    };
    Reader(std::string_view bytes, Budget& budget, int depth)
        : rest_(bytes), budget_(budget), depth_(depth) {}

    // The next field; false at the end or after a failure.
    bool next();
    uint32_t number() const { return number_; }
    template <typename T>
    void operator()(uint32_t number, T& value) {
        if (number == number_ && !budget_.failed) get(value);
    }
    template <typename T>
    void get(T& value);
    template <typename T>
    void read_message(T& value);
    void fail() { budget_.failed = true; }
    void fail_unknown() { budget_.failed = budget_.is_unknown = true; }

 private:
    std::optional<uint64_t> varint();
    uint64_t number_value();        // of a varint field
    std::string_view text_value();  // of a bytes field
    template <typename T>
    void get_optional(std::optional<T>& value);
    template <typename T>
    void get_list(std::vector<T>& value);
    template <typename T>
    void get_number(T& value);
    template <typename T, typename F>
    void get_octets(T& value, F decode) {
        const auto decoded = decode(text_value());
        if (decoded) value = *decoded;
        if (!decoded) fail();
    }
    template <typename T>
    static void get_result(Reader& inner, Result<T>& value) {
        if (inner.number() == 1) {
            T good{};
            inner.get(good);
            value = std::move(good);
        } else if (inner.number() == 2) {
            Error error;
            inner.get(error);
            value = std::move(error);
        }
    }
    Reader inside() { return Reader(text_value(), budget_, depth_ + 1); }

    std::string_view rest_;
    Budget& budget_;
    int depth_;
    uint32_t number_ = 0;
    uint32_t type_ = 0;
    uint64_t value_ = 0;
    std::string_view text_;
};

template <size_t I = 0, typename... Ts>
void read_alternative(Reader& in, std::variant<Ts...>& value) {
    if constexpr (I < sizeof...(Ts)) {
        if (in.number() == I + 1) {
            in.get(value.template emplace<I>());
        } else {
            read_alternative<I + 1>(in, value);
        }
    } else {
        in.fail();  // an unknown alternative can't be skipped: the message would mean another
    }
}

template <typename T>
void Reader::read_message(T& value) {
    if (depth_ > depth_max) return fail();
    while (next()) describe(*this, value);
}

template <typename T>
void Reader::get_number(T& value) {
    const uint64_t number = number_value();
    if constexpr (std::is_enum_v<T>) {
        if (number > static_cast<uint64_t>(last_of<T>)) return fail_unknown();
        value = static_cast<T>(number);
    } else if constexpr (std::is_signed_v<T>) {
        const auto wide = static_cast<int64_t>(number >> 1) ^ -static_cast<int64_t>(number & 1);
        value = static_cast<T>(wide);
        if (value != wide) fail();
    } else {
        value = static_cast<T>(number);
        if (value != number) fail();
    }
}

template <typename T>
void Reader::get_optional(std::optional<T>& value) {
    value.emplace();
    if constexpr (ListOf<T>::value) {
        Reader inner = inside();
        while (inner.next()) inner(1, *value);
    } else {
        get(*value);
    }
}

template <typename T>
void Reader::get_list(std::vector<T>& value) {
    if (budget_.elements == 0) return fail();
    --budget_.elements;
    get(value.emplace_back());
}

template <typename T>
void Reader::get(T& value) {
    if constexpr (OptionalOf<T>::value) {
        get_optional(value);
    } else if constexpr (ListOf<T>::value) {
        get_list(value);
    } else if constexpr (std::is_same_v<T, double>) {
        if (type_ != 1) return fail();
        value = std::bit_cast<double>(value_);
    } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
        get_number(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
        value = text_value();
    } else if constexpr (std::is_same_v<T, Bytes>) {
        const BytesView octets = as_bytes(text_value());
        value.assign(octets.begin(), octets.end());
    } else if constexpr (std::is_same_v<T, ports::Instance>) {
        get_number(value.number);
    } else if constexpr (std::is_same_v<T, UtcTime>) {
        get_number(value.unix_ms);
    } else if constexpr (std::is_same_v<T, Duration>) {
        int64_t count = 0;
        get_number(count);
        value = Duration(count);
    } else if constexpr (std::is_same_v<T, IpAddress>) {
        get_octets(value, ip_of);
    } else if constexpr (std::is_same_v<T, SocketAddress>) {
        get_octets(value, address_of);
    } else if constexpr (IdOf<T>::value) {
        get_octets(value.bits, bits_of);
    } else if constexpr (std::is_same_v<T, sip::Message>) {
        auto message = sip::parse_message(std::string(text_value()), sip::ParserLimits::stream());
        if (message) value = std::move(*message);
        if (!message) fail();
    } else if constexpr (VariantOf<T>::value) {
        Reader inner = inside();
        if (depth_ > depth_max) return fail();
        while (inner.next()) read_alternative(inner, value);
    } else if constexpr (ResultOf<T>::value) {
        Reader inner = inside();
        while (inner.next()) get_result(inner, value);
    } else {
        Reader inner = inside();
        inner.read_message(value);
        // What carries SIP and has none could not even be passed on.
        if constexpr (requires { value.message.method_token(); }) {
            if (value.message.is_request() && value.message.method_token().empty()) fail();
        }
    }
}

}  // namespace tandem::wire
