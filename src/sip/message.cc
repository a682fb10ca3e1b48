#include "sip/message.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/check.h"
#include "sip/limits.h"
#include "sip/status.h"

namespace tandem::sip {
namespace {

constexpr std::string_view version_text = "SIP/2.0";
// A built request has about fifteen fields in some 800 bytes: one allocation each, no growing.
constexpr size_t usual_storage = 1'024;
constexpr size_t usual_slots = 20;

Error missing(HeaderId id) {
    return make_error(ErrorCode::Missing, to_string(id), "mandatory header is absent", 400);
}

// Fixes the field of an error that a shared value grammar reported.
template <typename T>
Result<T> named(Result<T> parsed, HeaderId id) {
    if (parsed) return parsed;
    Error error = std::move(parsed).error();
    error.field = to_string(id);
    return error;
}

template <typename T>
Result<std::optional<T>> parse_optional(std::optional<std::string_view> value, HeaderId id) {
    if (!value) return std::optional<T>();
    return std::optional<T>(TRY(named(T::parse(*value), id)));
}

}  // namespace

Message Message::request(Method method, std::string_view uri) {
    return request(to_string(method), uri);
}

Message Message::request(std::string_view method_token, std::string_view uri) {
    Message message;
    message.storage_.reserve(usual_storage);
    message.slots_.reserve(usual_slots);
    message.method_ = method_from(method_token);
    message.method_token_ = message.store_line(method_token);
    message.uri_ = message.store_line(uri);
    return message;
}

Message Message::response(int status, std::string_view reason) {
    Message message;
    message.storage_.reserve(usual_storage);
    message.slots_.reserve(usual_slots);
    message.set_status(status, reason);
    return message;
}

Result<UriView> Message::parsed_request_uri() const {
    auto uri = UriView::parse(request_uri());
    if (uri) return uri;
    Error error = std::move(uri).error();
    error.field = "Request-URI";
    error.offset += uri_.offset;
    return error;
}

// -- reading

size_t Message::find_slot(HeaderId id) const {
    size_t index = 0;
    while (index < slots_.size() && slots_[index].id != id) ++index;
    return index;
}

bool Message::names_slot(const Slot& slot, std::string_view name) const {
    return slot.id == HeaderId::Other &&
           equals_ignoring_case(view({slot.name, slot.name_size}), name);
}

std::optional<std::string_view> Message::header(HeaderId id) const {
    const size_t index = find_slot(id);
    if (index == slots_.size()) return std::nullopt;
    return value_of(slots_[index]);
}

std::optional<std::string_view> Message::header(std::string_view name) const {
    const HeaderId id = header_id_from(name);
    if (id != HeaderId::Other) return header(id);
    for (const Slot& slot : slots_) {
        if (names_slot(slot, name)) return value_of(slot);
    }
    return std::nullopt;
}

size_t Message::count(HeaderId id) const {
    return static_cast<size_t>(std::ranges::count(slots_, id, &Slot::id));
}

Message::Field Message::field(size_t index) const {
    CHECK(index < slots_.size());
    const Slot& slot = slots_[index];
    const bool known = slot.id != HeaderId::Other;
    return {slot.id, known ? to_string(slot.id) : view({slot.name, slot.name_size}),
            value_of(slot)};
}

Message::Fields Message::fields(HeaderId id) const& {
    return {this, id};
}

Message::Values Message::values(HeaderId id) const& {
    return Values(fields(id));
}

bool Message::has_value(HeaderId id, std::string_view token) const {
    for (const std::string_view value : values(id)) {
        if (equals_ignoring_case(value, token)) return true;
    }
    return false;
}

size_t Message::offset_of(std::string_view part) const {
    const char* const begin = storage_.data();
    if (part.data() < begin || part.data() > begin + storage_.size()) return 0;
    return static_cast<size_t>(part.data() - begin);
}

Message::Values::Iterator& Message::Values::Iterator::operator++() {
    // Empty elements ("a,,b") hold nothing and are passed over, as in RFC 9110 5.6.1.
    do {
        while (rest_.empty()) {
            if (opened_) ++field_;
            if (field_ == std::default_sentinel) {
                done_ = true;
                return *this;
            }
            rest_ = *field_;
            opened_ = true;
        }
        value_ = next_list_value(rest_);
    } while (value_.empty());
    return *this;
}

Result<Via> Message::top_via() const {
    const Values list = values(HeaderId::Via);
    const auto first = list.begin();
    if (first == list.end()) return missing(HeaderId::Via);
    return Via::parse(*first);
}

Result<NameAddr> Message::from() const {
    const auto value = header(HeaderId::From);
    if (!value) return missing(HeaderId::From);
    return named(NameAddr::parse(*value), HeaderId::From);
}

Result<NameAddr> Message::to() const {
    const auto value = header(HeaderId::To);
    if (!value) return missing(HeaderId::To);
    return named(NameAddr::parse(*value), HeaderId::To);
}

Result<CSeq> Message::cseq() const {
    const auto value = header(HeaderId::CSeq);
    if (!value) return missing(HeaderId::CSeq);
    return CSeq::parse(*value);
}

Message::Typed<Via> Message::vias() const& {
    return Typed<Via>(fields(HeaderId::Via));
}
Message::Typed<NameAddr> Message::contacts() const& {
    return addresses(HeaderId::Contact);
}
Message::Typed<NameAddr> Message::addresses(HeaderId id) const& {
    return Typed<NameAddr>(fields(id));
}
Message::Typed<AuthValue> Message::auth_values(HeaderId id) const& {
    return Typed<AuthValue>(fields(id));
}

Result<std::optional<NameAddr>> Message::address(HeaderId id) const {
    const Values list = values(id);
    const auto first = list.begin();
    if (first == list.end()) return std::optional<NameAddr>();
    return std::optional<NameAddr>(TRY(named(NameAddr::parse(*first), id)));
}

Result<std::optional<uint32_t>> Message::number(HeaderId id) const {
    const auto value = header(id);
    if (!value) return std::optional<uint32_t>();
    const auto number = parse_decimal(*value);
    if (!number) {
        return make_error(ErrorCode::OutOfRange, to_string(id), "number below 2^32 expected", 400);
    }
    return number;
}

Result<std::optional<uint32_t>> Message::max_forwards() const {
    const auto hops = TRY(number(HeaderId::MaxForwards));
    if (hops.value_or(0) > max_forwards_max) {
        return make_error(ErrorCode::OutOfRange, "Max-Forwards", "at most 255", 400);
    }
    return hops;
}

Result<std::optional<RAck>> Message::rack() const {
    return parse_optional<RAck>(header(HeaderId::RAck), HeaderId::RAck);
}
Result<std::optional<SessionExpires>> Message::session_expires() const {
    return parse_optional<SessionExpires>(header(HeaderId::SessionExpires),
                                          HeaderId::SessionExpires);
}
Result<std::optional<SessionExpires>> Message::min_se() const {
    return parse_optional<SessionExpires>(header(HeaderId::MinSe), HeaderId::MinSe);
}
Result<std::optional<TokenParams>> Message::event() const {
    return token_params(HeaderId::Event);
}
Result<std::optional<TokenParams>> Message::token_params(HeaderId id) const {
    return parse_optional<TokenParams>(header(id), id);
}
Result<std::optional<Replaces>> Message::replaces() const {
    return parse_optional<Replaces>(header(HeaderId::Replaces), HeaderId::Replaces);
}
Result<std::optional<MediaType>> Message::content_type() const {
    return parse_optional<MediaType>(header(HeaderId::ContentType), HeaderId::ContentType);
}
Result<std::optional<RetryAfter>> Message::retry_after() const {
    return parse_optional<RetryAfter>(header(HeaderId::RetryAfter), HeaderId::RetryAfter);
}

// -- writing

Message::Range Message::store(std::string_view text) {
    const Range range{static_cast<uint32_t>(storage_.size()), static_cast<uint32_t>(text.size())};
    storage_.append(text);
    return range;
}

Message::Range Message::store_line(std::string_view text) {
    const Range range = store(trim(text));
    // Text from outside must not be able to start a new header: this is where it is stopped. A NUL
    // may stand in a quoted pair only (RFC 3261 25.1).
    char* const line = storage_.data() + range.offset;
    for (uint32_t i = 0; i < range.size; ++i) {
        const bool stray_nul = line[i] == '\0' && (i == 0 || line[i - 1] != '\\');
        if (line[i] == '\r' || line[i] == '\n' || stray_nul) line[i] = ' ';
    }
    return range;
}

Message::Slot Message::make_slot(HeaderId id, std::string_view name, std::string_view value) {
    Slot slot;
    slot.id = id;
    // The value may be a view into our own text: it is stored before anything else moves that text.
    const Range stored = store_line(value);
    slot.value = stored.offset;
    slot.value_size = stored.size;
    if (id == HeaderId::Other) {
        const Range stored_name = store_line(name.substr(0, header_name_bytes_max));
        slot.name = stored_name.offset;
        slot.name_size = static_cast<uint16_t>(stored_name.size);
    }
    return slot;
}

void Message::append(HeaderId id, std::string_view value) {
    CHECK(id != HeaderId::Other);
    const Slot slot = make_slot(id, {}, value);
    size_t behind = slots_.size();
    while (behind > 0 && slots_[behind - 1].id != id) --behind;
    slots_.insert(behind == 0 ? slots_.end() : slots_.begin() + static_cast<ptrdiff_t>(behind),
                  slot);
}

void Message::append(std::string_view name, std::string_view value) {
    const HeaderId id = header_id_from(name);
    if (id != HeaderId::Other) return append(id, value);
    const std::string own_name(name);  // may be a view into our own text, as the value may
    slots_.push_back(make_slot(id, own_name, value));
}

void Message::prepend(HeaderId id, std::string_view value) {
    CHECK(id != HeaderId::Other);
    const Slot slot = make_slot(id, {}, value);
    const size_t first = find_slot(id);
    const size_t place = first == slots_.size() ? 0 : first;
    slots_.insert(slots_.begin() + static_cast<ptrdiff_t>(place), slot);
}

void Message::replace(HeaderId id, std::string_view value) {
    const size_t first = find_slot(id);
    if (first == slots_.size()) return append(id, value);
    replace_field(first, value);
    const auto others = slots_.begin() + static_cast<ptrdiff_t>(first) + 1;
    slots_.erase(std::remove_if(others, slots_.end(), [id](const Slot& s) { return s.id == id; }),
                 slots_.end());
}

void Message::replace_field(size_t index, std::string_view value) {
    CHECK(index < slots_.size());
    const Range stored = store_line(value);
    slots_[index].value = stored.offset;
    slots_[index].value_size = stored.size;
}

void Message::replace_first_value(HeaderId id, std::string_view value) {
    const size_t first = find_slot(id);
    if (first == slots_.size()) return append(id, value);
    std::string_view rest = value_of(slots_[first]);
    next_list_value(rest);
    if (trim_lws(rest).empty()) return replace_field(first, value);
    std::string field(value);
    field += ", ";
    field += trim_lws(rest);
    replace_field(first, field);
}

bool Message::remove_first_value(HeaderId id) {
    const size_t first = find_slot(id);
    if (first == slots_.size()) return false;
    std::string_view rest = value_of(slots_[first]);
    next_list_value(rest);
    rest = trim_lws(rest);
    if (rest.empty()) {
        slots_.erase(slots_.begin() + static_cast<ptrdiff_t>(first));
    } else {
        slots_[first].value = static_cast<uint32_t>(rest.data() - storage_.data());
        slots_[first].value_size = static_cast<uint32_t>(rest.size());
    }
    return true;
}

size_t Message::remove(HeaderId id) {
    return std::erase_if(slots_, [id](const Slot& slot) { return slot.id == id; });
}

size_t Message::remove(std::string_view name) {
    const HeaderId id = header_id_from(name);
    if (id != HeaderId::Other) return remove(id);
    return std::erase_if(slots_, [&](const Slot& slot) { return names_slot(slot, name); });
}

void Message::set_request_uri(std::string_view uri) {
    uri_ = store_line(uri);
}

void Message::set_status(int status, std::string_view reason) {
    CHECK(status >= 100 && status <= 699);
    status_ = status;
    reason_ = store_line(reason.empty() ? default_reason(status)
                                        : reason.substr(0, reason_phrase_bytes_max));
}

void Message::set_body(std::string_view content_type, std::string_view body) {
    // Both may be views into this message: the type is copied before the body moves our text.
    const std::string type(content_type);
    body_ = store(body);
    replace(HeaderId::ContentType, type);
}

void Message::clear_body() {
    body_ = {};
    std::erase_if(slots_, [](const Slot& slot) {
        return slot.id == HeaderId::ContentType || slot.id == HeaderId::ContentDisposition ||
               slot.id == HeaderId::ContentEncoding || slot.id == HeaderId::ContentLanguage;
    });
}

void Message::serialize(std::string& out) const {
    out.reserve(out.size() + serialized_size());
    if (is_request()) {
        out.append(method_token()).append(" ").append(request_uri());
        out.append(" ").append(version_text).append("\r\n");
    } else {
        out.append(version_text).append(" ").append(std::to_string(status_));
        out.append(" ").append(reason()).append("\r\n");
    }
    for (const Slot& slot : slots_) {
        if (slot.id == HeaderId::ContentLength) continue;
        out.append(slot.id == HeaderId::Other ? view({slot.name, slot.name_size})
                                              : to_string(slot.id));
        out.append(": ").append(value_of(slot)).append("\r\n");
    }
    out.append("Content-Length: ").append(std::to_string(body_.size)).append("\r\n\r\n");
    out.append(body());
}

std::string Message::to_text() const {
    std::string out;
    serialize(out);
    return out;
}

size_t Message::serialized_size() const {
    constexpr size_t line_extra = 4;  // ": " and CRLF
    size_t size = version_text.size() + line_extra;
    size += is_request() ? method_token_.size + uri_.size : 3 + reason_.size;
    for (const Slot& slot : slots_) {
        if (slot.id == HeaderId::ContentLength) continue;
        const bool other = slot.id == HeaderId::Other;
        size += (other ? slot.name_size : to_string(slot.id).size()) + slot.value_size + line_extra;
    }
    size += std::string_view("Content-Length: ").size() + std::to_string(body_.size).size();
    return size + line_extra + body_.size;
}

}  // namespace tandem::sip
