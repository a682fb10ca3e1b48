// Streams of events of calls (server-sent events, WHATWG HTML 9.2): what there is, then what
// happens, for as long as the client listens and may. CS tells; the gate only passes it on. Whoever
// comes again says what came last (Last-Event-ID) and is told what he has missed, as far as CS
// still has it: else that there is a gap, and how things stand.
#include "roles/web_gate/limits.h"
#include "roles/web_gate/problem.h"
#include "roles/web_gate/request_checks.h"
#include "roles/web_gate/views.h"
#include "roles/web_gate/web_gate.h"
#include "store/catalog.h"

namespace tandem::roles::web_gate {

using ports::HttpPart;
using ports::HttpResponse;
using ports::RoleKind;

void WebGate::begin_events(Now now, Incoming incoming, ports::Outbox& out) {
    const auto domain = domain_of(incoming, out);
    if (!domain) return;
    if (streams_.size() >= event_streams_max)
        return respond(incoming.letter, problem(503, "too many streams of events are open"), out);
    const auto call_state = around_.directory.active(RoleKind::CallState, *domain);
    if (!call_state)
        return respond(incoming.letter, problem(503, "nobody who knows of calls can be reached"),
                       out);
    HttpResponse response;
    response.content_type = "text/event-stream";
    response.headers.emplace_back("Cache-Control", "no-store");
    response.headers.emplace_back("X-Accel-Buffering", "no");  // INTEROP: nginx would gather it
    response.streamed = true;
    response.body = "retry: 1000\n\n";
    const bool is_head = incoming.request().method == "HEAD";
    respond(incoming.letter, std::move(response), out);
    if (is_head) return;
    const uint64_t number = incoming.letter.request;
    EventStream stream;
    stream.asked = std::move(incoming);
    stream.domain = *domain;
    stream.said_at = now.mono;
    stream.last_id = header_of(stream.asked.request(), "last-event-id").substr(0, event_id_max);
    follow(now, number, streams_.insert_or_assign(number, std::move(stream)).first->second, out);
}

void WebGate::follow(Now now, uint64_t number, EventStream& stream, ports::Outbox& out) {
    stream.renew_at = now.mono + event_renewal;
    const auto active = around_.directory.active(RoleKind::CallState, stream.domain);
    if (!active) return;  // another one will be, in a moment
    if (stream.followed != *active) stream.known = 0;
    stream.followed = *active;
    const EventId seen = read_event_id(stream.last_id);
    out.send(around_.self, *active,
             ports::CallEventsFollow{number, stream.domain, stream.known, false, seen.tenure,
                                     seen.number});
}

// Another one has the post, or the domain.
void WebGate::on_directory(Now now, ports::Outbox& out) {
    for (auto& [number, stream] : streams_) {
        const auto active = around_.directory.active(RoleKind::CallState, stream.domain);
        if (active && *active != stream.followed) follow(now, number, stream, out);
    }
}

void WebGate::on_call_events(Now now, ports::Instance from, const ports::CallEvents& events,
                             ports::Outbox& out) {
    const auto found = streams_.find(events.stream);
    if (found == streams_.end()) {
        out.send(around_.self, from, ports::CallEventsFollow{events.stream, {}, 0, true, 0, 0});
        return;
    }
    EventStream& stream = found->second;
    if (from != stream.followed) return;
    if (events.after != 0 && events.after != stream.known) {
        if (stream.known == 0) return;  // it has been asked to begin anew
        stream.known = 0;
        return follow(now, found->first, stream, out);
    }
    stream.known = events.number;
    const std::string missed_after = stream.last_id;
    // While a state is being told there is nothing that could be gone on from.
    stream.last_id = events.complete ? event_id({events.tenure, events.at}) : std::string();
    const auto name_of = [this](DomainId id) {
        const auto* domain = around_.catalog.find_domain(id);
        return domain ? domain->name : std::string();
    };
    say(now, found->first, stream, call_events_text(events, missed_after, name_of), out);
}

void WebGate::say(Now now, uint64_t number, EventStream& stream, std::string text,
                  ports::Outbox& out) {
    stream.said_at = now.mono;
    stream.waiting += text;
    if (stream.waiting.size() > event_bytes_max) return end_stream(number, out);
    flush_stream(stream, out);
}

void WebGate::flush_stream(EventStream& stream, ports::Outbox& out) {
    if (!stream.has_room || stream.waiting.empty()) return;
    stream.has_room = false;
    out.reply(stream.asked.letter, HttpPart{std::exchange(stream.waiting, {})});
}

bool WebGate::on_stream_taken(uint64_t number, bool gone, ports::Outbox& out) {
    const auto found = streams_.find(number);
    if (found == streams_.end()) return false;
    if (gone) {
        end_stream(number, out);
        return true;
    }
    found->second.has_room = true;
    flush_stream(found->second, out);
    return true;
}

// The token may have expired, or the right been taken away, since.
void WebGate::renew_stream(Now now, uint64_t number, ports::Outbox& out) {
    EventStream& stream = streams_.at(number);
    Incoming& asked = stream.asked;
    const auto who = gatekeeper_.identify(around_.catalog, bearer_of(asked.request()), now.utc);
    const bool may =
        who && permit(around_.catalog, *who, asked.method, asked.request(), asked.match);
    const bool is_there = around_.catalog.find_domain(stream.domain) != nullptr;
    if (!may || !is_there) return end_stream(number, out);
    follow(now, number, stream, out);
    if (now.mono - stream.said_at >= event_silence_max) say(now, number, stream, ":\n\n", out);
}

void WebGate::end_stream(uint64_t number, ports::Outbox& out) {
    const auto stream = streams_.extract(number);
    if (stream.empty()) return;
    const EventStream& ended = stream.mapped();
    out.reply(ended.asked.letter, HttpPart{ended.waiting, true});
    if (ended.followed)
        out.send(around_.self, ended.followed,
                 ports::CallEventsFollow{number, ended.domain, 0, true, 0, 0});
}

void WebGate::run_stream_timers(Now now, ports::Outbox& out) {
    std::vector<uint64_t> due;
    for (const auto& [number, stream] : streams_)
        if (stream.renew_at <= now.mono) due.push_back(number);
    for (const uint64_t number : due) renew_stream(now, number, out);
}

}  // namespace tandem::roles::web_gate
