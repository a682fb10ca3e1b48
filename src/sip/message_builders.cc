// Messages made from messages: responses, and the ACK and CANCEL of an INVITE.
#include <string>

#include "base/bytes.h"
#include "sip/message.h"

namespace tandem::sip {
namespace {

void copy_fields(const Message& from, HeaderId id, Message& to) {
    for (const std::string_view value : from.fields(id)) to.append(id, value);
}

// What ACK and CANCEL take from their INVITE.
Message hop_request(const Message& invite, Method method, std::string_view to) {
    Message request = Message::request(method, invite.request_uri());
    const Message::Values vias = invite.values(HeaderId::Via);
    if (!vias.empty()) request.append(HeaderId::Via, *vias.begin());
    copy_fields(invite, HeaderId::Route, request);
    request.append(HeaderId::MaxForwards, "70");
    copy_fields(invite, HeaderId::From, request);
    request.append(HeaderId::To, to);
    copy_fields(invite, HeaderId::CallId, request);
    const auto cseq = invite.cseq();
    const std::string number = std::to_string(cseq ? cseq->number : 0);
    request.append(HeaderId::CSeq, number + " " + std::string(to_string(method)));
    return request;
}

}  // namespace

Message make_response(const Message& request, int status, std::string_view reason,
                      std::string_view to_tag) {
    Message response = Message::response(status, reason);
    copy_fields(request, HeaderId::Via, response);
    copy_fields(request, HeaderId::From, response);
    const auto to = request.to();
    const std::string_view to_value = request.header(HeaderId::To).value_or("");
    if (to && to->tag().empty() && !to_tag.empty()) {
        std::string tagged(to_value);
        tagged.append(";tag=").append(to_tag);
        response.append(HeaderId::To, tagged);
    } else if (!to_value.empty()) {
        response.append(HeaderId::To, to_value);
    }
    copy_fields(request, HeaderId::CallId, response);
    copy_fields(request, HeaderId::CSeq, response);
    // RFC 3261 8.2.6.1: the 100 carries the Timestamp of the request.
    if (status == 100) copy_fields(request, HeaderId::Timestamp, response);
    return response;
}

Message make_ack_for_failure(const Message& invite, const Message& response) {
    return hop_request(invite, Method::Ack, response.header(HeaderId::To).value_or(""));
}

Message make_cancel(const Message& invite) {
    return hop_request(invite, Method::Cancel, invite.header(HeaderId::To).value_or(""));
}

void note_source(Message& request, std::string_view address, uint16_t port) {
    const Message::Values vias = request.values(HeaderId::Via);
    if (vias.empty()) return;
    const std::string_view value = *vias.begin();
    const auto via = Via::parse(value);
    if (!via) return;
    const bool rport = via->wants_rport();
    if (!rport && via->sent_by.host == address) return;
    std::string stamped(
        value.substr(0, static_cast<size_t>(via->params.text().data() - value.data())));
    if (via->params.text().empty()) stamped = value;
    for (const Param& param : via->params) {
        // What the sender claims of itself is worth nothing here.
        const bool ours = equals_ignoring_case(param.name, "received") ||
                          equals_ignoring_case(param.name, "rport");
        if (ours) continue;
        stamped.append(";").append(param.name);
        if (!param.has_value) continue;
        stamped.append(param.quoted ? "=\"" : "=").append(param.value);
        if (param.quoted) stamped.append("\"");
    }
    stamped.append(";received=").append(address);
    if (rport) stamped.append(";rport=").append(std::to_string(port));
    request.replace_first_value(HeaderId::Via, stamped);
}

}  // namespace tandem::sip
