// Live things: calls, bindings, history.
#include <algorithm>

#include "base/bytes.h"
#include "roles/web_gate/asking.h"

namespace tandem::roles::web_gate {

using ports::RoleKind;

// The domain of the path, or of ?domain=; nil: all. nullopt: unknown, and 404 was answered.
std::optional<DomainId> WebGate::domain_of(const Incoming& incoming, ports::Outbox& out) {
    std::string_view name = incoming.match.domain;
    if (name.empty()) name = query_of(incoming.request(), "domain").value_or("");
    if (name.empty()) return DomainId{};
    const auto domain = find_domain(around_.catalog, name);
    if (!domain) {
        respond(incoming.letter,
                problem(make_error(ErrorCode::NotFound, "domain", "there is no such domain")), out);
    }
    return domain;
}

void WebGate::list_calls(Now now, Incoming incoming, ports::Outbox& out) {
    const auto page = page_of(incoming.request());
    if (!page) {
        respond(incoming.letter, problem(page.error()), out);
        return;
    }
    const auto domain = domain_of(incoming, out);
    if (!domain) return;
    ask_call_state(now, std::move(incoming), {*domain, {}, page->after, page->limit}, out);
}

// Calls of all domains are known to all groups together: when one is missing, so are its calls.
void WebGate::ask_call_state(Now now, Incoming incoming, const ports::CallsQuery& query,
                             ports::Outbox& out) {
    const ports::Directory& directory = around_.directory;
    std::vector<ports::Instance> whom;
    if (query.domain.is_nil()) {
        whom = directory.actives(RoleKind::CallState);
        if (whom.size() < directory.groups().call_state.groups().size()) whom.clear();
    } else if (const auto active = directory.active(RoleKind::CallState, query.domain)) {
        whom.push_back(*active);
    }
    if (whom.size() < 2) {
        const ports::Instance one = whom.empty() ? ports::Instance{} : whom.front();
        return ask(now, std::move(incoming), one, query, out);
    }
    const uint64_t request = remember(now, std::move(incoming), reply_deadline);
    pending_.at(request).awaited = whom.size();
    for (const ports::Instance each : whom) out.send(around_.self, each, query, request);
}

// A call is known to its owner; CS knows the owner.
void WebGate::find_call(Now now, Incoming incoming, ports::Outbox& out) {
    const auto call = CallId::parse(incoming.match.id);
    if (!call || call->is_nil()) {  // a nil id would ask for any call
        respond(incoming.letter, problem(404, "there is no such call"), out);
        return;
    }
    const auto domain = domain_of(incoming, out);
    if (!domain) return;
    ask_call_state(now, std::move(incoming), {*domain, *call, {}, 1}, out);
}

// Of a domain: its devices, its trunks, or its queues.
void WebGate::list_bindings(Now now, Incoming incoming, ports::Outbox& out) {
    if (incoming.match.route->action == Action::TrunkStates)
        return list_trunk_states(now, std::move(incoming), out);
    if (incoming.match.route->action == Action::QueueStates)
        return list_queue_states(now, std::move(incoming), out);
    const auto page = page_of(incoming.request());
    if (!page) {
        respond(incoming.letter, problem(page.error()), out);
        return;
    }
    const auto domain = domain_of(incoming, out);
    if (!domain) return;
    const auto registrar = around_.directory.active(RoleKind::Registrar, *domain);
    ask(now, std::move(incoming), registrar.value_or(ports::Instance{}),
        ports::BindingsList{*domain, page->after, page->limit}, out);
}

// Each gate knows the trunks that it looks after.
void WebGate::list_trunk_states(Now now, Incoming incoming, ports::Outbox& out) {
    const auto domain = domain_of(incoming, out);
    if (!domain) return;
    std::vector<ports::Instance> gates;
    for (const ports::DirectoryEntry& each : around_.directory.entries()) {
        if (each.kind == RoleKind::ExternalSipGate && each.reachable)
            gates.push_back(each.instance);
    }
    if (gates.empty())
        return respond(incoming.letter, problem(503, "no gate for trunks can be reached"), out);
    const uint64_t request = remember(now, std::move(incoming), reply_deadline);
    pending_.at(request).awaited = gates.size();
    for (const ports::Instance each : gates)
        out.send(around_.self, each, ports::TrunkStatesQuery{*domain}, request);
}

void WebGate::list_queue_states(Now now, Incoming incoming, ports::Outbox& out) {
    const auto domain = domain_of(incoming, out);
    if (!domain) return;
    const auto index = around_.directory.active(RoleKind::CallState, *domain);
    ask(now, std::move(incoming), index.value_or(ports::Instance{}), ports::QueuesQuery{*domain},
        out);
}

void WebGate::on_account_bindings(Now now, Incoming incoming, ports::Outbox& out) {
    const auto domain = domain_of(incoming, out);
    if (!domain) return;
    const auto account = find_account(around_.catalog, *domain, incoming.match.id);
    if (!account) {
        respond(incoming.letter, problem(404, "there is no such account"), out);
        return;
    }
    const auto registrar =
        around_.directory.active(RoleKind::Registrar, *domain).value_or(ports::Instance{});
    if (incoming.method == kDelete) {
        std::string contact(query_of(incoming.request(), "contact").value_or(""));
        ask(now, std::move(incoming), registrar,
            ports::BindingRemove{*domain, *account, std::move(contact)}, out);
    } else {
        ask(now, std::move(incoming), registrar, ports::BindingsQuery{*domain, *account}, out);
    }
}

// What all questions about the past have in common; nullopt: it has been refused.
template <typename Query>
std::optional<Query> WebGate::query_of_past(const Incoming& incoming, ports::Outbox& out) {
    const auto& http = incoming.request();
    const auto page = page_of(http);
    const auto from = time_of(http, "from");
    const auto to = time_of(http, "to");
    if (!page || !from || !to) {
        const Error& error = !page ? page.error() : !from ? from.error() : to.error();
        respond(incoming.letter, problem(error), out);
        return std::nullopt;
    }
    const auto domain = domain_of(incoming, out);
    if (!domain) return std::nullopt;
    Query query;
    if (!domain->is_nil()) query.domain_id = domain->text();
    query.from_ms = *from;
    query.to_ms = *to;
    query.after = page->after;
    query.limit = page->limit;
    return query;
}

void WebGate::list_history(Now now, Incoming incoming, ports::Outbox& out) {
    auto query = query_of_past<ports::HistoryQuery>(incoming, out);
    if (!query) return;
    const auto read = read_history_filters(incoming.request(), *query);
    if (!read) return respond(incoming.letter, problem(read.error()), out);
    const std::string account(query_of(incoming.request(), "account").value_or(""));
    if (!account.empty()) {
        const auto domain = DomainId::parse(query->domain_id);
        auto id = domain ? find_account(around_.catalog, *domain, account) : std::nullopt;
        if (!id) id = AccountId::parse(account);  // of one that has been removed, perhaps
        if (!id) {
            const Error unknown = make_error(ErrorCode::OutOfRange, "account",
                                             domain ? "there is no such account in the domain"
                                                    : "must be an id where no domain is named");
            return respond(incoming.letter, problem(unknown), out);
        }
        query->account_id = id->text();
    }
    if (query->csv) return begin_export(now, std::move(incoming), std::move(*query), out);
    ask(now, std::move(incoming), ports::kHistory, std::move(*query), out);
}

// The time is in the query, or in the body of what goes back to it.
void WebGate::on_configuration(Now now, Incoming incoming, ports::Outbox& out) {
    const auto& http = incoming.request();
    std::string text(query_of(http, "at").value_or(""));
    if (incoming.method == kPost) {
        const auto members = text_members(http.body, {"at"});
        if (!members) return respond(incoming.letter, problem(members.error()), out);
        text = members->front();
    }
    const auto at = time_in(text, "at");
    if (!at) return respond(incoming.letter, problem(at.error()), out);
    if (*at == 0) {
        const Error missing = make_error(ErrorCode::Missing, "at", "a time is required");
        return respond(incoming.letter, problem(missing), out);
    }
    ports::EntityRequest request;
    request.verb = incoming.method == kPost ? ports::EntityVerb::Create : ports::EntityVerb::Read;
    request.kind = "configuration";
    request.domain = incoming.match.domain;
    request.id = std::to_string(*at);
    request.actor = incoming.principal.actor(http.remote);
    request.dry_run = query_of(http, "dry_run").value_or("") == "true";
    const auto store =
        around_.directory.active_of_site(RoleKind::Store).value_or(ports::Instance{});
    ask(now, std::move(incoming), store, std::move(request), out);
}

void WebGate::list_audit(Now now, Incoming incoming, ports::Outbox& out) {
    auto query = query_of_past<ports::AuditQuery>(incoming, out);
    if (!query) return;
    const auto& http = incoming.request();
    query->kind = query_of(http, "kind").value_or("");
    query->entity = query_of(http, "entity").value_or("");
    query->actor = query_of(http, "actor").value_or("");
    ask(now, std::move(incoming), ports::kHistory, std::move(*query), out);
}

// Where the data are; POST moves them. The store's own service decides whether it can.
void WebGate::on_site_store(Now now, Incoming incoming, ports::Outbox& out) {
    if (incoming.method == kGet)
        return ask(now, std::move(incoming), ports::kKeyValue, ports::StoreStateQuery{}, out);
    const auto members = text_members(incoming.request().body, {"kind", "endpoints"});
    if (!members) {
        respond(incoming.letter, problem(members.error()), out);
        return;
    }
    ports::StoreMove move{(*members)[0], {}};
    std::string_view rest = (*members)[1];
    while (!rest.empty()) {
        const size_t comma = std::min(rest.find(','), rest.size());
        move.endpoints.emplace_back(trim(rest.substr(0, comma)));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    ask(now, std::move(incoming), ports::kKeyValue, std::move(move), out);
}

}  // namespace tandem::roles::web_gate
