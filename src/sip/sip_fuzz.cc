// Whatever parses can be walked, and what we write of it parses to the same message.
#include <string>

#include "base/check.h"
#include "sip/parser.h"
#include "sip/quoted_request.h"
#include "sip/validate.h"

namespace tandem::sip {
namespace {

// Reads every typed header: none may touch what is not its own, whatever it holds.
size_t walk(const Message& message) {
    size_t sound = 0;
    const auto count = [&sound](const auto& result) { sound += result.has_value() ? 1 : 0; };
    for (const Result<Via> via : message.vias()) {
        count(via);
        if (via) sound += via->branch().size() + via->rport().value_or(0);
    }
    for (size_t i = 0; i < message.field_count(); ++i) {
        const HeaderId id = message.field(i).id;
        for (const Result<NameAddr> address : message.addresses(id)) {
            count(address);
            if (address) count(address->parsed_uri());
            if (address) sound += address->q_thousandths() + address->tag().size();
        }
        for (const Result<AuthValue> auth : message.auth_values(id)) count(auth);
        count(message.number(id));
        count(message.token_params(id));
    }
    count(message.parsed_request_uri());
    count(message.from());
    count(message.to());
    count(message.cseq());
    count(message.rack());
    count(message.session_expires());
    count(message.min_se());
    count(message.replaces());
    count(message.content_type());
    count(message.retry_after());
    count(message.max_forwards());
    return sound;
}

void check_same(const Message& a, const Message& b) {
    CHECK(a.is_request() == b.is_request() && a.status() == b.status());
    CHECK(a.method_token() == b.method_token() && a.request_uri() == b.request_uri());
    CHECK(a.reason() == b.reason() && a.body() == b.body());
    size_t at = 0;
    for (size_t i = 0; i < a.field_count(); ++i) {
        const Message::Field field = a.field(i);
        if (field.id == HeaderId::ContentLength) continue;
        while (at < b.field_count() && b.field(at).id == HeaderId::ContentLength) ++at;
        CHECK(at < b.field_count());
        CHECK(b.field(at).name == field.name && b.field(at).value == field.value);
        ++at;
    }
}

void check_survives(const Message& message) {
    // Compact names become long ones, so the copy may be a little over the limits of the original.
    ParserLimits roomy;
    roomy.message_bytes *= 2;
    roomy.head_bytes *= 2;
    const std::string text = message.to_text();
    CHECK(text.size() == message.serialized_size());
    const auto again = parse_message(std::string_view(text), roomy);
    CHECK(again.has_value());
    check_same(message, *again);
    CHECK(again->to_text() == text);
}

}  // namespace
}  // namespace tandem::sip

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem::sip;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    (void)branch_of_new_request(bytes);
    auto message = parse_message(bytes);
    if (!message) {
        const auto answer = answer_to_rejected(bytes, message.error());
        if (answer) CHECK(parse_message(answer->to_text()).has_value());
        return 0;
    }
    walk(*message);
    check_survives(*message);
    const bool valid = validate(*message).has_value();
    if (message->is_request()) {
        const Message response = make_response(*message, 404, {}, "tag");
        check_survives(response);
        if (valid) CHECK(validate_response(response).has_value());
        if (valid) CHECK(!response.to()->tag().empty());
        check_survives(make_cancel(*message));
        note_source(*message, "2001:db8::1", 5060);
        if (valid) CHECK(validate_request(*message).has_value());
    }
    message->prepend(HeaderId::Route, "<sip:edge.example;lr>");
    message->append("X-Added", message->call_id());
    message->remove_first_value(HeaderId::Via);
    check_survives(*message);
    return 0;
}
