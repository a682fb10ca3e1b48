#include "sip/dialog/dialog.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "sip/dialog/limits.h"
#include "sip/limits.h"

namespace tandem::sip {
namespace {

// A From or To value without its parameters, of which a dialog keeps the tag only.
std::string address_of(std::string_view value, const NameAddr& address) {
    const std::string_view params = address.params.text();
    if (params.empty()) return std::string(trim(value));
    return std::string(trim(value.substr(0, static_cast<size_t>(params.data() - value.data()))));
}

Result<std::vector<std::string>> record_routes(const Message& message) {
    std::vector<std::string> routes;
    for (const std::string_view route : message.values(HeaderId::RecordRoute)) {
        if (routes.size() == route_set_max) {
            return make_error(ErrorCode::TooLarge, "Record-Route", "too many routes", 400);
        }
        routes.emplace_back(route);
    }
    return routes;
}

// The peer's Contact without what may not stand in a Request-URI (RFC 3261 19.1.1, table 1).
std::string target_of(const Message& message) {
    const auto contact = message.address(HeaderId::Contact);
    if (!contact || !*contact || (*contact)->star) return {};
    const std::string_view uri = (*contact)->uri;
    return std::string(uri.substr(0, uri.find('?')));
}

std::string with_tag(const std::string& address, std::string_view tag) {
    if (tag.empty()) return address;
    std::string out = address;
    out.append(";tag=").append(tag);
    return out;
}

}  // namespace

std::string_view to_string(DialogState state) {
    switch (state) {
        case DialogState::Early:
            return "early";
        case DialogState::Confirmed:
            return "confirmed";
        case DialogState::Terminated:
            return "terminated";
    }
    return "";
}

Result<Dialog> Dialog::as_client(const Message& request, const Message& response) {
    const auto from = TRY(request.from());
    const auto to = TRY(request.to());
    const auto remote = TRY(response.to());
    const auto cseq = TRY(request.cseq());
    DialogSnapshot s;
    s.call_id = request.call_id();
    s.local_tag = from.tag();
    s.remote_tag = remote.tag();
    s.local_address = address_of(*request.header(HeaderId::From), from);
    s.remote_address = address_of(*request.header(HeaderId::To), to);
    // INTEROP: some peers send provisionals without a Contact.
    s.remote_target = target_of(response);
    if (s.remote_target.empty()) s.remote_target = request.request_uri();
    s.route_set = TRY(record_routes(response));
    std::reverse(s.route_set.begin(), s.route_set.end());
    s.local_cseq = cseq.number;
    return Dialog(std::move(s));
}

Result<Dialog> Dialog::as_server(const Message& request, std::string_view local_tag) {
    const auto from = TRY(request.from());
    const auto to = TRY(request.to());
    const auto cseq = TRY(request.cseq());
    DialogSnapshot s;
    s.call_id = request.call_id();
    s.local_tag = local_tag;
    s.remote_tag = from.tag();
    s.local_address = address_of(*request.header(HeaderId::To), to);
    s.remote_address = address_of(*request.header(HeaderId::From), from);
    s.remote_target = target_of(request);
    if (s.remote_target.empty()) {
        return make_error(ErrorCode::Missing, "Contact", "needed to make a dialog", 400);
    }
    s.route_set = TRY(record_routes(request));
    s.remote_cseq = cseq.number;
    return Dialog(std::move(s));
}

Dialog Dialog::restore(DialogSnapshot snapshot) {
    return Dialog(std::move(snapshot));
}

void Dialog::confirm(const Message& response) {
    s_.state = DialogState::Confirmed;
    refresh_target(response);
    if (auto routes = record_routes(response)) {
        s_.route_set = std::move(*routes);
        std::reverse(s_.route_set.begin(), s_.route_set.end());
    }
}

bool Dialog::owns_request(const Message& request) const {
    const auto from = request.from();
    const auto to = request.to();
    return from && to && request.call_id() == s_.call_id && to->tag() == s_.local_tag &&
           from->tag() == s_.remote_tag;
}

bool Dialog::owns_response(const Message& response) const {
    const auto from = response.from();
    const auto to = response.to();
    return from && to && response.call_id() == s_.call_id && from->tag() == s_.local_tag &&
           to->tag() == s_.remote_tag;
}

CSeqVerdict Dialog::accept_cseq(const Message& request) {
    const auto cseq = request.cseq();
    if (!cseq) return CSeqVerdict::OutOfOrder;
    if (s_.remote_cseq && cseq->number < *s_.remote_cseq) return CSeqVerdict::OutOfOrder;
    s_.remote_cseq = cseq->number;
    return CSeqVerdict::InOrder;
}

void Dialog::refresh_target(const Message& message) {
    std::string target = target_of(message);
    if (!target.empty()) s_.remote_target = std::move(target);
}

void Dialog::raise_cseq(uint32_t at_least) {
    s_.local_cseq = std::max(s_.local_cseq, at_least);
}

Message Dialog::request(Method method) {
    return request(to_string(method));
}

Message Dialog::request(std::string_view method_token) {
    return build(method_token, ++s_.local_cseq);
}

Message Dialog::ack(uint32_t invite_cseq) const {
    return build(to_string(Method::Ack), invite_cseq);
}

// RFC 3261 12.2.1.1, with the form for strict routers when the first route lacks lr.
Message Dialog::build(std::string_view method_token, uint32_t cseq) const {
    const auto& routes = s_.route_set;
    const auto first = routes.empty() ? Result<NameAddr>() : NameAddr::parse(routes.front());
    const auto first_uri = first ? first->parsed_uri() : Result<UriView>();
    const bool strict = !routes.empty() && first_uri && !first_uri->params.has("lr");
    Message request = Message::request(method_token, strict ? first->uri : s_.remote_target);
    for (size_t i = strict ? 1 : 0; i < routes.size(); ++i) {
        request.append(HeaderId::Route, routes[i]);
    }
    if (strict) request.append(HeaderId::Route, "<" + s_.remote_target + ">");
    request.append(HeaderId::MaxForwards, std::to_string(max_forwards_default));
    request.append(HeaderId::From, with_tag(s_.local_address, s_.local_tag));
    request.append(HeaderId::To, with_tag(s_.remote_address, s_.remote_tag));
    request.append(HeaderId::CallId, s_.call_id);
    request.append(HeaderId::CSeq, std::to_string(cseq) + " " + std::string(method_token));
    return request;
}

}  // namespace tandem::sip
