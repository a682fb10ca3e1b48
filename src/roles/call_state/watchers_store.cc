// Subscriptions and publications in the store: read when this copy becomes the active one, written
// as they change.
#include <algorithm>

#include "roles/call_state/limits.h"
#include "roles/call_state/watchers.h"

namespace tandem::roles::call_state {

using ports::RoleKind;

// Bit 47 keeps these apart from the writer's, which count up from 1 in the same channel.
store::RequestId Watchers::next_id() {
    return uint64_t{around_.self.number} << 48 | uint64_t{1} << 47 | ++ids_;
}

void Watchers::begin(Now now, const std::vector<store::Compare>* guards, ports::Outbox& out) {
    end();
    phase_ = Phase::Reading;
    if (guards != nullptr) writer_.reopen(*guards);
    calls_known_ = false;
    calls_known_by_ = now.mono + kCallsKnownMax;
    read_page(now, std::string(keys_of_subscriptions), out);
}

void Watchers::end() {
    phase_ = Phase::Passive;
    subscriptions_.clear();
    by_local_tag_.clear();
    watched_.clear();
    of_watcher_.clear();
    publications_.clear();
    publications_due_.reset();
    writing_.clear();
    read_again_.reset();
    calls_known_by_.reset();
    look_at_.reset();
    reading_ = 0;
}

void Watchers::read_page(Now now, std::string begin, ports::Outbox& out) {
    read_from_ = std::move(begin);
    read_again_ = now.mono + kSubscriptionsReadMax;
    reading_ = next_id();
    store::RangeRequest range;
    const bool is_publications = read_from_.starts_with(keys_of_publications);
    range.range =
        store::KeyRange::prefix(is_publications ? keys_of_publications : keys_of_subscriptions);
    range.range.begin = read_from_;
    range.limit = kSubscriptionsPage;
    out.send(around_.self, ports::kKeyValue, store::Request{reading_, std::move(range)}, reading_);
}

void Watchers::on_store_reply(Now now, const store::Reply& reply, ports::Outbox& out) {
    if (reading_ == 0 || reply.id != reading_) {
        store::WriterOutbox box;
        writer_.on_reply(now.mono, reply, box);
        return flush(now, box, out);
    }
    reading_ = 0;
    const auto* page = reply.body ? std::get_if<store::RangeReply>(&*reply.body) : nullptr;
    if (page != nullptr) on_page(now, *page, out);
}

bool Watchers::is_ours(DomainId domain) const {
    const auto* self = around_.directory.find(around_.self);
    return self == nullptr ||
           around_.directory.group_of(RoleKind::CallState, domain) == self->group;
}

// False: it is over, or can't be read.
bool Watchers::take_stored(Now now, const store::KeyValue& item) {
    if (item.key.starts_with(keys_of_publications)) {
        auto read = decode_publication(item.value);
        if (!read) return false;
        if (!is_ours(read->domain)) return true;
        if (read->expires <= now.utc) return false;
        keep_publication(now, std::move(*read));
        return true;
    }
    auto read = decode_subscription(item.value);
    if (!read) return false;
    if (!is_ours(read->domain)) return true;
    if (read->expires <= now.utc) return false;
    Live live{std::move(*read)};
    live.has_begun = true;
    live.is_due = true;
    // Beyond what the copy before may have told in this very tenth of a second (see notify()).
    const int64_t tenths = (now.utc.unix_ms - live.is.created.unix_ms) / 100;
    live.version = static_cast<uint32_t>(std::max<int64_t>(tenths, 0)) + kVersionsAhead;
    live.next_at = now.mono + kNotifyAllApart * static_cast<int64_t>(subscriptions_.size());
    add(now, std::move(live));
    return true;
}

// Subscriptions first, then publications.
void Watchers::on_page(Now now, const store::RangeReply& page, ports::Outbox& out) {
    store::WriterOutbox box;
    for (const store::KeyValue& item : page.items) {
        if (!take_stored(now, item)) (void)writer_.del(now.mono, item.key, box);
    }
    flush(now, box, out);
    if (page.more && !page.items.empty()) return read_page(now, page.items.back().key + '\0', out);
    if (!read_from_.starts_with(keys_of_publications))
        return read_page(now, std::string(keys_of_publications), out);
    read_again_.reset();
    phase_ = Phase::Serving;
    for (auto& [key, live] : subscriptions_)
        if (live.is_due && live.is.package == Package::Presence) note_due(now, live);
    for (ports::Letter& letter : std::exchange(held_, {}))
        take_request(now, std::move(letter), out);
}

void Watchers::add(Now now, Live live) {
    const Subscription& is = live.is;
    Watched& watched = watched_[is.watched];
    watched.by.insert(is.key);
    watched.domain = is.domain;
    if (is_of_registrar(is.package) && !watched.look_at) look_at_ = watched.look_at = now.mono;
    ++of_watcher_[is.watcher];
    by_local_tag_[is.local_tag] = is.key;
    if (live.has_begun) {
        const Duration rest = std::chrono::milliseconds(is.expires.unix_ms - now.utc.unix_ms);
        timers_.add(now.mono + rest, is.key);
        if (live.is_due) timers_.add(live.next_at, is.key);
    }
    subscriptions_.insert_or_assign(is.key, std::move(live));
}

void Watchers::forget(Now now, uint64_t key, ports::Outbox& out) {
    store::WriterOutbox box;
    // What can't be removed now is found expired later.
    (void)writer_.del(now.mono, store_key_of(subscriptions_.at(key).is), box);
    flush(now, box, out);
}

void Watchers::drop(uint64_t key) {
    const auto found = subscriptions_.find(key);
    if (found == subscriptions_.end()) return;
    const Subscription& is = found->second.is;
    by_local_tag_.erase(is.local_tag);
    if (const auto has = of_watcher_.find(is.watcher); --has->second == 0) of_watcher_.erase(has);
    const auto watched = watched_.find(is.watched);
    watched->second.by.erase(key);
    if (watched->second.by.empty()) watched_.erase(watched);
    subscriptions_.erase(found);
}

void Watchers::flush(Now now, store::WriterOutbox& box, ports::Outbox& out) {
    for (store::Request& request : box.requests) {
        const store::RequestId id = request.id;
        out.send(around_.self, ports::kKeyValue, std::move(request), id);
    }
    for (const store::Completion& done : box.completions) {
        const auto found = writing_.find(done.ticket);
        if (found == writing_.end()) continue;  // a removal: nobody waits
        const Writing writing = std::move(found->second);
        writing_.erase(found);
        on_saved(now, writing, done.outcome.has_value(), out);
    }
}

void Watchers::on_timeout(Now now, ports::Outbox& out) {
    layer_.on_timeout(now.mono, wire_);
    deliver_layer_events(now, out);
    store::WriterOutbox box;
    writer_.on_timeout(now.mono, box);
    flush(now, box, out);
    if (read_again_ && *read_again_ <= now.mono) read_page(now, read_from_, out);
    if (calls_known_by_ && *calls_known_by_ <= now.mono) on_calls_known(now, out);
    if (look_at_ && *look_at_ <= now.mono) look_at_accounts(now, out);
    if (publications_due_ && *publications_due_ <= now.mono) expire_publications(now, out);
    while (const auto key = timers_.pop_due(now.mono)) run(now, *key, out);
    emit(out);
}

std::optional<Instant> Watchers::next_deadline() const {
    std::optional<Instant> next = timers_.next_deadline();
    for (const auto& other : {layer_.next_deadline(), writer_.next_deadline(), read_again_,
                              calls_known_by_, look_at_, publications_due_})
        if (other && (!next || *other < *next)) next = other;
    return next;
}

}  // namespace tandem::roles::call_state
