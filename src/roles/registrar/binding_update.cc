#include "roles/registrar/binding_update.h"

#include <algorithm>

#include "sip/uri.h"

namespace tandem::roles::registrar {
namespace {

using Rejected = std::unexpected<Rejection>;

// RFC 3261 10.3 step 7 (URI comparison of 19.1.4); RFC 5626 6 (instance and reg-id).
const BindingRecord* match(std::span<const BindingRecord> current, const ContactChange& change) {
    const auto uri = sip::UriView::parse(change.uri);
    for (const BindingRecord& record : current) {
        if (change.reg_id != 0 && record.reg_id != 0) {
            if (record.instance_id() == change.instance_id && record.reg_id == change.reg_id) {
                return &record;
            }
            continue;
        }
        if (record.contact() == change.uri) return &record;
        const auto known = sip::UriView::parse(record.contact());
        if (uri && known && sip::equivalent(*uri, *known)) return &record;
    }
    return nullptr;
}

// A REGISTER that comes late must not undo a newer one. The same number again is a retransmission
// (it changes nothing that it had not changed before).
bool out_of_order(const BindingRecord& record, const RegisterRequest& wanted) {
    return record.call_id() == wanted.call_id && wanted.cseq < record.cseq;
}

BindingRecord made_of(const ContactChange& change, const RegisterRequest& wanted,
                      const UpdateSource& source) {
    ports::Binding binding;
    binding.contact = change.uri;
    binding.contact_params = change.params;
    binding.instance_id = change.instance_id;
    binding.reg_id = change.reg_id;
    binding.q_thousandths = change.q_thousandths;
    binding.expires = {source.now.unix_ms + int64_t{change.expires_s} * 1000};
    binding.call_id = wanted.call_id;
    binding.cseq = wanted.cseq;
    binding.flow = flow_of_binding(source.flow, source.request, change.uri);
    binding.path = wanted.path;
    binding.user_agent = wanted.user_agent;
    binding.registered = source.now;
    return BindingRecord(binding);
}

// What the store has holds for a while longer.
bool is_covered(const BindingRecord& record, const BindingRecord* old) {
    return old && record.is_refresh_of(*old) && record.expires <= old->stored_until;
}

void add_put(const ContactChange& change, const RegisterRequest& wanted, const UpdateSource& source,
             const BindingRecord* old, BindingUpdate& update) {
    BindingRecord record = made_of(change, wanted, source);
    if (old) {
        record.key = old->key;
        record.registered = old->registered;
    }
    const bool covered = is_covered(record, old);
    record.stored_until =
        covered ? old->stored_until
                : stored_expiry(record.expires, change.expires_s, source.expiry_step_s);
    update.puts.push_back(std::move(record));
}

// A contact that stands twice in one request: the last one counts.
void forget_earlier(const ContactChange& change, const BindingRecord* old, BindingUpdate& update) {
    if (const BindingRecord* earlier = match(update.puts, change)) {
        update.puts.erase(update.puts.begin() + (earlier - update.puts.data()));
    }
    if (old) std::erase(update.removals, old->key);
}

bool needs_write(std::span<const BindingRecord> current, const BindingUpdate& update) {
    if (!update.removals.empty()) return true;
    return std::any_of(update.puts.begin(), update.puts.end(), [&](const BindingRecord& put) {
        const auto old = std::find_if(current.begin(), current.end(),
                                      [&](const auto& record) { return record.key == put.key; });
        return !is_covered(put, old == current.end() ? nullptr : &*old);
    });
}

size_t count_after(std::span<const BindingRecord> current, const BindingUpdate& update,
                   UtcTime now) {
    size_t count = 0;
    for (const BindingRecord& record : current) {
        const auto same = [&](const BindingRecord& put) { return put.key == record.key; };
        const bool replaced = std::any_of(update.puts.begin(), update.puts.end(), same);
        const bool removed = std::find(update.removals.begin(), update.removals.end(),
                                       record.key) != update.removals.end();
        if (!replaced && !removed && record.expires > now) ++count;
    }
    return count + update.puts.size();
}

std::expected<BindingUpdate, Rejection> plan_removal(std::span<const BindingRecord> current,
                                                     const RegisterRequest& wanted) {
    BindingUpdate update;
    for (const BindingRecord& record : current) {
        if (out_of_order(record, wanted)) return Rejected(Rejection{500, {}, "CSeq out of order"});
        update.removals.push_back(record.key);
    }
    update.needs_write = !update.removals.empty();
    return update;
}

}  // namespace

std::expected<BindingUpdate, Rejection> plan_update(std::span<const BindingRecord> current,
                                                    const RegisterRequest& wanted,
                                                    const UpdateSource& source) {
    if (wanted.remove_all) return plan_removal(current, wanted);
    BindingUpdate update;
    for (const ContactChange& change : wanted.contacts) {
        const BindingRecord* old = match(current, change);
        if (old && out_of_order(*old, wanted)) {
            return Rejected(Rejection{500, {}, "CSeq out of order"});
        }
        forget_earlier(change, old, update);
        if (change.expires_s > 0) {
            add_put(change, wanted, source, old, update);
        } else if (old) {
            update.removals.push_back(old->key);
        }
    }
    update.needs_write = needs_write(current, update);
    if (!update.puts.empty() && count_after(current, update, source.now) > source.contacts_max) {
        return Rejected(Rejection{403, {}, "too many contacts"});
    }
    return update;
}

}  // namespace tandem::roles::registrar
