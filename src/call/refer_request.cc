#include "call/refer_request.h"

#include "base/bytes.h"
#include "sip/headers.h"

namespace tandem::call {

using sip::HeaderId;

namespace {

Result<std::optional<DialogName>> replaced_by(const sip::UriView& uri) {
    const auto escaped = uri.headers.get("Replaces");
    if (!escaped) return std::optional<DialogName>();
    const std::string text = sip::percent_decode(*escaped);
    const auto replaces = TRY(sip::Replaces::parse(text));
    return std::optional<DialogName>({std::string(replaces.call_id), std::string(replaces.to_tag),
                                      std::string(replaces.from_tag)});
}

}  // namespace

Result<ReferRequest> refer_request_of(const sip::Message& refer) {
    const auto bad = [](std::string_view what, int status) {
        return make_error(ErrorCode::Malformed, "Refer-To", what, status);
    };
    if (refer.count(HeaderId::ReferTo) != 1) return bad("exactly one is needed", 400);
    const auto target = refer.address(HeaderId::ReferTo);
    if (!target || !*target) return bad("not an address", 400);
    const auto uri = (*target)->parsed_uri();
    if (!uri) return bad("not a URI", 400);
    const bool is_tel = uri->scheme == sip::UriScheme::Tel;
    if (!uri->is_sip() && !is_tel) return bad("neither sip nor tel", 416);
    const auto method = uri->params.get("method");
    if (method && !equals_ignoring_case(*method, "INVITE")) return bad("no call", 501);
    ReferRequest request;
    request.dialled = uri->decoded_user();
    if (uri->is_sip()) {
        request.host = uri->host();
        request.by_address = uri->host_port.is_address();
        auto replaces = replaced_by(*uri);
        if (!replaces) return bad("a Replaces that cannot be read", 400);
        request.replaces = std::move(*replaces);
    }
    if (request.dialled.empty()) return bad("names nobody", 400);
    const auto subscription = refer.header(HeaderId::ReferSub).value_or("true");
    request.is_reported =
        !equals_ignoring_case(subscription.substr(0, subscription.find(';')), "false");
    const auto cseq = refer.cseq();
    request.event = "refer;id=" + std::to_string(cseq ? cseq->number : 0);
    return request;
}

}  // namespace tandem::call
