#include "roles/web_gate/views.h"

#include <charconv>

#include "base/json_text.h"

namespace tandem::roles::web_gate {
namespace {

void write_time(JsonWriter& json, std::string_view name, UtcTime time) {
    if (time.unix_ms != 0) json.field(name).value(to_rfc3339(time));
}

void write_text(JsonWriter& json, std::string_view name, std::string_view text) {
    if (!text.empty()) json.field(name).value(text);
}

void write_next(JsonWriter& json, std::string_view next) {
    json.field("next");
    if (next.empty()) {
        json.null();
    } else {
        json.value(next);
    }
}

void write_binding(JsonWriter& json, const ports::BindingsPage::Item& item, UtcTime now) {
    const ports::Binding& binding = item.binding;
    json.begin_object();
    json.field("account").value(item.account.text());
    json.field("login").value(item.login);
    json.field("contact").value(binding.contact);
    json.field("expires").value(to_rfc3339(binding.expires));
    json.field("expires_s").value((binding.expires.unix_ms - now.unix_ms) / 1000);
    json.field("registered").value(to_rfc3339(binding.registered));
    json.field("q").value(binding.q_thousandths / 1000.0);
    json.field("transport").value(to_string(binding.flow.transport));
    json.field("remote").value(binding.flow.remote.text());
    write_text(json, "user_agent", binding.user_agent);
    write_text(json, "instance_id", binding.instance_id);
    if (binding.reg_id != 0) json.field("reg_id").value(binding.reg_id);
    json.field("call_id").value(binding.call_id);
    json.field("cseq").value(binding.cseq);
    if (!binding.path.empty()) {
        json.field("path").begin_list();
        for (const std::string& hop : binding.path) json.value(hop);
        json.end_list();
    }
    json.end_object();
}

void write_call(JsonWriter& json, const ports::CallSummary& call, const DomainName& name_of) {
    json.begin_object();
    json.field("id").value(call.call.text());
    json.field("domain").value(call.domain.text());
    json.field("domain_name").value(name_of(call.domain));
    json.field("phase").value(to_string(call.phase));
    json.field("caller").value(call.caller);
    json.field("callee").value(call.callee);
    if (!call.caller_account.is_nil()) {
        json.field("caller_account").value(call.caller_account.text());
    }
    if (!call.trunk.empty()) json.field("trunk").value(call.trunk);
    if (!call.callee_account.is_nil()) {
        json.field("callee_account").value(call.callee_account.text());
    }
    if (!call.consulted.is_nil()) json.field("consulted_account").value(call.consulted.text());
    write_time(json, "started", call.started);
    write_time(json, "answered", call.answered);
    json.field("owner").value(static_cast<int>(call.owner.number));
    json.field("protected").value(call.is_protected);
    if (!call.ringing.empty()) {
        json.field("ringing").begin_list();
        for (const AccountId each : call.ringing) json.value(each.text());
        json.end_list();
    }
    if (call.queue) {
        json.field("queue").value(call.queue->queue.text());
        write_time(json, "queued", call.queue->since);
    }
    if (call.end_status != 0) json.field("end_status").value(call.end_status);
    write_text(json, "end_reason", call.end_reason);
    json.field("call_ids").begin_list();
    for (const std::string& each : call.call_id_headers) json.value(each);
    json.end_list();
    json.end_object();
}

}  // namespace

std::string calls_json(const ports::CallsPage& page, const DomainName& name_of) {
    JsonWriter json;
    json.begin_object().field("items").begin_list();
    for (const ports::CallSummary& call : page.calls) write_call(json, call, name_of);
    json.end_list();
    write_next(json, page.next);
    json.field("total").value(page.total);
    json.end_object();
    return json.take();
}

std::string event_id(EventId id) {
    if (id.tenure == 0) return {};  // a CS of an earlier version tells none
    return to_hex({0, id.tenure}).substr(16) + "-" + std::to_string(id.number);
}

EventId read_event_id(std::string_view text) {
    constexpr EventId kForeign{~uint64_t{0} - 1, 0};  // those of CS are odd
    if (text.empty()) return {};
    const size_t dash = text.find('-');
    if (dash != 16) return kForeign;
    const auto tenure = bits128_from_hex(std::string(16, '0').append(text.substr(0, dash)));
    uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data() + dash + 1, end, number);
    const bool is_ours = tenure && tenure->low != 0 && error == std::errc() && stopped == end;
    return is_ours ? EventId{tenure->low, number} : kForeign;
}

namespace {

// `id` empty: it can't be gone on from.
std::string message(std::string_view event, JsonWriter& json, const std::string& id) {
    std::string text("event: ");
    text.append(event).append("\ndata: ").append(json.take());
    if (!id.empty()) text.append("\nid: ").append(id);
    return text.append("\n\n");
}

std::string state_text(const ports::CallEvents& events, const DomainName& name_of) {
    JsonWriter state;
    state.begin_object().field("begins").value(events.after == 0);
    state.field("complete").value(events.complete).field("calls").begin_list();
    for (const ports::CallEvent& each : events.events) write_call(state, each.call, name_of);
    state.end_list().end_object();
    return message("state", state,
                   events.complete ? event_id({events.tenure, events.at}) : std::string());
}

}  // namespace

std::string call_events_text(const ports::CallEvents& events, std::string_view missed_after,
                             const DomainName& name_of) {
    using Kind = ports::CallEvent::Kind;
    std::string text;
    if (events.gap) {
        JsonWriter json;
        json.begin_object().field("after").value(missed_after).end_object();
        text = message("gap", json, {});
    }
    const bool is_state = !events.resumed && (events.after == 0 || events.events.empty() ||
                                              events.events.front().kind == Kind::State);
    if (is_state) return text + state_text(events, name_of);
    for (const ports::CallEvent& each : events.events) {
        JsonWriter json;
        json.begin_object().field("at").value(to_rfc3339(each.at)).field("call");
        write_call(json, each.call, name_of);
        json.end_object();
        text += message(to_string(each.kind), json, event_id({events.tenure, each.number}));
    }
    return text;
}

std::string bindings_json(const ports::BindingsPage& page, UtcTime now) {
    JsonWriter json;
    json.begin_object().field("items").begin_list();
    for (const ports::BindingsPage::Item& item : page.items) write_binding(json, item, now);
    json.end_list();
    write_next(json, page.next);
    json.field("total").value(page.total);
    json.end_object();
    return json.take();
}

std::string bindings_json(const ports::BindingsReply& reply, AccountId account,
                          std::string_view login, UtcTime now) {
    ports::BindingsPage page;
    for (const ports::Binding& binding : reply.bindings) {
        page.items.push_back({account, std::string(login), binding});
    }
    page.total = page.items.size();
    return bindings_json(page, now);
}

std::string trace_json(const ports::CallTrace& trace) {
    JsonWriter json;
    json.begin_object().field("items").begin_list();
    for (const ports::CallTraceEntry& entry : trace.entries) {
        json.begin_object();
        json.field("at").value(to_rfc3339(entry.at));
        json.field("direction").value(entry.from_phone ? "in" : "out");
        json.field("leg").value(entry.leg);
        json.field("remote").value(entry.remote);
        json.field("text").value(entry.text);
        json.end_object();
    }
    json.end_list();
    write_next(json, {});
    json.end_object();
    return json.take();
}

}  // namespace tandem::roles::web_gate
