#include "roles/web_gate/web_gate.h"

#include <algorithm>

#include "base/json_text.h"
#include "model/patch.h"
#include "roles/web_gate/asking.h"
#include "roles/web_gate/limits.h"
#include "roles/web_gate/problem.h"

namespace tandem::roles::web_gate {

using ports::HttpRequest;
using ports::HttpResponse;
using ports::RoleKind;

WebGate::WebGate(const ports::Surroundings& around, Gatekeeper gatekeeper)
    : around_(around), gatekeeper_(std::move(gatekeeper)) {}

void WebGate::start(Now, ports::Outbox& out) {
    apply(settings_of(around_.catalog, around_.self), out);
}

void WebGate::on_catalog(Now, ports::Outbox& out) {
    if (!draining_) apply(settings_of(around_.catalog, around_.self), out);
}

void WebGate::apply(WebSettings settings, ports::Outbox& out) {
    for (const ports::HttpListenerOpen& old : settings_.listeners) {
        const bool stays =
            std::any_of(settings.listeners.begin(), settings.listeners.end(),
                        [&](const auto& wanted) { return wanted.number == old.number; });
        if (!stays) out.send(around_.self, ports::kHttp, ports::HttpListenerClose{old.number});
    }
    for (const ports::HttpListenerOpen& wanted : settings.listeners) {
        out.send(around_.self, ports::kHttp, wanted);
    }
    settings_ = std::move(settings);
}

void WebGate::on_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    if (holds_alternative<HttpRequest>(letter.payload)) {
        on_request(now, std::move(letter), out);
    } else if (const auto* failed = get_if<ports::HttpListenerFailed>(&letter.payload)) {
        listeners_retry_at_ = now.mono + listener_retry_pause;
        std::string& told = listener_failures_[failed->number];
        if (told == failed->error.message) return;
        told = failed->error.message;
        out.send(around_.self, ports::kJournal,
                 ports::LogLine{ports::LogLine::Level::Error,
                                "HTTP listener " + std::to_string(failed->number) +
                                    " cannot be opened: " + failed->error.message,
                                {},
                                {}});
    } else if (const auto* reply = get_if<store::Reply>(&letter.payload)) {
        on_backup_reply(now, reply->id, reply, out);
    } else if (const auto* batch = get_if<store::WatchBatch>(&letter.payload)) {
        on_backup_watch(now, *batch, out);
    } else if (const auto* taken = get_if<ports::HttpTaken>(&letter.payload)) {
        if (!on_stream_taken(letter.request, taken->gone, out))
            on_http_taken(now, letter.request, taken->gone, out);
    } else if (const auto* events = get_if<ports::CallEvents>(&letter.payload)) {
        on_call_events(now, letter.from, *events, out);
    } else {
        if (holds_alternative<ports::Unreachable>(letter.payload)) {
            on_backup_reply(now, letter.request, nullptr, out);
        }
        on_answer(now, letter.request, letter.payload, out);
    }
}

void WebGate::on_timeout(Now now, ports::Outbox& out) {
    if (listeners_retry_at_ && *listeners_retry_at_ <= now.mono) {
        listeners_retry_at_.reset();
        for (const ports::HttpListenerOpen& wanted : settings_.listeners) {
            out.send(around_.self, ports::kHttp, wanted);  // those that are open stay as they are
        }
    }
    if (backup_ && backup_->idle_until <= now.mono) end_backup(out);
    run_export_timers(now, out);
    run_stream_timers(now, out);
    while (!again_.empty() && again_.front().first <= now.mono) {
        Incoming incoming = std::move(again_.front().second);
        again_.pop_front();
        carry_out(now, std::move(incoming), out);
    }
    tell_refusals(now, out);
    for (auto* queue : {&deadlines_, &status_deadlines_}) {
        while (!queue->empty() && queue->front().first <= now.mono) {
            const uint64_t request = queue->front().second;
            queue->pop_front();
            if (!pending_.contains(request) && !bulk_lines_.contains(request)) continue;
            ++timed_out_;
            on_answer(now, request, ports::Unreachable{}, out);
        }
    }
}

std::optional<Instant> WebGate::next_deadline() const {
    std::optional<Instant> next = listeners_retry_at_;
    if (backup_ && (!next || backup_->idle_until < *next)) next = backup_->idle_until;
    for (const auto& [http_request, one] : exports_)
        if (!next || one.until < *next) next = one.until;
    for (const auto& [number, stream] : streams_)
        if (!next || stream.renew_at < *next) next = stream.renew_at;
    if (!again_.empty() && (!next || again_.front().first < *next)) next = again_.front().first;
    const auto refusals_due = refusals_.next_deadline();
    if (refusals_due && (!next || *refusals_due < *next)) next = refusals_due;
    for (const auto* queue : {&deadlines_, &status_deadlines_}) {
        if (!queue->empty() && (!next || queue->front().first < *next)) {
            next = queue->front().first;
        }
    }
    return next;
}

// Streams have no end of their own: who listens goes to another gate.
void WebGate::drain(Now, ports::Outbox& out) {
    draining_ = true;
    while (!streams_.empty()) end_stream(streams_.begin()->first, out);
}

std::vector<std::pair<std::string, double>> WebGate::figures() const {
    return {{"http_served", static_cast<double>(served_)},
            {"http_refused", static_cast<double>(refused_)},
            {"http_audited", static_cast<double>(refusals_.total())},
            {"http_timed_out", static_cast<double>(timed_out_)},
            {"http_pending", static_cast<double>(pending_.size())}};
}

// ---- asking

void WebGate::on_request(Now now, ports::Letter letter, ports::Outbox& out) {
    const auto& request = get<HttpRequest>(letter.payload);
    if (request.path.size() > path_bytes_max) {
        respond(letter, problem(414, "the path is too long"), out);
        return;
    }
    auto match = match_route(request.path);
    if (!match) {
        respond(letter, problem(404, "there is no such resource"), out);
        return;
    }
    const uint8_t method = method_bit(request.method);
    Incoming incoming{std::move(letter), std::move(*match), method, {}};
    if (auto refusal = refusal_of(now, incoming)) {
        ++refused_;
        respond(incoming.letter, std::move(*refusal), out);
        return;
    }
    if (draining_ || pending_.size() >= pending_max) {
        ++refused_;
        respond(incoming.letter, problem(503, "too many requests are open"), out);
        return;
    }
    carry_out(now, std::move(incoming), out);
}

// Who asks comes first: a stranger learns nothing of what there is.
std::optional<HttpResponse> WebGate::refusal_of(Now now, Incoming& incoming) {
    const HttpRequest& request = incoming.request();
    const Route& route = *incoming.match.route;
    const bool is_local = route.access == Access::AdminOrLocal && from_this_machine(request);
    const bool is_open = route.access == Access::Anyone || is_local;
    if (!is_open) {
        auto who = gatekeeper_.identify(around_.catalog, bearer_of(request), now.utc);
        if (!who) {
            incoming.principal.name = "nobody";
            note(now, incoming, "refused", who.error().message);
            return problem(who.error());
        }
        incoming.principal = std::move(*who);
    }
    if (auto refusal = refuse(request, route, settings_.body_bytes_max)) return refusal;
    if (is_open) return std::nullopt;
    const auto may =
        permit(around_.catalog, incoming.principal, incoming.method, request, incoming.match);
    if (may) return std::nullopt;
    note(now, incoming, "refused", may.error().message);
    return problem(may.error());
}

void WebGate::note(Now now, const Incoming& incoming, std::string_view action,
                   std::string_view reason) {
    const HttpRequest& request = incoming.request();
    ports::AuditNote note;
    note.actor = incoming.principal.actor(request.remote);
    note.domain = incoming.principal.domain;
    note.action = action;
    note.what = request.method + " " + request.path;
    note.reason = reason;
    refusals_.add(now, std::move(note));
}

void WebGate::tell_refusals(Now now, ports::Outbox& out) {
    const auto store = around_.directory.active_of_site(RoleKind::Store);
    for (ports::AuditNote& each : refusals_.take(now)) {
        if (store) out.send(around_.self, *store, std::move(each));
    }
}

void WebGate::carry_out(Now now, Incoming incoming, ports::Outbox& out) {
    switch (incoming.match.route->action) {
        case Action::Health:
            return show_health(incoming, out);
        case Action::Metrics:
        case Action::Status:
        case Action::Events:
            ask_nodes(now, std::move(incoming), out);
            break;
        case Action::EntityList:
        case Action::EntityItem:
        case Action::Plan:
            ask_store(now, std::move(incoming), out);
            break;
        case Action::Calls:
            list_calls(now, std::move(incoming), out);
            break;
        case Action::Call:
        case Action::CallTrace:
            find_call(now, std::move(incoming), out);
            break;
        case Action::QueueStates:
        case Action::TrunkStates:
        case Action::Bindings:
            list_bindings(now, std::move(incoming), out);
            break;
        case Action::Binding:
            on_account_bindings(now, std::move(incoming), out);
            break;
        case Action::CallEvents:
            begin_events(now, std::move(incoming), out);
            break;
        case Action::Cdr:
            list_history(now, std::move(incoming), out);
            break;
        case Action::RouteTest:
            test_route(now, std::move(incoming), out);
            break;
        case Action::DialPlanCheck:
            check_dial_plan(incoming, out);
            break;
        case Action::Audit:
            list_audit(now, std::move(incoming), out);
            break;
        case Action::Configuration:
            on_configuration(now, std::move(incoming), out);
            break;
        case Action::Bulk:
            begin_bulk(now, std::move(incoming), out);
            break;
        case Action::LogLevel:
            set_log_level(incoming, out);
            break;
        case Action::ServerToken:
            make_server_token(now, std::move(incoming), out);
            break;
        case Action::Harm:
            ask_harm(now, std::move(incoming), out);
            break;
        case Action::Store:
            on_site_store(now, std::move(incoming), out);
            break;
        case Action::Backup:
            on_backup(now, std::move(incoming), out);
            break;
        case Action::Session:
            on_session(now, std::move(incoming), out);
            break;
    }
}

uint64_t WebGate::remember(Now now, Incoming incoming, Duration deadline) {
    const uint64_t request = ++last_request_;
    Pending pending;
    pending.match = incoming.match;
    pending.method = incoming.method;
    pending.tries = incoming.tries;
    pending.principal = std::move(incoming.principal);
    pending.question = std::move(incoming.letter);
    get<HttpRequest>(pending.question.payload).body.clear();
    pending_.emplace(request, std::move(pending));
    auto& queue = deadline == status_deadline ? status_deadlines_ : deadlines_;
    queue.emplace_back(now.mono + deadline, request);
    return request;
}

void WebGate::respond(const ports::Letter& question, HttpResponse response, ports::Outbox& out) {
    ++served_;
    if (get<HttpRequest>(question.payload).method == "HEAD") response.body.clear();
    out.reply(question, std::move(response));
}

// Serving means that a phone could register and call now.
void WebGate::show_health(const Incoming& incoming, ports::Outbox& out) {
    bool serving = true;
    JsonWriter json;
    json.begin_object().field("roles").begin_object();
    for (const RoleKind kind :
         {RoleKind::SipGate, RoleKind::Registrar, RoleKind::B2bua, RoleKind::Store}) {
        const bool there = !around_.directory.actives(kind).empty();
        serving = serving && there;
        json.field(code_of(kind)).value(there ? "up" : "down");
    }
    json.end_object().field("status").value(serving ? "ok" : "unavailable").end_object();
    HttpResponse response;
    response.status = serving ? 200 : 503;
    response.body = json.take();
    respond(incoming.letter, std::move(response), out);
}

namespace {

ports::EntityVerb verb_of(uint8_t method, bool list) {
    if (method == kPost) return ports::EntityVerb::Create;
    if (method == kPut) return ports::EntityVerb::Replace;
    if (method == kPatch) return ports::EntityVerb::Patch;
    if (method == kDelete) return ports::EntityVerb::Remove;
    return list ? ports::EntityVerb::List : ports::EntityVerb::Read;
}

// "3" and W/"3" alike; "*" holds for whatever is there (RFC 9110 13.1.1).
std::string etag_in(std::string_view header) {
    header = trim(header);
    if (header.starts_with("W/")) header.remove_prefix(2);
    if (header.size() >= 2 && header.front() == '"') header = header.substr(1, header.size() - 2);
    return header == "*" ? std::string() : std::string(header);
}

}  // namespace

void WebGate::ask_store(Now now, Incoming incoming, ports::Outbox& out) {
    const HttpRequest& http = incoming.request();
    const auto page = page_of(http);
    if (!page) {
        respond(incoming.letter, problem(page.error()), out);
        return;
    }
    const bool list = incoming.match.route->action == Action::EntityList;
    ports::EntityRequest request;
    request.verb = verb_of(incoming.method, list);
    request.kind = incoming.match.route->kind;
    request.domain = incoming.match.domain;
    request.id = incoming.match.id;
    request.body = http.body;
    request.if_match = etag_in(header_of(http, "if-match"));
    request.after = page->after;
    request.limit = page->limit;
    request.actor = incoming.principal.actor(http.remote);
    request.dry_run = query_of(http, "dry_run").value_or("") == "true";
    const bool writes = (incoming.method & (kPost | kPut | kPatch)) != 0;
    if (writes && request.kind == "user") {
        const auto password = model::text_member(http.body, "password");
        if (password && !password->empty())
            return hash_password(now, std::move(incoming), std::move(request), out);
    }
    const auto store = around_.directory.active_of_site(RoleKind::Store);
    ask(now, std::move(incoming), store.value_or(ports::Instance{}), std::move(request), out);
}

void WebGate::ask_nodes(Now now, Incoming incoming, ports::Outbox& out) {
    ports::Payload question = ports::StatusQuery{};
    if (incoming.match.route->action == Action::Events) {
        const auto wanted = events_of(incoming.request());
        if (!wanted) return respond(incoming.letter, problem(wanted.error()), out);
        ports::EntityRequest list;
        list.verb = ports::EntityVerb::List;
        list.kind = incoming.match.route->kind;
        list.after = wanted->after;
        question = std::move(list);
    }
    // Media gates have a shard of their own, with a host of its own.
    std::vector<ports::Instance> hosts;
    for (const ports::DirectoryEntry& entry : around_.directory.entries()) {
        if (!entry.reachable) continue;
        for (const uint16_t shard : {0, 1}) {
            const ports::Instance host = ports::host_of(entry.node, shard);
            const bool runs = shard == 0 || entry.kind == RoleKind::MediaGate;
            if (runs && std::find(hosts.begin(), hosts.end(), host) == hosts.end()) {
                hosts.push_back(host);
            }
        }
    }
    const uint64_t request = remember(now, std::move(incoming), status_deadline);
    pending_.at(request).awaited = hosts.size();
    for (const ports::Instance host : hosts) {
        out.send({around_.self, host, request, question});
    }
    if (hosts.empty()) on_answer(now, request, ports::Unreachable{}, out);
}

void WebGate::set_log_level(const Incoming& incoming, ports::Outbox& out) {
    const auto members = text_members(incoming.request().body, {"level"});
    if (!members) {
        respond(incoming.letter, problem(members.error()), out);
        return;
    }
    const std::string& level = members->front();
    constexpr std::string_view kLevels[] = {"trace", "debug", "info", "warn", "error"};
    if (std::find(std::begin(kLevels), std::end(kLevels), level) == std::end(kLevels)) {
        respond(incoming.letter,
                problem(make_error(ErrorCode::OutOfRange, "level",
                                   "level must be one of trace, debug, info, warn, error")),
                out);
        return;
    }
    std::vector<uint16_t> told;
    for (const ports::DirectoryEntry& entry : around_.directory.entries()) {
        if (std::find(told.begin(), told.end(), entry.node) != told.end()) continue;
        told.push_back(entry.node);
        out.send(around_.self, ports::host_of(entry.node), ports::LogLevelSet{level});
    }
    HttpResponse response;
    response.body = "{\"level\":\"" + level + "\"}";
    respond(incoming.letter, std::move(response), out);
}

void WebGate::make_server_token(Now now, Incoming incoming, ports::Outbox& out) {
    const auto query = token_query_of(incoming.request().body);
    if (!query) {
        respond(incoming.letter, problem(query.error()), out);
        return;
    }
    const auto store = around_.directory.active_of_site(RoleKind::Store);
    ask(now, std::move(incoming), store.value_or(ports::Instance{}), *query, out);
}

// The node itself says whether it may be harmed: its bootstrap file does, which no API can change.
void WebGate::ask_harm(Now now, Incoming incoming, ports::Outbox& out) {
    const auto harm = harm_of(incoming.request().body);
    if (!harm) {
        respond(incoming.letter, problem(harm.error()), out);
        return;
    }
    for (const ports::DirectoryEntry& entry : around_.directory.entries()) {
        if (std::to_string(entry.node) != incoming.match.id) continue;
        return ask(now, std::move(incoming), ports::host_of(entry.node), *harm, out);
    }
    respond(incoming.letter, problem(404, "there is no such node"), out);
}

}  // namespace tandem::roles::web_gate
