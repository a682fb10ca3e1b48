// Messages that wait for a device: kept for B2Bs, and given to one when the account registers.
#include <algorithm>

#include "roles/registrar/limits.h"
#include "roles/registrar/registrar.h"

namespace tandem::roles::registrar {

void Registrar::on_keep(Now now, ports::Letter letter, ports::Outbox& out) {
    auto& keep = get<ports::MessageKeep>(letter.payload);
    if (!is_for_us(now, letter, keep.domain, out)) return;
    const bool has_room = messages_.count_of(keep.account) < messages_of_account_max &&
                          messages_.size() + message_writes_.size() < messages_max;
    if (draining_ || !is_active() || !has_room) {
        ++counters_.messages_refused;
        return out.reply(letter, ports::MessageKept{false});
    }
    MessageWrite pending{keep.domain, keep.account, std::move(keep.message), {}};
    pending.message.key = message_key(now.utc, around_.rng.next());
    store::Member member;
    member.ops.emplace_back(
        store::Put{message_store_key(pending.domain, pending.account, pending.message.key),
                   encode_message(pending.message)});
    pending.question = std::move(letter);
    write_message(now, std::move(member), std::move(pending), out);
}

void Registrar::write_message(Now now, store::Member member, MessageWrite pending,
                              ports::Outbox& out) {
    store::WriterOutbox box;
    const auto ticket = writer_.txn(now.mono, std::move(member), box);
    if (ticket) {
        message_writes_.emplace(*ticket, std::move(pending));
    } else if (pending.question) {
        out.reply(*pending.question, ports::MessageKept{false});
    } else {
        messages_.put(pending.domain, pending.account, std::move(pending.message));
    }
    flush(now, box, out);
}

bool Registrar::on_message_written(Now now, const store::Completion& completion,
                                   ports::Outbox& out) {
    const auto found = message_writes_.find(completion.ticket);
    if (found == message_writes_.end()) return false;
    MessageWrite done = std::move(found->second);
    message_writes_.erase(found);
    if (!done.question) {  // a removal; when it failed the message comes once more, later
        if (!completion.outcome) {
            messages_.put(done.domain, done.account, std::move(done.message));
            tell_standing(now, done.account, {}, out);
        } else {
            give_next_message(now, done.domain, done.account, out);
        }
        return true;
    }
    if (completion.outcome) {
        ++counters_.messages_kept;
        messages_.put(done.domain, done.account, std::move(done.message));
        tell_standing(now, done.account, {}, out);
    }
    out.reply(*done.question, ports::MessageKept{completion.outcome.has_value()});
    // A phone may have registered while it was written.
    give_next_message(now, done.domain, done.account, out);
    return true;
}

// One at a time for an account, in the order of their sending. It stays in the store until a device
// has taken it, so after a death it may come twice, and is never lost.
void Registrar::give_next_message(Now now, DomainId domain, AccountId account, ports::Outbox& out) {
    if (messages_.size() == 0 || !is_active() || draining_) return;
    const ports::StoredMessage* message = messages_.oldest(account);
    if (message == nullptr || given_.contains(account) || !has_device(now, account)) return;
    const auto b2bua = around_.directory.pick(ports::RoleKind::B2bua, message->key);
    if (!b2bua) return;  // with its next REGISTER
    const uint64_t number = kMessageQuestions | ++messages_given_;
    given_[account] = {domain, message->key, number};
    out.send(around_.self, *b2bua, ports::MessageDeliver{domain, account, *message}, number);
}

bool Registrar::has_device(Now now, AccountId account) const {
    for (const BindingRecord& record : book_.of(account)) {
        if (record.expires > now.utc && !record.flow_gone) return true;
    }
    return false;
}

// Of a question of give_next_message(); true when it was one.
bool Registrar::on_message_given(Now now, const ports::Letter& letter, ports::Outbox& out) {
    const bool is_answer = holds_alternative<ports::MessageDelivered>(letter.payload) ||
                           holds_alternative<ports::Unreachable>(letter.payload);
    if (!is_answer || (letter.request & kMessageQuestions) == 0) return false;
    const auto given = std::ranges::find_if(
        given_, [&](const auto& each) { return each.second.request == letter.request; });
    if (given == given_.end()) return true;
    const AccountId account = given->first;
    const Given what = given->second;
    given_.erase(given);
    const auto* delivered = get_if<ports::MessageDelivered>(&letter.payload);
    const int status = delivered != nullptr ? delivered->status : 0;
    const bool is_taken = status >= 200 && status < 300;
    // No device will take it another time either. RFC 3261 21.4.
    const bool is_hopeless = status == 405 || status == 413 || status == 415 || status == 488;
    if (is_hopeless) ++counters_.messages_hopeless;
    if (is_taken) ++counters_.messages_delivered;
    if (is_taken || is_hopeless) remove_message(now, {what.domain, account, what.key}, out);
    return true;
}

// From memory at once: a phone that registers meanwhile must not get it again.
void Registrar::remove_message(Now now, const MessageBook::Found& which, ports::Outbox& out) {
    auto message = messages_.take(which.account, which.key);
    if (!message) return;
    tell_standing(now, which.account, {}, out);
    store::Member member;
    member.ops.emplace_back(
        store::Delete{message_store_key(which.domain, which.account, which.key)});
    MessageWrite pending{which.domain, which.account, std::move(*message), {}};
    write_message(now, std::move(member), std::move(pending), out);
}

void Registrar::expire_messages(Now now, ports::Outbox& out) {
    if (now.mono < look_for_old_messages_) return;
    look_for_old_messages_ = now.mono + messages_look;
    if (!is_active() || phase_ != Phase::Serving) return;
    const UtcTime then{now.utc.unix_ms - messages_kept_for.count()};
    for (size_t i = 0; i < expiries_per_call_max; ++i) {
        const auto old = messages_.sent_before(then);
        if (!old) return;
        ++counters_.messages_expired;
        remove_message(now, *old, out);
    }
}

}  // namespace tandem::roles::registrar
