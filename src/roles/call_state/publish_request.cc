#include "roles/call_state/publish_request.h"

#include <algorithm>

#include "base/bytes.h"
#include "roles/call_state/limits.h"

namespace tandem::roles::call_state {

using sip::HeaderId;

namespace {

PublishJudgement refused(int status, std::string warning = {}) {
    return {std::nullopt, {status, {}, std::move(warning)}};
}

bool is_pidf(const sip::Message& message) {
    const std::string_view value = message.header(HeaderId::ContentType).value_or("");
    const auto encoding = message.header(HeaderId::ContentEncoding);
    const bool is_plain = !encoding || equals_ignoring_case(trim(*encoding), "identity");
    return is_plain && equals_ignoring_case(trim(value.substr(0, value.find(';'))), sip::pidf_type);
}

}  // namespace

PublishJudgement read_publish(const sip::Message& message) {
    const auto event = message.event();
    if (!event || !*event) return refused(489);
    if (!equals_ignoring_case((*event)->token, to_string(Package::Presence))) return refused(489);
    PublishRequest request;
    request.etag = message.header(HeaderId::SipIfMatch).value_or("");
    if (request.etag.size() > kEntityTagMax) return refused(412);
    const auto expires = message.expires();
    if (!expires) return refused(400);
    const uint32_t wanted = expires->value_or(kSubscriptionDefault);
    if (wanted > 0 && wanted < kSubscriptionMin)
        return {std::nullopt, {423, std::to_string(kSubscriptionMin), {}}};
    request.expires_s = std::min(wanted, kSubscriptionMax);
    if (message.body().empty()) {
        if (request.etag.empty()) return refused(400, "the first PUBLISH has to have a body");
        return {std::move(request), {}};
    }
    if (!is_pidf(message)) return refused(415);
    if (message.body().size() > kPublishedBytesMax) return refused(413);
    auto document = sip::read_pidf(message.body());
    if (!document)
        return refused(400, "the presence document cannot be read: " + document.error().message +
                                " (byte " + std::to_string(document.error().offset) + ")");
    request.document = std::move(*document);
    return {std::move(request), {}};
}

}  // namespace tandem::roles::call_state
