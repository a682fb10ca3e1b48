// The registrar and its store: loading, following, writing, expiring.
#include "roles/registrar/limits.h"
#include "roles/registrar/registrar.h"
#include "store/keys.h"

namespace tandem::roles::registrar {
namespace {

constexpr store::WatchId kWatchOfBindings = 0x5352'0000'0000'0000;
constexpr size_t kDeletesPerMember = 64;

struct KeyParts {
    DomainId domain;
    AccountId account;
    uint64_t binding = 0;
};

std::string barrier_key(ports::Instance self) {
    return std::string(keys_of_all_bindings) + "~" + std::to_string(self.number);
}

// binding/<domain>/<account>/<binding>
std::optional<KeyParts> parse_key(std::string_view key) {
    if (!key.starts_with(keys_of_all_bindings)) return std::nullopt;
    key.remove_prefix(keys_of_all_bindings.size());
    if (key.size() != 32 + 1 + 32 + 1 + 16 || key[32] != '/' || key[65] != '/') return std::nullopt;
    const auto domain = DomainId::parse(key.substr(0, 32));
    const auto account = AccountId::parse(key.substr(33, 32));
    const auto binding = bits128_from_hex(std::string(16, '0').append(key.substr(66)));
    if (!domain || !account || !binding) return std::nullopt;
    return KeyParts{*domain, *account, binding->low};
}

}  // namespace

// ---- loading and following

// Bit 47 keeps these apart from the writer's, which count up from 1 in the same channel.
store::RequestId Registrar::next_read_id() {
    return uint64_t{around_.self.number} << 48 | uint64_t{1} << 47 | ++reads_;
}

void Registrar::load_page(Now now, std::string begin, ports::Outbox& out) {
    load_from_ = begin;
    retry_at_ = now.mono + load_answer_max;  // the node of the store may die with the question
    if (load_from_ == keys_of_all_bindings) sharing_seen_ = false;
    if (load_from_ == keys_of_all_bindings && phase_ == Phase::Loading) {
        served_ = sharing_.wanted();
        book_.clear();
        messages_.clear();
    }
    reading_ = next_read_id();
    store::RangeRequest range;
    range.range = store::KeyRange::prefix(keys_of_all_bindings);
    range.range.begin = std::move(begin);
    range.limit = load_page_keys;
    range.at = loaded_at_;
    out.send(around_.self, ports::kKeyValue, store::Request{reading_, std::move(range)}, reading_);
}

void Registrar::on_store_reply(Now now, const store::Reply& reply, ports::Outbox& out) {
    if (on_domain_read(now, reply, out)) return;
    if (reply.id != reading_) {
        store::WriterOutbox box;
        writer_.on_reply(now.mono, reply, box);
        flush(now, box, out);
        return;
    }
    reading_ = 0;
    retry_at_.reset();
    const auto* page = reply.body ? std::get_if<store::RangeReply>(&*reply.body) : nullptr;
    if (page) {
        on_loaded_page(now, *page, out);
        return;
    }
    if (!reply.body && reply.body.error().code == ErrorCode::NotFound) {
        loaded_at_ = {};  // compacted while we were reading: begin anew
        load_from_ = keys_of_all_bindings;
    }
    retry_at_ = now.mono + load_retry;
}

void Registrar::on_loaded_page(Now now, const store::RangeReply& page, ports::Outbox& out) {
    // The active copy, which reads again because a watch was lost, has written all that is there,
    // and what it has written meanwhile is newer than the page.
    const bool knows_better = is_ahead_of_store();
    for (const store::KeyValue& entry : page.items) {
        if (entry.key == sharing_key) {
            sharing_seen_ = true;
            sharing_.learn(now, &entry);
        } else if (!knows_better) {
            put_stored(now, entry);
        }
    }
    loaded_at_ = page.revision;
    if (page.more && !page.items.empty()) {
        load_page(now, page.items.back().key + '\0', out);
        return;
    }
    store::WatchCreate watch;  // in place of the former one, which ends
    watch.watch = kWatchOfBindings + around_.self.number;
    watch.range = store::KeyRange::prefix(keys_of_all_bindings);
    watch.after = loaded_at_;
    const uint64_t id = next_read_id();
    out.send(around_.self, ports::kKeyValue, store::Request{id, std::move(watch)}, id);
    if (!sharing_seen_) sharing_.learn(now, nullptr);
    if (phase_ == Phase::Loading) phase_ = Phase::Agreeing;
    if (is_elected_ || sharing_.wanted() != served_) return follow_sharing(now, out);
    serve(now, out);
}

void Registrar::serve(Now now, ports::Outbox& out) {
    phase_ = Phase::Serving;
    needs_barrier_ = false;
    std::deque<ports::Letter> held = std::exchange(held_, {});
    for (ports::Letter& letter : held) on_letter(now, std::move(letter), out);
    look_at_parked(now, out);
}

// Watches tell everything in order: when our own write comes back, all that the former active copy
// had written has come as well.
void Registrar::put_barrier(Now now, ports::Outbox& out) {
    retry_at_ = now.mono + load_answer_max;
    store::WriterOutbox box;
    (void)writer_.put(now.mono, barrier_key(around_.self), std::to_string(around_.epoch), box);
    flush(now, box, out);
}

// Nobody knows what was not heard. The active copy goes on meanwhile.
void Registrar::read_again(Now now, ports::Outbox& out) {
    loaded_at_ = {};
    if (!is_ahead_of_store()) phase_ = Phase::Loading;
    load_page(now, std::string(keys_of_all_bindings), out);
}

// The active copy has written itself what it hears here; a passive one hears it first here, and so
// does one that has lost its post and does not know yet: whatever is not our own counts.
void Registrar::on_watch(Now now, const store::WatchBatch& batch, ports::Outbox& out) {
    if (batch.kind == store::WatchBatch::Kind::Compacted) return read_again(now, out);
    const bool knows_better = is_ahead_of_store();
    for (const store::WatchEvent& event : batch.events) {
        const bool is_put = event.kind == store::WatchEvent::Kind::Put;
        if (event.entry.key == sharing_key) {
            sharing_.learn(now, is_put ? &event.entry : nullptr);
            follow_sharing(now, out);
        }
        if (knows_better && own_writes_.contains(event.entry.mod_revision)) continue;
        if (event.entry.key == barrier_key(around_.self) && phase_ == Phase::CatchingUp) {
            retry_at_.reset();
            serve(now, out);
            continue;
        }
        if (is_put) {
            put_stored(now, event.entry);
        } else {
            remove_stored(event.entry.key);
        }
    }
    own_writes_.erase(own_writes_.begin(), own_writes_.upper_bound(batch.revision));
}

void Registrar::put_stored(Now now, const store::KeyValue& entry) {
    if (const auto found = parse_message_key(entry.key)) {
        auto message = decode_message(entry.value);
        if (!message || !has(found->domain)) return;
        message->key = found->key;
        return messages_.put(found->domain, found->account, std::move(*message));
    }
    const auto key = parse_key(entry.key);
    auto record = decode_binding(entry.value);
    if (!key || !record || !has(key->domain)) return;
    record->key = key->binding;
    book_.put(now, key->domain, key->account, std::move(*record));
}

void Registrar::remove_stored(std::string_view key) {
    if (const auto found = parse_message_key(key)) {
        messages_.take(found->account, found->key);
        return;
    }
    if (const auto parts = parse_key(key)) book_.remove(parts->account, parts->binding);
}

// ---- writing

bool Registrar::write(Now now, Write pending, ports::Outbox& out) {
    store::Member member;
    for (const BindingRecord& put : pending.update.puts) {
        member.ops.emplace_back(
            store::Put{store::keys::binding(pending.domain, pending.account, key_text(put.key)),
                       encode_binding(put)});
    }
    for (const uint64_t key : pending.update.removals) {
        member.ops.emplace_back(
            store::Delete{store::keys::binding(pending.domain, pending.account, key_text(key))});
    }
    store::WriterOutbox box;
    const auto ticket = writer_.txn(now.mono, std::move(member), box);
    if (!ticket && ticket.error().code == ErrorCode::Forbidden && pending.question) {
        // Another has the post, or the domain.
        if (pending.fingerprint != 0) logged_in_.insert(pending.fingerprint);
        park(now, std::move(*pending.question), out);
        return true;
    }
    if (!ticket) {
        ++counters_.unavailable;
        if (pending.question && holds_alternative<ports::SipInbound>(pending.question->payload))
            reject(*pending.question,
                   {503, {{sip::HeaderId::RetryAfter, std::to_string(retry_after_s)}}, {}}, out);
        return false;
    }
    if (pending.fingerprint != 0) in_progress_.insert(pending.fingerprint);
    waiting_.try_emplace(pending.account);
    if (pending.claimed > 0) devices_.claim(pending.domain, pending.claimed);
    writes_.emplace(*ticket, std::move(pending));
    flush(now, box, out);
    return true;
}

void Registrar::flush(Now now, store::WriterOutbox& box, ports::Outbox& out) {
    for (store::Request& request : box.requests) {
        const store::RequestId id = request.id;
        out.send(around_.self, ports::kKeyValue, std::move(request), id);
    }
    for (const store::Completion& done : box.completions) {
        if (done.outcome) own_writes_.insert(*done.outcome);
        on_completion(now, done, out);
    }
    const bool is_quiet = writer_.is_idle() || writer_.is_fenced();
    if (phase_ == Phase::Agreeing && is_quiet) follow_sharing(now, out);
}

void Registrar::apply(Now now, const Write& done, ports::Outbox& out) {
    for (const uint64_t key : done.update.removals) book_.remove(done.account, key);
    for (const BindingRecord& put : done.update.puts) {
        book_.put(now, done.domain, done.account, put);
    }
    const bool is_by_operator =
        done.question && holds_alternative<ports::BindingRemove>(done.question->payload);
    auto revoked = is_by_operator ? done.update.removals : std::vector<uint64_t>();
    tell_standing(now, done.account, std::move(revoked), out);
}

void Registrar::on_completion(Now now, const store::Completion& completion, ports::Outbox& out) {
    if (on_message_written(now, completion, out)) return;
    const auto found = writes_.find(completion.ticket);
    if (found == writes_.end()) return;  // a removal of what had expired: nobody waits
    const Write done = std::move(found->second);
    writes_.erase(found);
    if (done.claimed > 0) devices_.release(done.domain, done.claimed);
    in_progress_.erase(done.fingerprint);
    const bool is_register =
        done.question && holds_alternative<ports::SipInbound>(done.question->payload);
    // Fenced: by whom has the post now, or the domain. Whether it was written or not, it is the
    // same once more.
    const bool is_another_turn =
        !completion.outcome && (completion.outcome.error().code == ErrorCode::Forbidden ||
                                completion.outcome.error().code == ErrorCode::Timeout);
    if (completion.outcome) {
        apply(now, done, out);
        if (is_register) answer_ok(now, *done.question, done.account, done.fingerprint, out);
        if (is_register) give_next_message(now, done.domain, done.account, out);
    } else if (is_another_turn && done.question) {
        if (done.fingerprint != 0) logged_in_.insert(done.fingerprint);
        park(now, *done.question, out);
        return release_waiting(now, done.account, out);
    } else {
        ++counters_.unavailable;
        if (is_register)
            reject(*done.question,
                   {503, {{sip::HeaderId::RetryAfter, std::to_string(retry_after_s)}}, {}}, out);
    }
    if (done.question && !is_register) {
        const uint32_t removed = completion.outcome ? done.removed : 0;
        out.reply(*done.question, ports::BindingRemoved{removed});
    }
    release_waiting(now, done.account, out);
}

void Registrar::release_waiting(Now now, AccountId account, ports::Outbox& out) {
    const auto open = waiting_.find(account);
    if (open == waiting_.end()) return;
    std::deque<Admitted> next = std::move(open->second);
    waiting_.erase(open);
    while (!next.empty()) {
        Admitted first = std::move(next.front());
        next.pop_front();
        in_progress_.erase(first.fingerprint);
        carry_out(now, std::move(first), out);  // queues again behind the first that writes
    }
}

// ---- expiry

void Registrar::expire(Now now, ports::Outbox& out) {
    const auto expired = book_.expire(now, expiries_per_call_max);
    counters_.expired += expired.size();
    if (expired.empty() || !is_active()) return;
    store::WriterOutbox box;
    store::Member member;
    for (size_t i = 0; i < expired.size(); ++i) {
        const ExpiredBinding& each = expired[i];
        tell_standing(now, each.account, {}, out);
        member.ops.emplace_back(
            store::Delete{store::keys::binding(each.domain, each.account, key_text(each.key))});
        if (member.ops.size() < kDeletesPerMember && i + 1 < expired.size()) continue;
        // When the queue is full they stay in the store and are found expired at the next start.
        (void)writer_.txn(now.mono, std::exchange(member, {}), box);
    }
    flush(now, box, out);
}

}  // namespace tandem::roles::registrar
