#include "roles/call_state/subscribe_request.h"

#include <algorithm>

#include "base/bytes.h"
#include "roles/call_state/limits.h"
#include "sip/event_bodies.h"

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
    return {std::nullopt, {status, {}}};
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
        return {std::nullopt, {423, std::to_string(kSubscriptionMin)}};
    request.expires_s = std::min(wanted, kSubscriptionMax);
    const auto contact = message.address(HeaderId::Contact);
    if (!contact) return refused(400);
    if (*contact && !(*contact)->star) request.target = (*contact)->uri;
    return {std::move(request), {}};
}

sip::Message refusal(const sip::Message& request, const Refused& why, std::string_view to_tag) {
    sip::Message answer = sip::make_response(request, why.status, {}, to_tag);
    if (why.status == 489) answer.append(HeaderId::AllowEvents, "dialog, presence");
    if (why.status == 406)
        answer.append(HeaderId::Accept,
                      std::string(sip::dialog_info_type) + ", " + std::string(sip::pidf_type));
    if (why.status == 423) answer.append(HeaderId::MinExpires, why.min_expires);
    if (why.status == 503) answer.append(HeaderId::RetryAfter, "5");
    return answer;
}

}  // namespace tandem::roles::call_state
