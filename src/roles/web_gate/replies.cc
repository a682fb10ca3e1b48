// What other roles answer, as HTTP.
#include <algorithm>

#include "base/bytes.h"
#include "roles/web_gate/limits.h"
#include "roles/web_gate/metrics.h"
#include "roles/web_gate/problem.h"
#include "roles/web_gate/views.h"
#include "roles/web_gate/web_gate.h"
#include "store/catalog.h"

namespace tandem::roles::web_gate {
namespace {

using ports::HttpResponse;

HttpResponse ok(std::string body) {
    HttpResponse response;
    response.body = std::move(body);
    return response;
}

// Values of JSON, as members of a list.
std::string list_of(const std::vector<std::string>& values) {
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "" : ",") + value;
    return list;
}

HttpResponse no_content() {
    HttpResponse response;
    response.status = 204;
    response.content_type.clear();
    return response;
}

// `domain`: from the path, where there is one.
HttpResponse route_response(const ports::RouteTestReply& test, std::string_view domain) {
    if (!test.error) return ok(test.json);
    const bool in_path = test.error->field == "domain" && !domain.empty();
    const bool refers = test.error->code == ErrorCode::NotFound && !in_path;
    return refers ? problem(422, *test.error) : problem(*test.error);
}

HttpResponse unreachable_response(const ports::Unreachable& unreachable) {
    if (unreachable.who) return problem(503, "who could answer cannot be reached");
    return problem(504, "no answer came in time; the effect is unknown");
}

HttpResponse harm_response(const ports::HarmReply& harm) {
    if (harm.error) return problem(*harm.error);
    HttpResponse response = ok("{\"in_ms\":" + std::to_string(harm.in_ms) + "}");
    response.status = 202;
    return response;
}

HttpResponse token_response(const ports::JoinTokenReply& token) {
    if (token.error) return problem(*token.error);
    HttpResponse response = ok(token.json);
    response.status = 201;
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
}

// A move has begun when it is answered.
HttpResponse store_response(const ports::StoreState& state, uint8_t method) {
    if (state.error) return problem(*state.error);
    HttpResponse response = ok(state.json);
    if (method == kPost) response.status = 202;
    return response;
}

const ports::HttpRequest& request_of(const ports::Letter& question) {
    return get<ports::HttpRequest>(question.payload);
}

std::string quoted(std::string_view etag) {
    return etag.starts_with('"') ? std::string(etag) : '"' + std::string(etag) + '"';
}

// RFC 9110 13.1.2: a list of entity tags, or "*"; weak ones are compared like strong ones.
bool names_etag(std::string_view header, std::string_view etag) {
    while (!header.empty()) {
        std::string_view one = trim(header.substr(0, header.find(',')));
        if (one.starts_with("W/")) one.remove_prefix(2);
        if (one == "*" || one == etag) return true;
        const size_t comma = header.find(',');
        header = comma == std::string_view::npos ? std::string_view() : header.substr(comma + 1);
    }
    return false;
}

// "id" of a created entity, for Location. It is the first member of every entity.
std::string id_in(std::string_view json) {
    constexpr std::string_view kMember = "\"id\":\"";
    const size_t begin = json.find(kMember);
    if (begin == std::string_view::npos) return {};
    json.remove_prefix(begin + kMember.size());
    return std::string(json.substr(0, json.find('"')));
}

}  // namespace

void WebGate::on_answer(Now now, uint64_t request, const ports::Payload& payload,
                        ports::Outbox& out) {
    if (on_bulk_answer(now, request, payload, out)) return;
    if (on_export_answer(now, request, payload, out)) return;
    const auto found = pending_.find(request);
    if (found == pending_.end()) return;  // too late: 504 was answered
    const auto* gone = get_if<ports::Unreachable>(&payload);
    if (gone != nullptr && gone->who && asks_again(now, found->second)) {
        pending_.erase(found);
        return;
    }
    auto response = response_to(now, request, found->second, payload, out);
    if (!response) return;  // more is awaited
    note_done(now, found->second, *response);
    const ports::Letter question = std::move(found->second.question);
    pending_.erase(found);
    respond(question, std::move(*response), out);
}

// Whom we asked has the domain, or the post, no more; somebody else has it, or will in a moment.
bool WebGate::asks_again(Now now, const Pending& pending) {
    const Action action = pending.match.route->action;
    const bool is_of_bindings = action == Action::Bindings || action == Action::Binding;
    if (!is_of_bindings || pending.tries >= ask_again_max) return false;
    Incoming incoming{pending.question, pending.match, pending.method, pending.principal,
                      pending.tries + 1};
    again_.emplace_back(now.mono + ask_again_pause, std::move(incoming));
    return true;
}

// What was done without ST, which writes down its own.
void WebGate::note_done(Now now, const Pending& pending, const HttpResponse& response) {
    if (pending.method == kGet || response.status >= 300) return;
    switch (pending.match.route->action) {
        case Action::Call:
        case Action::Binding:
        case Action::Harm:
        case Action::Store:
        case Action::ServerToken:
            break;
        case Action::Health:
        case Action::Metrics:
        case Action::Status:
        case Action::Events:
        case Action::EntityList:
        case Action::EntityItem:
        case Action::Plan:
        case Action::Calls:
        case Action::CallTrace:
        case Action::CallEvents:
        case Action::Bindings:
        case Action::TrunkStates:
        case Action::QueueStates:
        case Action::Cdr:
        case Action::RouteTest:
        case Action::DialPlanCheck:
        case Action::Audit:
        case Action::Configuration:
        case Action::LogLevel:
        case Action::Backup:
        case Action::Session:
        case Action::Bulk:
            return;
    }
    note(now, {pending.question, pending.match, pending.method, pending.principal}, "done", "");
}

std::optional<HttpResponse> WebGate::response_to(Now now, uint64_t request, Pending& pending,
                                                 const ports::Payload& payload,
                                                 ports::Outbox& out) {
    if (const auto* checked = get_if<ports::PasswordChecked>(&payload))
        return on_password(now, request, pending, *checked, out);
    if (const auto* entity = get_if<ports::EntityReply>(&payload)) {
        if (pending.match.route->action == Action::Events) return on_node(pending, entity->json);
        if (pending.match.route->action == Action::Configuration)
            return entity->error ? problem(*entity->error) : ok(entity->json);
        return entity_response(pending, *entity);
    }
    if (const auto* page = get_if<ports::CallsPage>(&payload))
        return on_calls(request, pending, *page, out);
    if (const auto* page = get_if<ports::BindingsPage>(&payload)) {
        return ok(bindings_json(*page, now.utc));
    }
    if (const auto* states = get_if<ports::TrunkStates>(&payload))
        return on_node(pending, list_of(states->items));
    if (const auto* states = get_if<ports::QueueStates>(&payload))
        return ok("{\"items\":[" + list_of(states->items) + "],\"next\":null}");
    if (const auto* reply = get_if<ports::BindingsReply>(&payload)) {
        const auto domain = find_domain(around_.catalog, pending.match.domain);
        const auto account = domain ? find_account(around_.catalog, *domain, pending.match.id)
                                    : std::optional<AccountId>();
        return ok(bindings_json(*reply, account.value_or(AccountId{}), pending.match.id, now.utc));
    }
    if (const auto* removed = get_if<ports::BindingRemoved>(&payload)) {
        return removed->removed > 0 ? no_content() : problem(404, "there is no such binding");
    }
    if (const auto* detail = get_if<ports::CallDetail>(&payload)) {
        return detail->error ? problem(*detail->error) : ok(detail->json);
    }
    if (const auto* hangup = get_if<ports::CallHangupDone>(&payload)) {
        return hangup->error ? problem(*hangup->error) : no_content();
    }
    if (const auto* trace = get_if<ports::CallTrace>(&payload)) {
        return trace->error ? problem(*trace->error) : ok(trace_json(*trace));
    }
    if (const auto* page = get_if<ports::HistoryPage>(&payload)) {
        return page->error ? problem(*page->error) : ok(page->json);
    }
    if (const auto* page = get_if<ports::AuditPage>(&payload)) {
        return page->error ? problem(*page->error) : ok(page->json);
    }
    if (const auto* token = get_if<ports::JoinTokenReply>(&payload)) return token_response(*token);
    if (const auto* state = get_if<ports::StoreState>(&payload))
        return store_response(*state, pending.method);
    if (const auto* test = get_if<ports::RouteTestReply>(&payload)) {
        if (test->error || pending.principal.is_operator())
            return route_response(*test, pending.match.domain);
        return ok(without_elsewhere(test->json));
    }
    if (const auto* harm = get_if<ports::HarmReply>(&payload)) return harm_response(*harm);
    if (const auto* status = get_if<ports::StatusReply>(&payload))
        return on_node(pending, status->json);
    if (holds_alternative<ports::Unreachable>(payload)) {
        const Action action = pending.match.route->action;
        if (action == Action::Status || action == Action::Metrics || action == Action::Events ||
            action == Action::TrunkStates) {
            // A node that is gone or late is left out.
            const bool late = !get<ports::Unreachable>(payload).who;
            if (!late && pending.awaited > 0) --pending.awaited;
            if (!late && pending.answers.size() < pending.awaited) return std::nullopt;
            return nodes_response(pending);
        }
        return unreachable_response(get<ports::Unreachable>(payload));
    }
    return std::nullopt;
}

std::optional<HttpResponse> WebGate::on_node(Pending& pending, std::string answer) {
    pending.answers.push_back(std::move(answer));
    if (pending.answers.size() < pending.awaited) return std::nullopt;
    return nodes_response(pending);
}

namespace {

// One page of the pages of all groups: ids of calls sort by time, in each of them.
ports::CallsPage merge(std::vector<ports::CallsPage> pages, size_t limit) {
    ports::CallsPage all;
    bool more = false;
    for (ports::CallsPage& page : pages) {
        all.total += page.total;
        more = more || !page.next.empty();
        std::move(page.calls.begin(), page.calls.end(), std::back_inserter(all.calls));
    }
    std::ranges::sort(all.calls, {}, &ports::CallSummary::call);
    // A call that moves between groups may be listed by both for a moment.
    const auto doubles = std::ranges::unique(all.calls, {}, &ports::CallSummary::call);
    all.calls.erase(doubles.begin(), doubles.end());
    if (all.calls.size() > limit) {
        all.calls.resize(limit);
        more = true;
    }
    if (more && !all.calls.empty()) all.next = all.calls.back().call.text();
    return all;
}

}  // namespace

std::optional<HttpResponse> WebGate::on_calls(uint64_t request, Pending& pending,
                                              const ports::CallsPage& page, ports::Outbox& out) {
    pending.pages.push_back(page);
    if (pending.pages.size() < pending.awaited) return std::nullopt;
    const auto wanted = page_of(request_of(pending.question));
    const size_t limit = wanted ? wanted->limit : page_limit_default;
    const ports::CallsPage all = merge(std::move(pending.pages), limit);
    if (pending.match.route->action == Action::Calls) return ok(live_calls(all));
    return forward_to_owner(request, pending, all, out);
}

std::string WebGate::live_calls(const ports::CallsPage& page) const {
    return calls_json(page, [this](DomainId id) {
        const auto* domain = around_.catalog.find_domain(id);
        return domain ? domain->name : std::string();
    });
}

HttpResponse WebGate::entity_response(const Pending& pending, const ports::EntityReply& reply) {
    const ports::HttpRequest& http = request_of(pending.question);
    if (reply.error) {
        // The path was found, but its body refers to what is not there.
        const bool refers = reply.error->code == ErrorCode::NotFound &&
                            (pending.method & (kPost | kPut | kPatch)) != 0 &&
                            !reply.error->field.empty() && reply.error->field != "domain";
        if (refers) return problem(422, *reply.error);
        return problem(*reply.error, !header_of(http, "if-match").empty());
    }
    const bool is_dry = query_of(http, "dry_run").value_or("") == "true";
    if (pending.method != kGet && is_dry) return ok(reply.json);
    if (pending.method == kDelete) return no_content();
    HttpResponse response = ok(reply.json);
    if (!reply.etag.empty()) {
        const std::string etag = quoted(reply.etag);
        response.headers.emplace_back("ETag", etag);
        if (pending.method == kGet && names_etag(header_of(http, "if-none-match"), etag)) {
            response.status = 304;
            response.body.clear();
            return response;
        }
    }
    const bool created =
        pending.method == kPost && pending.match.route->action != Action::Plan;  // only judged
    if (created) {
        response.status = 201;
        response.headers.emplace_back("Location", http.path + "/" + id_in(reply.json));
    }
    return response;
}

std::optional<HttpResponse> WebGate::forward_to_owner(uint64_t request, Pending& pending,
                                                      const ports::CallsPage& page,
                                                      ports::Outbox& out) {
    if (page.calls.empty()) return problem(404, "there is no such call");
    const ports::CallSummary& call = page.calls.front();
    const auto domain = find_domain(around_.catalog, pending.match.domain);
    const NeededRight right{model::Resource::Calls,
                            pending.method == kGet ? model::Verb::Read : model::Verb::Write};
    const bool is_elsewhere = !pending.match.domain.empty() && domain != call.domain;
    if (is_elsewhere || !may(around_.catalog, pending.principal, call.domain, right)) {
        return problem(404, "there is no such call");
    }
    if (pending.match.route->action == Action::CallTrace) {
        out.send(around_.self, call.owner, ports::CallTraceQuery{call.call}, request);
    } else if (pending.method == kDelete) {
        const auto reason = query_of(request_of(pending.question), "reason");
        const std::string text(reason && !reason->empty() ? *reason : "ended by an operator");
        out.send(around_.self, call.owner, ports::CallHangup{call.call, text}, request);
    } else {
        out.send(around_.self, call.owner, ports::CallDetailQuery{call.call}, request);
    }
    return std::nullopt;
}

HttpResponse WebGate::nodes_response(const Pending& pending) {
    if (pending.match.route->action == Action::Metrics) {
        std::vector<uint16_t> known;
        for (const ports::DirectoryEntry& entry : around_.directory.entries()) {
            if (std::find(known.begin(), known.end(), entry.node) == known.end()) {
                known.push_back(entry.node);
            }
        }
        HttpResponse response = ok(metrics_text(pending.answers, known));
        response.content_type = "text/plain; version=0.0.4; charset=utf-8";
        return response;
    }
    if (pending.match.route->action == Action::TrunkStates) {
        std::vector<std::string> known = pending.answers;
        std::erase(known, std::string());
        return ok("{\"items\":[" + list_of(known) + "],\"next\":null}");
    }
    if (pending.match.route->action == Action::Events) {
        const auto page = events_of(request_of(pending.question));
        return ok(events_json(pending.answers, *page));
    }
    return ok(status_json(pending.answers));
}

}  // namespace tandem::roles::web_gate
