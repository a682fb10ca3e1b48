#include "border/stateless.h"

#include "border/limits.h"

namespace tandem::border {
namespace {

using sip::HeaderId;

// What the system as a whole takes; RFC 3261 11.2 asks for it in the answer to OPTIONS.
constexpr std::string_view kAllow =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, UPDATE, INFO, PRACK, REFER, NOTIFY";

std::string tag_of(const sip::Message& request, const ports::Surroundings& around) {
    const auto via = request.top_via();
    const std::string_view branch = via ? via->branch() : std::string_view();
    std::string identity(request.call_id());
    identity += ' ';
    identity += branch;
    const uint64_t unique = siphash({around.self.number, 0x7461676f66736761}, as_bytes(identity));
    return around.tokens.text({ports::TokenKind::Tag, around.self, unique});
}

int status_of(Refusal why, bool pong) {
    switch (why) {
        case Refusal::NoReceiver:
        case Refusal::Congested:
            return 503;
        case Refusal::NoDialog:
            return 481;
        case Refusal::Stranger:
            return 403;
        case Refusal::Ping:
            return pong ? 200 : 503;
        case Refusal::None:
        case Refusal::OurOwnAnswer:
            return 0;
    }
    return 0;
}

}  // namespace

std::optional<sip::Message> answer_to_refused(const sip::Message& request, Refusal why,
                                              const ports::Surroundings& around,
                                              std::string_view server) {
    if (request.method() == sip::Method::Ack) return std::nullopt;
    // A ping asks whether calls can be made, so a gate with nobody behind it says no.
    const bool pong = around.directory.pick(ports::RoleKind::B2bua, 0).has_value();
    const int status = status_of(why, pong);
    if (status == 0) return std::nullopt;
    sip::Message answer = sip::make_response(request, status, {}, tag_of(request, around));
    if (status == 503) {
        const uint64_t wait = retry_after_min_s + around.rng.below(retry_after_spread_s);
        answer.append(HeaderId::RetryAfter, std::to_string(wait));
    }
    if (why == Refusal::Ping) {
        answer.append(HeaderId::Allow, kAllow);
        answer.append(HeaderId::Accept, "application/sdp");
        answer.append(HeaderId::Supported, "path, outbound, timer, replaces");
    }
    answer.append(HeaderId::Server, server);
    return answer;
}

}  // namespace tandem::border
