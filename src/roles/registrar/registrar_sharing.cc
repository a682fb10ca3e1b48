// The registrar among other groups: which domains are its own, how it comes by those that it gains,
// and what becomes of requests for those that it has lost.
#include <algorithm>

#include "roles/registrar/limits.h"
#include "roles/registrar/registrar.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::registrar {

int Registrar::group() const {
    const ports::DirectoryEntry* self = around_.directory.find(around_.self);
    return self == nullptr ? 1 : self->group;
}

// As was agreed last, whatever the catalog says by now.
bool Registrar::has(DomainId domain) const {
    if (!served_.is_shared()) return served_.group_of(domain) == group();
    return served_.group_of(ports::root_of(around_.catalog, domain)) == group();
}

bool Registrar::is_active() const {
    return around_.directory.is_active(around_.self);
}

// What it has in memory is as new as the store, or newer.
bool Registrar::is_ahead_of_store() const {
    return is_active() && !needs_barrier_ &&
           (phase_ == Phase::Serving || phase_ == Phase::Agreeing);
}

void Registrar::on_directory(Now now, ports::Outbox& out) {
    follow_sharing(now, out);
    look_at_parked(now, out);
}

void Registrar::on_catalog(Now now, ports::Outbox& out) {
    follow_sharing(now, out);
}

// ---- agreeing

void Registrar::follow_sharing(Now now, ports::Outbox& out) {
    sharing_.want(now, around_.directory.groups().registrar, around_.catalog.layout_revision());
    if (phase_ == Phase::Loading) return;  // it looks when it has loaded
    if (!is_elected_ || !is_active()) return follow_as_passive(now, out);
    if (sharing_.agrees()) return adopt_sharing(now, out);
    // By the agreement of before, as long as it holds: nobody else has the domains yet.
    if (sharing_.record().number != served_number_) wait_for_agreement();
    if (auto proposal = sharing_.proposal(now, post_)) {
        const uint64_t id = next_read_id();
        out.send(around_.self, ports::kKeyValue, store::Request{id, std::move(*proposal)}, id);
    }
}

// It keeps what its group has, or will have in a moment.
void Registrar::follow_as_passive(Now now, ports::Outbox& out) {
    // It was active until now, and had not read all that it gained: the watch tells only what
    // comes.
    const bool lacks_some = !unread_.empty();
    unread_.clear();
    reading_domain_.reset();
    const ports::GroupChoices& wanted = sharing_.wanted();
    if (!std::ranges::binary_search(wanted.groups(), group())) {  // it is about to go
        served_ = wanted;
        book_.clear();
        messages_.clear();
    }
    if (lacks_some || wanted != served_) return reload(now, out);
    if (phase_ == Phase::Serving) return;
    wait_for_agreement();
    serve(now, out);
}

void Registrar::wait_for_agreement() {
    if (phase_ == Phase::CatchingUp) retry_at_.reset();  // of the barrier
    phase_ = Phase::Agreeing;
}

void Registrar::adopt_sharing(Now now, ports::Outbox& out) {
    const uint64_t number = sharing_.record().number;
    const bool is_same = number == served_number_ && sharing_.wanted() == served_;
    if (is_same && !needs_barrier_ && phase_ == Phase::Agreeing) serve(now, out);
    if (is_same && (!needs_barrier_ || phase_ == Phase::CatchingUp)) return;
    // What is under way ends first: it was judged by what held before, and is refused by now.
    wait_for_agreement();
    if (!writer_.is_idle() && !writer_.is_fenced()) return;
    const bool is_next = number == served_number_ + 1 && !needs_barrier_;
    if (needs_barrier_ ? sharing_.wanted() != served_ : !is_next) return reload(now, out);
    std::vector<store::Compare> guards = post_;
    guards.push_back(sharing_.guard());
    writer_.reopen(std::move(guards));
    served_number_ = number;
    if (needs_barrier_) {
        phase_ = Phase::CatchingUp;
        return put_barrier(now, out);
    }
    gain(std::exchange(served_, sharing_.wanted()));
    book_.forget([&](DomainId domain) { return !has(domain); });
    messages_.forget([&](DomainId domain) { return !has(domain); });
    serve(now, out);
    read_next_domain(now, out);
}

// All anew: others may have had our domains in between.
void Registrar::reload(Now now, ports::Outbox& out) {
    needs_barrier_ = true;
    unread_.clear();
    reading_domain_.reset();
    book_.clear();
    messages_.clear();
    phase_ = Phase::Loading;
    loaded_at_ = {};
    load_page(now, std::string(keys_of_all_bindings), out);
}

// ---- domains that come from another group

void Registrar::gain(const ports::GroupChoices& before) {
    const int mine = group();
    reading_domain_.reset();  // what it reads may have been lost and gained again
    std::erase_if(unread_, [&](DomainId domain) { return !has(domain); });
    around_.catalog.visit_domains("", [&](const auto& entity) {
        const DomainId domain = entity.id;
        const bool had = before.group_of(ports::root_of(around_.catalog, domain)) == mine;
        if (has(domain) && !had) unread_.insert(domain);
        return true;
    });
}

void Registrar::read_next_domain(Now now, ports::Outbox& out) {
    if (reading_domain_ || unread_.empty()) return;
    // Whom somebody asks for comes first.
    DomainId next = *unread_.begin();
    if (const auto asked =
            std::ranges::find_if(urgent_, [&](DomainId each) { return unread_.contains(each); });
        asked != urgent_.end())
        next = *asked;
    urgent_.clear();
    read_domain(now, next, store::keys::bindings_of(next), out);
}

void Registrar::read_domain(Now now, DomainId domain, std::string begin, ports::Outbox& out) {
    store::RangeRequest range;
    range.range = store::KeyRange::prefix(store::keys::bindings_of(domain));
    range.range.begin = begin;
    range.limit = load_page_keys;
    const uint64_t id = next_read_id();
    reading_domain_ = DomainRead{domain, std::move(begin), id, now.mono + domain_read_max};
    out.send(around_.self, ports::kKeyValue, store::Request{id, std::move(range)}, id);
}

bool Registrar::on_domain_read(Now now, const store::Reply& reply, ports::Outbox& out) {
    if (!reading_domain_ || reply.id != reading_domain_->request) return false;
    const DomainId domain = reading_domain_->domain;
    const auto* page = reply.body ? std::get_if<store::RangeReply>(&*reply.body) : nullptr;
    if (page == nullptr) {
        reading_domain_->request = 0;
        reading_domain_->until = now.mono + load_retry;
        return true;
    }
    reading_domain_.reset();
    const bool is_ours = unread_.contains(domain);  // not lost meanwhile
    if (is_ours) {
        for (const store::KeyValue& entry : page->items) put_stored(now, entry);
        if (page->more && !page->items.empty()) {
            read_domain(now, domain, page->items.back().key + '\0', out);
            return true;
        }
        unread_.erase(domain);
        look_at_parked(now, out);
    }
    read_next_domain(now, out);
    return true;
}

// ---- requests that can't be served here, or not yet

// False: it has been dealt with.
bool Registrar::is_for_us(Now now, ports::Letter& letter, DomainId domain, ports::Outbox& out) {
    const bool is_sip = holds_alternative<ports::SipInbound>(letter.payload);
    const bool is_ours = has(domain) && (is_active() || !is_sip);
    if (is_ours && !unread_.contains(domain)) return true;
    if (is_ours) {
        urgent_.push_back(domain);
        park(now, std::move(letter), out);
    } else if (is_sip) {
        pass_on(now, std::move(letter), domain, out);
    } else {
        out.reply(letter, ports::Unreachable{around_.self});  // who asks looks again who has it
    }
    return false;
}

// A gate may not have heard yet that another copy has the post, or the domain. Once: whoever gets
// it so and knows better may be the one who is behind.
void Registrar::pass_on(Now now, ports::Letter letter, DomainId domain, ports::Outbox& out) {
    auto& inbound = get<ports::SipInbound>(letter.payload);
    const auto other = around_.directory.active(ports::RoleKind::Registrar, domain);
    if (!other || *other == around_.self || inbound.previous_owner)
        return park(now, std::move(letter), out);
    inbound.previous_owner = around_.self;
    ++counters_.passed_on;
    out.send(around_.self, *other, std::move(inbound));
}

void Registrar::park(Now now, ports::Letter letter, ports::Outbox& out) {
    if (parked_.size() >= held_letters_max) return refuse_parked(letter, out);
    parked_.push_back({now.mono + parked_max, std::move(letter)});
}

void Registrar::refuse_parked(const ports::Letter& letter, ports::Outbox& out) {
    ++counters_.unavailable;
    if (holds_alternative<ports::SipInbound>(letter.payload)) {
        reject(letter, {503, {{sip::HeaderId::RetryAfter, std::to_string(retry_after_s)}}, {}},
               out);
    } else {
        out.reply(letter, ports::Unreachable{around_.self});
    }
}

void Registrar::look_at_parked(Now now, ports::Outbox& out) {
    if (phase_ != Phase::Serving) return;
    for (Parked& each : std::exchange(parked_, {})) {
        const Instant until = each.until;
        const size_t before = parked_.size();
        on_letter(now, std::move(each.letter), out);
        if (parked_.size() > before) parked_.back().until = until;  // its time goes on
    }
}

void Registrar::drop_late_parked(Now now, ports::Outbox& out) {
    for (Parked& each : std::exchange(parked_, {})) {
        if (each.until <= now.mono) {
            refuse_parked(each.letter, out);
        } else {
            parked_.push_back(std::move(each));
        }
    }
    if (parked_.empty()) logged_in_.clear();
}

std::optional<Instant> Registrar::sharing_deadline() const {
    std::optional<Instant> next;
    const auto consider = [&](std::optional<Instant> other) {
        if (other && (!next || *other < *next)) next = other;
    };
    if (is_elected_ && is_active() && phase_ != Phase::Loading) consider(sharing_.next_deadline());
    if (reading_domain_) consider(reading_domain_->until);
    for (const Parked& each : parked_) consider(each.until);
    return next;
}

void Registrar::on_sharing_timeout(Now now, ports::Outbox& out) {
    const auto due = [&](std::optional<Instant> at) { return at && *at <= now.mono; };
    if (phase_ != Phase::Loading && due(sharing_.next_deadline())) follow_sharing(now, out);
    if (reading_domain_ && due(reading_domain_->until)) {
        const DomainRead again = *std::exchange(reading_domain_, {});
        if (unread_.contains(again.domain)) {
            read_domain(now, again.domain, again.begin, out);
        } else {
            read_next_domain(now, out);
        }
    }
    drop_late_parked(now, out);
}

}  // namespace tandem::roles::registrar
