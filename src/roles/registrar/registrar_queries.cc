// What others ask of the registrar.
#include <algorithm>

#include "roles/registrar/limits.h"
#include "roles/registrar/registrar.h"

namespace tandem::roles::registrar {

// Contacts over a connection that has ended are left out: nothing can be sent to them. They stay
// registered, as their phone will come back and refresh them (RFC 5626 4.2).
void Registrar::on_query(Now now, ports::Letter letter, ports::Outbox& out) {
    const auto query = get<ports::BindingsQuery>(letter.payload);
    if (!is_for_us(now, letter, query.domain, out)) return;
    std::vector<const BindingRecord*> reachable;
    for (const BindingRecord& record : book_.of(query.account)) {
        if (record.expires > now.utc && !record.flow_gone) reachable.push_back(&record);
    }
    std::stable_sort(reachable.begin(), reachable.end(),
                     [](const BindingRecord* a, const BindingRecord* b) {
                         if (a->q_thousandths != b->q_thousandths) {
                             return a->q_thousandths > b->q_thousandths;
                         }
                         return a->registered > b->registered;
                     });
    ports::BindingsReply reply;
    reply.bindings.reserve(reachable.size());
    for (const BindingRecord* record : reachable) reply.bindings.push_back(record->unpack());
    reply.stale = !is_active();
    out.reply(letter, std::move(reply));
}

// A page holds whole accounts, so it may exceed the limit by the contacts of its last one.
void Registrar::on_list(Now now, ports::Letter letter, ports::Outbox& out) {
    const auto list = get<ports::BindingsList>(letter.payload);
    if (!is_for_us(now, letter, list.domain, out)) return;
    const size_t limit = std::clamp<size_t>(list.limit, 1, page_limit_max);
    ports::BindingsPage page;
    page.total = book_.count_of(list.domain);
    const auto accounts = book_.accounts_of(list.domain, AccountId::parse(list.after), limit + 1);
    for (size_t i = 0; i < accounts.size(); ++i) {
        if (page.items.size() >= limit) {
            page.next = accounts[i - 1].text();
            break;
        }
        const std::string login = login_of(around_.catalog, list.domain, accounts[i]);
        for (const BindingRecord& record : book_.of(accounts[i])) {
            if (record.expires <= now.utc) continue;
            page.items.push_back({accounts[i], login, record.unpack()});
        }
    }
    out.reply(letter, std::move(page));
}

void Registrar::on_remove(Now now, ports::Letter letter, ports::Outbox& out) {
    const auto remove = get<ports::BindingRemove>(letter.payload);
    if (!is_for_us(now, letter, remove.domain, out)) return;
    Write pending{remove.domain, remove.account, {}, {}, 0, 0};
    for (const BindingRecord& record : book_.of(remove.account)) {
        if (remove.contact.empty() || record.contact() == remove.contact) {
            pending.update.removals.push_back(record.key);
        }
    }
    pending.removed = static_cast<uint32_t>(pending.update.removals.size());
    if (pending.removed == 0 || !is_active()) {
        out.reply(letter, ports::BindingRemoved{0});
        return;
    }
    pending.question = letter;
    if (!write(now, std::move(pending), out)) out.reply(letter, ports::BindingRemoved{0});
}

}  // namespace tandem::roles::registrar
