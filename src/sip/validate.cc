#include "sip/validate.h"

#include <array>
#include <string>

#include "sip/limits.h"

namespace tandem::sip {
namespace {

Error fault(HeaderId id, std::string_view what, size_t offset) {
    Error error = make_error(ErrorCode::Malformed, to_string(id), what, 400);
    error.offset = offset;
    return error;
}

// Moves an error's offset from the value to the message.
template <typename T>
Result<void> check(const Message& message, HeaderId id, std::string_view value,
                   const Result<T>& parsed) {
    if (parsed) return {};
    Error error = parsed.error();
    error.field = to_string(id);
    error.offset += message.offset_of(value);
    return error;
}

Result<void> check_single(const Message& message) {
    std::array<bool, static_cast<size_t>(HeaderId::Count)> seen{};
    for (size_t i = 0; i < message.field_count(); ++i) {
        const Message::Field field = message.field(i);
        if (!is_single_valued(field.id)) continue;
        bool& before = seen[static_cast<size_t>(field.id)];
        if (before) {
            return fault(field.id, "stands in the message twice", message.offset_of(field.value));
        }
        before = true;
    }
    for (const HeaderId id : {HeaderId::From, HeaderId::To, HeaderId::CallId, HeaderId::CSeq}) {
        if (!seen[static_cast<size_t>(id)]) {
            return make_error(ErrorCode::Missing, to_string(id), "mandatory header is absent", 400);
        }
    }
    return {};
}

Result<void> check_vias(const Message& message) {
    size_t count = 0;
    for (const std::string_view value : message.values(HeaderId::Via)) {
        if (++count > list_values_max) return fault(HeaderId::Via, "too many values", 0);
        TRY(check(message, HeaderId::Via, value, Via::parse(value)));
    }
    if (count == 0) return make_error(ErrorCode::Missing, "Via", "mandatory header is absent", 400);
    return {};
}

Result<void> check_address(const Message& message, HeaderId id, std::string_view value) {
    const auto address = NameAddr::parse(value);
    TRY(check(message, id, value, address));
    if (address->star) return fault(id, "* is not an address", message.offset_of(value));
    return check(message, id, address->uri, address->parsed_uri());
}

Result<void> check_routes(const Message& message, HeaderId id) {
    size_t count = 0;
    for (const std::string_view value : message.values(id)) {
        if (++count > list_values_max) return fault(id, "too many values", 0);
        TRY(check_address(message, id, value));
    }
    return {};
}

// RFC 3261 10.2.2: "*" stands alone, and in a REGISTER only.
Result<void> check_contacts(const Message& message) {
    size_t count = 0;
    bool star = false;
    for (const std::string_view value : message.values(HeaderId::Contact)) {
        if (++count > list_values_max) return fault(HeaderId::Contact, "too many values", 0);
        if (value == "*") {
            star = true;
        } else {
            TRY(check_address(message, HeaderId::Contact, value));
        }
    }
    if (star && (count > 1 || message.method() != Method::Register)) {
        return fault(HeaderId::Contact, "* stands alone, in a REGISTER", 0);
    }
    return {};
}

Result<void> check_call_id(const Message& message) {
    const std::string_view call_id = message.call_id();
    if (call_id.empty() || call_id.find_first_of(" \t") != std::string_view::npos) {
        return fault(HeaderId::CallId, "one word expected", message.offset_of(call_id));
    }
    return {};
}

// The optional headers whose grammar everyone relies on. Not Expires, whose malformed value the
// registrar takes for its default (RFC 3261 10.3 step 6), and not Date, which nobody here acts on.
Result<void> check_optional(const Message& message) {
    if (const auto value = message.header(HeaderId::MaxForwards)) {
        TRY(check(message, HeaderId::MaxForwards, *value, message.max_forwards()));
    }
    if (const auto value = message.header(HeaderId::ContentType)) {
        TRY(check(message, HeaderId::ContentType, *value, message.content_type()));
    }
    for (const HeaderId id : {HeaderId::ReferTo, HeaderId::ReplyTo, HeaderId::ReferredBy}) {
        if (const auto value = message.header(id)) TRY(check_address(message, id, *value));
    }
    return {};
}

Result<void> check_common(const Message& message) {
    TRY(check_single(message));
    TRY(check_vias(message));
    for (const HeaderId id : {HeaderId::From, HeaderId::To}) {
        TRY(check_address(message, id, message.header(id).value_or("")));
    }
    TRY(check_call_id(message));
    const std::string_view cseq = message.header(HeaderId::CSeq).value_or("");
    TRY(check(message, HeaderId::CSeq, cseq, message.cseq()));
    TRY(check_contacts(message));
    TRY(check_routes(message, HeaderId::RecordRoute));
    return check_optional(message);
}

Result<void> check_request_uri(const Message& request) {
    const UriView uri = TRY(request.parsed_request_uri());
    if (uri.scheme == UriScheme::Other) {
        Error error = make_error(ErrorCode::Unsupported, "Request-URI", "scheme", 416);
        error.offset = request.offset_of(request.request_uri());
        return error;
    }
    // RFC 3261 19.1.1, table 1: no headers and no method parameter here.
    if (!uri.headers.text().empty()) {
        Error error =
            make_error(ErrorCode::Malformed, "Request-URI", "headers are not allowed", 400);
        error.offset = request.offset_of(uri.headers.text());
        return error;
    }
    return {};
}

}  // namespace

Result<void> validate_request(const Message& request) {
    TRY(check_common(request));
    TRY(check_request_uri(request));
    TRY(check_routes(request, HeaderId::Route));
    const CSeq cseq = TRY(request.cseq());
    if (cseq.method_token != request.method_token()) {
        Error error = fault(HeaderId::CSeq, "names another method than the request",
                            request.offset_of(cseq.method_token));
        // RFC 4475 3.1.2.18: for a method that nobody knows, 501 tells more.
        if (request.method() == Method::Other) error.sip_status = 501;
        return error;
    }
    return {};
}

Result<void> validate_response(const Message& response) {
    return check_common(response);
}

}  // namespace tandem::sip
