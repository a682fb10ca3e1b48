#include "roles/call_state/subscribe_request.h"

#include <algorithm>

#include "base/bytes.h"
#include "roles/call_state/limits.h"
#include "sip/scanner.h"

namespace tandem::roles::call_state {

using sip::HeaderId;

namespace {

// RFC 6665 3.1.3: without Accept the package's own type is meant.
bool accepts(const sip::Message& message, Package package) {
    bool any = false;
    for (const std::string_view value : message.values(HeaderId::Accept)) {
        any = true;
        const std::string type = to_lower(trim(value.substr(0, value.find(';'))));
        if (type == body_type(package) || type == "*/*" || type == "application/*") return true;
    }
    return !any;
}

SubscribeJudgement refused(int status) {
    return {std::nullopt, {status, {}, {}}};
}

}  // namespace

SubscribeJudgement read_subscribe(const sip::Message& message) {
    const auto event = message.event();
    if (!event || !*event) return refused(event ? 489 : 400);
    const auto package = package_from(to_lower((*event)->token));
    if (!package) return refused(489);
    SubscribeRequest request;
    request.package = *package;
    request.event_id = (*event)->params.get("id").value_or("");
    if (request.event_id.size() > kEventIdMax) return refused(400);
    if (!accepts(message, *package)) return refused(406);
    const auto expires = message.expires();
    const auto cseq = message.cseq();
    if (!expires || !cseq) return refused(400);
    request.cseq = cseq->number;
    const uint32_t wanted = expires->value_or(kSubscriptionDefault);
    if (wanted > 0 && wanted < kSubscriptionMin)
        return {std::nullopt, {423, std::to_string(kSubscriptionMin), {}}};
    request.expires_s = std::min(wanted, kSubscriptionMax);
    const auto contact = message.address(HeaderId::Contact);
    if (!contact) return refused(400);
    if (*contact && !(*contact)->star) request.target = (*contact)->uri;
    return {std::move(request), {}};
}

namespace {

std::string_view accepted_of(const sip::Message& request) {
    const auto event = request.event();
    const auto package =
        event && *event ? package_from(to_lower((*event)->token)) : std::optional<Package>();
    return body_type(package.value_or(Package::Dialog));
}

// RFC 3261 20.43: 399 is for any text; it names who warns.
std::string warning_text(const sip::Message& request, std::string_view text) {
    const auto uri = request.parsed_request_uri();
    const std::string host = uri ? std::string(uri->host()) : "tandem";
    return "399 " + host + " " + sip::quote(text);
}

}  // namespace

sip::Message refusal(const sip::Message& request, const Refused& why, std::string_view to_tag) {
    sip::Message answer = sip::make_response(request, why.status, {}, to_tag);
    const bool is_publish = request.method() == sip::Method::Publish;
    const auto presence = to_string(Package::Presence);
    if (why.status == 489)
        answer.append(HeaderId::AllowEvents, is_publish ? std::string(presence) : packages_text());
    if (why.status == 406) answer.append(HeaderId::Accept, accepted_of(request));
    if (why.status == 415) answer.append(HeaderId::Accept, body_type(Package::Presence));
    if (!why.warning.empty()) answer.append(HeaderId::Warning, warning_text(request, why.warning));
    if (why.status == 423) answer.append(HeaderId::MinExpires, why.min_expires);
    if (why.status == 503) answer.append(HeaderId::RetryAfter, "5");
    return answer;
}

}  // namespace tandem::roles::call_state
