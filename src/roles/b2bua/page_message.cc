#include "roles/b2bua/page_message.h"

#include <algorithm>

#include "call/failure.h"
#include "roles/b2bua/limits.h"
#include "sip/date.h"
#include "sip/tag.h"
#include "store/catalog.h"

namespace tandem::roles::b2bua {

using sip::HeaderId;

bool PageMessages::start(call::CallContext& ctx, PageRequest request) {
    const auto registrar = ctx.around.directory.active(ports::RoleKind::Registrar, request.domain);
    if (!registrar || pages_.size() >= kPagesMax) return false;
    const uint64_t base = ctx.leg.rng.next() >> call::kLegBits;
    const ports::BindingsQuery query{request.domain, request.to_account};
    pages_[base] = {std::move(request), {}, {}, ctx.now.mono + kPageDeadline};
    ctx.out.send(ctx.around.self, *registrar, query, call::leg_key(base, kPageIndex));
    return true;
}

// As a user agent of our own: new Call-ID, tag and CSeq, and addresses of the domain only.
sip::Message PageMessages::copy_for(call::CallContext& ctx, const PageRequest& request,
                                    const ports::Binding& binding) {
    sip::Message copy = sip::Message::request(sip::Method::Message, binding.contact);
    for (const std::string& route : binding.path) copy.append(HeaderId::Route, route);
    copy.append(HeaderId::MaxForwards, "70");
    // A tag of ours, by which a message that comes back to us is known as a loop.
    const ports::Token tag{ports::TokenKind::Tag, ctx.around.self, ctx.leg.rng.next()};
    copy.append(HeaderId::From, request.from + ";tag=" + ctx.around.tokens.text(tag));
    copy.append(HeaderId::To, request.to);
    copy.append(HeaderId::CallId, sip::make_call_id(ctx.leg.rng));
    copy.append(HeaderId::CSeq, "1 MESSAGE");
    const auto type = request.message.header(HeaderId::ContentType);
    if (request.question) copy.append(HeaderId::Date, sip::format_date(request.sent));
    copy.set_body(type.value_or("text/plain"), request.message.body());
    return copy;
}

void PageMessages::on_bindings(call::CallContext& ctx, uint64_t base,
                               const ports::BindingsReply* reply) {
    const auto page = pages_.find(base);
    if (page == pages_.end() || !page->second.waiting.empty() || page->second.is_storing) return;
    if (reply == nullptr) return finish(ctx, page, 503);
    for (const ports::Binding& binding : reply->bindings) {
        if (page->second.waiting.size() >= kPageDevicesMax) break;
        const auto reliability = ports::is_reliable(binding.flow.transport)
                                     ? sip::Reliability::Reliable
                                     : sip::Reliability::Unreliable;
        sip::Envelope envelope{sip::Hop::of(binding.flow, reliability), {}, binding.contact};
        const auto client = ctx.leg.transactions.send_request(
            ctx.now.mono, copy_for(ctx, page->second.request, binding), std::move(envelope),
            call::leg_key(base, kPageIndex), ctx.leg.wire);
        if (client) page->second.waiting.push_back(client);
    }
    if (page->second.waiting.empty()) give_up(ctx, page, 480);
}

void PageMessages::on_response(call::CallContext& ctx, uint64_t base, sip::ClientKey client,
                               int status) {
    const auto page = pages_.find(base);
    if (page == pages_.end() || status < 200) return;
    if (std::erase(page->second.waiting, client) == 0) return;
    if (status < 300) return finish(ctx, page, status == 202 ? 202 : 200);
    page->second.failures.push_back(call::shown_failure(status));
    if (!page->second.waiting.empty()) return;
    give_up(ctx, page, call::best_failure(page->second.failures));
}

// A device may take later what none could be asked for now.
void PageMessages::give_up(call::CallContext& ctx, Pages::iterator page, int status) {
    const PageRequest& request = page->second.request;
    const auto* domain = ctx.around.catalog.find_domain(request.domain);
    const bool may_wait = (status == 480 || status == 408) && !request.question &&
                          !page->second.is_storing && domain != nullptr &&
                          domain->settings.offline_messages;
    const auto registrar =
        may_wait ? ctx.around.directory.active(ports::RoleKind::Registrar, request.domain)
                 : std::nullopt;
    if (!registrar) return finish(ctx, page, status);
    ports::MessageKeep keep{request.domain, request.to_account, {}};
    keep.message.sent = ctx.now.utc;
    keep.message.from = request.from;
    keep.message.to = request.to;
    const auto type = request.message.header(HeaderId::ContentType);
    keep.message.content_type = type.value_or("text/plain");
    keep.message.body = request.message.body();
    page->second.is_storing = true;
    page->second.deadline = ctx.now.mono + kPageStoreMax;
    ctx.out.send(ctx.around.self, *registrar, std::move(keep),
                 call::leg_key(page->first, kPageIndex));
}

void PageMessages::on_kept(call::CallContext& ctx, uint64_t base, const ports::MessageKept* reply) {
    const auto page = pages_.find(base);
    if (page == pages_.end() || !page->second.is_storing) return;
    finish(ctx, page, reply != nullptr && reply->kept ? 202 : 480);
}

void PageMessages::finish(call::CallContext& ctx, Pages::iterator page, int status) {
    const PageRequest& request = page->second.request;
    if (request.question) {
        ctx.out.reply(*request.question, ports::MessageDelivered{status});
        pages_.erase(page);
        return;
    }
    ctx.leg.transactions.respond(
        ctx.now.mono, request.server,
        sip::make_response(request.message, status, {}, sip::make_tag(ctx.leg.rng)), {},
        ctx.leg.wire);
    pages_.erase(page);
}

void PageMessages::on_timeout(call::CallContext& ctx) {
    for (auto page = pages_.begin(); page != pages_.end();) {
        const auto next = std::next(page);
        if (page->second.deadline <= ctx.now.mono) give_up(ctx, page, 480);
        page = next;
    }
}

std::optional<Instant> PageMessages::next_deadline() const {
    std::optional<Instant> earliest;
    for (const auto& [base, page] : pages_) {
        if (!earliest || page.deadline < *earliest) earliest = page.deadline;
    }
    return earliest;
}

}  // namespace tandem::roles::b2bua
