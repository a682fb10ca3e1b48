#include "roles/call_state/standing.h"

#include <algorithm>

#include "base/id.h"
#include "roles/call_state/limits.h"

namespace tandem::roles::call_state {
namespace {

using Device = ports::AccountStanding::Device;
using Event = sip::RegisteredContact::Event;

bool is_another(const Device& a, const Device& b) {
    return a.key != b.key || a.binding.contact != b.binding.contact;
}

const Device* find(const ports::AccountStanding& standing, uint64_t key) {
    const auto found = std::ranges::find(standing.devices, key, &Device::key);
    return found == standing.devices.end() ? nullptr : &*found;
}

bool has(const std::vector<Device>& devices, const Device& which) {
    return std::ranges::any_of(devices,
                               [&](const Device& each) { return !is_another(each, which); });
}

sip::RegisteredContact contact_of(const Device& device, Event event, UtcTime now) {
    sip::RegisteredContact contact;
    contact.id = to_hex({0, device.key}).substr(16);
    contact.event = event;
    contact.uri = device.binding.contact;
    contact.instance_id = device.binding.instance_id;
    contact.q_thousandths = device.binding.q_thousandths;
    const auto seconds = [](UtcTime from, UtcTime to) {
        return std::max<int64_t>(0, (to.unix_ms - from.unix_ms) / 1000);
    };
    contact.registered_for_s = seconds(device.binding.registered, now);
    contact.expires_s = seconds(now, device.binding.expires);
    return contact;
}

}  // namespace

Standing::Change Standing::learn(UtcTime now, ports::AccountStanding told) {
    const bool was_known = is_known();
    const bool was_reachable = is_reachable();
    const uint32_t had = messages();
    Change change;
    change.contacts = note_ended(now, told);
    for (const Device& each : told.devices) {
        const Device* before = told_ ? find(*told_, each.key) : nullptr;
        if (before == nullptr || is_another(*before, each)) {
            change.contacts = true;
            refreshed_.erase(each.key);
        } else if (before->binding.expires < each.binding.expires) {
            refreshed_.insert(each.key);
        }
    }
    told.revoked.clear();
    told_ = std::move(told);
    change.presence = !was_known || was_reachable != is_reachable();
    change.messages = !was_known || had != messages();
    change.contacts = change.contacts || !was_known;
    return change;
}

// A contact that is gone before its time was taken away by an operator, or by its phone.
bool Standing::note_ended(UtcTime now, const ports::AccountStanding& told) {
    while (!ended_.empty() && ended_.front().at.unix_ms + kEndedContactsTold.count() <= now.unix_ms)
        ended_.pop_front();
    if (!told_) return false;
    bool any = false;
    for (const Device& each : told_->devices) {
        if (has(told.devices, each)) continue;
        any = true;
        const bool is_revoked = std::ranges::find(told.revoked, each.key) != told.revoked.end();
        const Event event = is_revoked                    ? Event::Deactivated
                            : each.binding.expires <= now ? Event::Expired
                                                          : Event::Unregistered;
        refreshed_.erase(each.key);
        if (ended_.size() >= kEndedContactsMax) ended_.pop_front();
        ended_.push_back({each, event, now});
    }
    return any;
}

bool Standing::is_reachable() const {
    return told_ && std::ranges::any_of(told_->devices, &Device::is_reachable);
}

std::vector<sip::RegisteredContact> Standing::contacts(UtcTime now) const {
    std::vector<sip::RegisteredContact> contacts;
    if (!told_) return contacts;
    for (const Device& each : told_->devices) {
        const bool is_refreshed = refreshed_.contains(each.key);
        contacts.push_back(
            contact_of(each, is_refreshed ? Event::Refreshed : Event::Registered, now));
    }
    for (const Ended& each : ended_) {
        // The same device is back, perhaps with another address.
        const bool is_back = find(*told_, each.device.key) != nullptr;
        if (is_back || each.at.unix_ms + kEndedContactsTold.count() <= now.unix_ms) continue;
        contacts.push_back(contact_of(each.device, each.event, each.at));
    }
    return contacts;
}

}  // namespace tandem::roles::call_state
