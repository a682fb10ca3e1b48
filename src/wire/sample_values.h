// Values for round-trip tests: every member of every payload filled with something that is not its
// default, by walking the same descriptions as the codec.
#pragma once

#include "wire/fields_media.h"
#include "wire/fields_ports.h"
#include "wire/fields_store.h"
#include "wire/fields_trunks.h"
#include "wire/fields_web.h"

namespace tandem::wire {

class Filler {
 public:
    template <typename T>
    void operator()(uint32_t, T& value) {
        fill(value);
    }
    template <typename T>
    void fill(T& value) {
        ++count_;
        if constexpr (OptionalOf<T>::value) {
            fill(value.emplace());
        } else if constexpr (ListOf<T>::value) {
            for (int i = 0; i < 2; ++i) fill(value.emplace_back());
        } else if constexpr (std::is_same_v<T, bool>) {
            value = !value;
        } else if constexpr (std::is_same_v<T, double>) {
            value = 0.25 * count_;
        } else if constexpr (std::is_enum_v<T>) {
            value = last_of<T>;
        } else if constexpr (std::is_same_v<T, uint8_t>) {
            value = 101;
        } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
            value = static_cast<T>(-count_);
        } else if constexpr (std::is_integral_v<T>) {
            value = static_cast<T>(50'000) + static_cast<T>(count_);
        } else if constexpr (std::is_same_v<T, std::string>) {
            value = std::string("s\0\xc3\xa4", 4) + std::to_string(count_);
        } else if constexpr (std::is_same_v<T, Bytes>) {
            value = {0, 255, static_cast<uint8_t>(count_)};
        } else if constexpr (std::is_same_v<T, ports::Instance>) {
            value.number = static_cast<uint16_t>(60'000 + count_);
        } else if constexpr (std::is_same_v<T, UtcTime>) {
            value.unix_ms = 1'700'000'000'000 + count_;
        } else if constexpr (std::is_same_v<T, Duration>) {
            value = std::chrono::milliseconds(1'000 + count_);
        } else if constexpr (std::is_same_v<T, IpAddress>) {
            value = *IpAddress::parse(count_ % 2 == 0 ? "2001:db8::7" : "192.0.2.7");
        } else if constexpr (std::is_same_v<T, SocketAddress>) {
            fill(value.ip);
            value.port = static_cast<uint16_t>(5'000 + count_);
        } else if constexpr (IdOf<T>::value) {
            value.bits = {uint64_t(count_) << 56, uint64_t(count_)};
        } else if constexpr (std::is_same_v<T, sip::Message>) {
            value = *sip::parse_message("OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nab");
        } else if constexpr (VariantOf<T>::value) {
            fill_variant(value);
        } else if constexpr (ResultOf<T>::value) {
            fill_result(value);
        } else {
            describe(*this, value);
        }
    }
    int count() const { return count_; }
    // Which alternative of variants, and whether results are errors.
    void set_turn(int turn) { turn_ = turn; }

 private:
    template <typename... Ts>
    void fill_variant(std::variant<Ts...>& value) {
        pick<0>(value, size_t(turn_) % sizeof...(Ts));
    }
    template <size_t I, typename... Ts>
    void pick(std::variant<Ts...>& value, size_t index) {
        if constexpr (I < sizeof...(Ts)) {
            if (index == I) return fill(value.template emplace<I>());
            pick<I + 1>(value, index);
        }
    }
    template <typename T>
    void fill_result(Result<T>& value) {
        if (turn_ % 4 == 3) {
            Error error;
            fill(error);
            value = std::move(error);
            return;
        }
        T good{};
        fill(good);
        value = std::move(good);
    }
    int count_ = 0;
    int turn_ = 0;
};

}  // namespace tandem::wire
