// PUBLISH (RFC 3903): from its arrival to its answer, and to what watchers are told.
#include <algorithm>

#include "roles/call_state/limits.h"
#include "roles/call_state/publish_request.h"
#include "roles/call_state/watchers.h"
#include "sip/tag.h"
#include "sip/uri.h"
#include "store/catalog.h"

namespace tandem::roles::call_state {

using sip::HeaderId;

void Watchers::on_publish(Now now, const ports::SipInbound& in, const Asker& asker,
                          ports::Outbox& out) {
    const auto refused = [&](const Refused& why) { refuse(now, asker, in.message, why, out); };
    const auto who = asker.b2b ? asserted_in(in.message) : std::nullopt;
    const auto uri = in.message.parsed_request_uri();
    if (!who || !uri) return refused({403, {}, {}});
    if (account_of(who->domain, uri->decoded_user()) != who->account)
        return refused({403, {}, "one publishes for one's own account only"});
    PublishJudgement judged = read_publish(in.message);
    if (!judged.request) return refused(judged.refused);
    PublishRequest& request = *judged.request;
    const Publication* former =
        request.etag.empty() ? nullptr : publications_.find(who->account, request.etag);
    if (former == nullptr && !request.etag.empty()) return refused({412, {}, {}});
    // Those as well that are on their way into the store: they may come in a burst.
    const auto is_full = [&] {
        const auto coming = std::ranges::count_if(writing_, [&](const auto& each) {
            return each.second.published && each.second.published->account == who->account;
        });
        return publications_.size() + writing_.size() >= kPublicationsMax ||
               publications_.of(who->account).size() + static_cast<size_t>(coming) >=
                   kPublicationsOfAccountMax;
    };
    if (former == nullptr && is_full()) return refused({503, {}, {}});
    Publication published;
    if (former != nullptr) published = *former;
    while (published.key == 0 || (former == nullptr && publications_.find(published.key)))
        published.key = around_.rng.next();
    published.domain = who->domain;
    published.account = who->account;
    published.etag = to_hex({0, around_.rng.next()}).substr(16);
    published.expires = UtcTime{now.utc.unix_ms + int64_t{request.expires_s} * 1000};
    if (request.document) published.document = std::move(*request.document);
    sip::Message response = sip::make_response(in.message, 200, {}, sip::make_tag(around_.rng));
    response.append(HeaderId::SipEtag, published.etag);
    response.append(HeaderId::Expires, std::to_string(request.expires_s));
    Writing writing{asker, std::move(response), 0, request.expires_s, std::move(published)};
    save_publication(now, std::move(writing), out);
}

// Or its removal: of the store first, as a phone that was told so believes it.
void Watchers::save_publication(Now now, Writing writing, ports::Outbox& out) {
    store::WriterOutbox box;
    const std::string key = store_key_of(*writing.published);
    const auto ticket =
        writing.expires_s > 0
            ? writer_.put(now.mono, key, encode_publication(*writing.published), box)
            : writer_.del(now.mono, key, box);
    if (!ticket) return on_published(now, writing, false, out);
    writing_.emplace(*ticket, std::move(writing));
    flush(now, box, out);
}

void Watchers::on_published(Now now, const Writing& done, bool is_saved, ports::Outbox& out) {
    sip::Message response = done.answer;
    if (is_saved) {
        const Publication& published = *done.published;
        const Publication* former = publications_.find(published.key);
        const bool is_new =
            former == nullptr || former->document != published.document || done.expires_s == 0;
        if (done.expires_s > 0) {
            keep_publication(now, published);
        } else {
            (void)publications_.take(published.key);
            arm_publications(now);
        }
        if (is_new) tell(now, published.account, Package::Presence, out);
    } else {
        response.set_status(503);
        response.remove(HeaderId::Expires);
        response.remove(HeaderId::SipEtag);
        response.append(HeaderId::RetryAfter, "5");
    }
    answer(now, done.asker, std::move(response), 0, out);
    emit(out);
}

void Watchers::keep_publication(Now now, Publication published) {
    publications_.put(std::move(published));
    arm_publications(now);
}

void Watchers::arm_publications(Now now) {
    publications_due_.reset();
    const auto next = publications_.next_expiry();
    if (!next) return;
    const auto rest = std::max<int64_t>(next->unix_ms - now.utc.unix_ms, 1);
    publications_due_ = now.mono + std::chrono::milliseconds(rest);
}

void Watchers::expire_publications(Now now, ports::Outbox& out) {
    while (const auto key = publications_.expired(now.utc)) {
        const auto published = publications_.take(*key);
        store::WriterOutbox box;
        // What can't be removed now is found expired later.
        (void)writer_.del(now.mono, store_key_of(*published), box);
        flush(now, box, out);
        tell(now, published->account, Package::Presence, out);
    }
    arm_publications(now);
}

}  // namespace tandem::roles::call_state
