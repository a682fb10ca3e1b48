// The listeners of a gate follow its settings while it runs.
#include <algorithm>

#include "border/border.h"
#include "border/limits.h"

namespace tandem::border {

Listener* Border::listener(uint16_t number) {
    for (Listener& each : listeners_) {
        if (each.settings.number == number) return &each;
    }
    return nullptr;
}

Listener* Border::listener_for(ports::Transport transport, AddressFamily family) {
    for (Listener& each : listeners_) {
        if (each.open && each.settings.transport == transport &&
            each.settings.bind.ip.family == family) {
            return &each;
        }
    }
    return nullptr;
}

bool Border::is_ready() const {
    return std::ranges::all_of(
        listeners_, [](const Listener& each) { return each.open || !each.failure.empty(); });
}

std::optional<uint16_t> Border::open_listener_for(ports::Transport transport,
                                                  AddressFamily family) {
    const Listener* found = listener_for(transport, family);
    return found == nullptr ? std::nullopt : std::optional(found->settings.number);
}

void Border::apply(GateSettings settings, ports::Outbox& out) {
    if (settings.listeners.size() > listeners_max) settings.listeners.resize(listeners_max);
    for (const Listener& old : listeners_) {
        const bool stays = std::any_of(
            settings.listeners.begin(), settings.listeners.end(),
            [&](const ListenerSettings& wanted) { return wanted.number == old.settings.number; });
        if (!stays) send(ports::kTransport, ports::ListenerClose{old.settings.number}, out);
    }
    std::vector<Listener> before = std::exchange(listeners_, {});
    const bool other_bounds = settings_.connections_max != settings.connections_max ||
                              settings_.connection_idle != settings.connection_idle;
    settings_ = std::move(settings);
    for (const ListenerSettings& wanted : settings_.listeners) {
        const auto old = std::find_if(before.begin(), before.end(), [&](const Listener& each) {
            return each.settings.number == wanted.number;
        });
        const bool same_socket = old != before.end() && old->settings.bind == wanted.bind &&
                                 old->settings.transport == wanted.transport &&
                                 old->settings.tls == wanted.tls;
        if (same_socket) {
            listeners_.push_back(std::move(*old));
            listeners_.back().settings = wanted;
            if (other_bounds) send_open(wanted, out);
        } else {
            open_listener(wanted, out);
        }
    }
}

void Border::open_listener(const ListenerSettings& wanted, ports::Outbox& out) {
    Listener fresh;
    fresh.settings = wanted;
    fresh.port = wanted.bind.port;
    listeners_.push_back(std::move(fresh));
    send_open(wanted, out);
}

void Border::send_open(const ListenerSettings& wanted, ports::Outbox& out) {
    const auto idle = std::chrono::duration_cast<std::chrono::seconds>(settings_.connection_idle);
    send(ports::kTransport,
         ports::ListenerOpen{wanted.number, wanted.transport, wanted.bind, wanted.tls,
                             settings_.connections_max, static_cast<uint32_t>(idle.count())},
         out);
}

void Border::on_opened(const ports::ListenerOpened& opened) {
    Listener* known = listener(opened.number);
    if (!known) return;
    known->open = true;
    known->retry_at.reset();
    known->failure.clear();
    known->port = opened.address.port;
    for (const IpAddress& address : opened.local) known->learn_local(address);
}

void Border::on_open_failed(Now now, const ports::ListenerFailed& failed, ports::Outbox& out) {
    Listener* known = listener(failed.number);
    if (!known) return;
    known->open = false;
    known->retry_at = now.mono + listener_retry_pause;
    if (known->failure == failed.error.message) return;  // said already
    known->failure = failed.error.message;
    std::string text = "SIP over ";
    text += to_string(known->settings.transport);
    text += " at " + known->settings.bind.text() + " cannot be opened: " + failed.error.message;
    send(ports::kJournal, ports::LogLine{ports::LogLine::Level::Error, std::move(text), {}, {}},
         out);
}

void Border::retry_listeners(Now now, ports::Outbox& out) {
    for (Listener& each : listeners_) {
        if (!each.retry_at || *each.retry_at > now.mono) continue;
        each.retry_at.reset();
        send_open(each.settings, out);
    }
}

}  // namespace tandem::border
