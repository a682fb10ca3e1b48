// Signing in, and passwords of users on their way to ST.
#include "base/json_text.h"
#include "model/patch.h"
#include "roles/web_gate/asking.h"

namespace tandem::roles::web_gate {
namespace {

using ports::HttpResponse;
using ports::RoleKind;

// Of a password that nobody knows, with the parameters of those that are made now: who signs in as
// somebody that there is not waits as long for his refusal.
constexpr std::string_view kNobodysHash =
    "$argon2id$v=19$m=19456,t=2,p=1$dtbRYA2Gl2EOi12nKPYysQ$"
    "lpGBRnjqbO44Sg82lgYXC+tb+11CswptCrqGsgRW/IA";

void write_rights(JsonWriter& json, std::string_view name, model::Rights rights) {
    json.field(name).begin_list();
    for (const std::string& each : rights.text()) json.value(each);
    json.end_list();
}

void write_principal(JsonWriter& json, const Principal& principal) {
    constexpr std::string_view kKinds[] = {"operator", "user", "token"};
    json.field("name").value(principal.name);
    json.field("kind").value(kKinds[static_cast<size_t>(principal.kind)]);
    json.field("domain");
    if (principal.is_operator()) {
        json.null();
    } else {
        json.value(principal.domain.text());
    }
    write_rights(json, "rights", principal.own);
    write_rights(json, "rights_below", principal.below);
}

}  // namespace

void WebGate::on_session(Now now, Incoming incoming, ports::Outbox& out) {
    if (incoming.method == kPost) return sign_in(now, std::move(incoming), out);
    auto who = gatekeeper_.identify(around_.catalog, bearer_of(incoming.request()), now.utc);
    if (!who) return respond(incoming.letter, problem(who.error()), out);
    incoming.principal = std::move(*who);
    if (incoming.method == kDelete) return end_sessions(now, std::move(incoming), out);
    JsonWriter json;
    json.begin_object();
    write_principal(json, incoming.principal);
    HttpResponse response;
    response.body = json.end_object().take();
    respond(incoming.letter, std::move(response), out);
}

// By whom a try is counted. The case of a domain's name must not make another name of it.
std::string WebGate::tried_name(const Principal& claimed) {
    if (!claimed.user.is_nil()) return claimed.user.text();
    std::string name = claimed.name;
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return name;
}

void WebGate::sign_in(Now now, Incoming incoming, ports::Outbox& out) {
    const auto members = text_members(incoming.request().body, {"domain", "login", "password"});
    if (!members) return respond(incoming.letter, problem(members.error()), out);
    const auto domain = find_domain(around_.catalog, (*members)[0]);
    const auto* user =
        domain ? around_.catalog.find_user_by_login(*domain, (*members)[1]) : nullptr;
    const bool has_password = user != nullptr && !user->password_hash.empty();
    ports::PasswordCheck check{(*members)[2],
                               has_password ? user->password_hash : std::string(kNobodysHash)};
    incoming.principal.kind = Principal::Kind::User;
    incoming.principal.name = (*members)[1].substr(0, 64) + "@" + (*members)[0].substr(0, 253);
    incoming.principal.domain = domain.value_or(DomainId{});
    if (has_password) incoming.principal.user = user->id;
    const auto wait =
        throttle_.wait_for(now.mono, incoming.request().remote, tried_name(incoming.principal));
    if (wait > std::chrono::seconds{0}) {
        HttpResponse response = problem(429, "too many wrong passwords from this address");
        response.headers.emplace_back("Retry-After", std::to_string(wait.count()));
        note(now, incoming, "sign-in refused", "too many failures");
        return respond(incoming.letter, std::move(response), out);
    }
    throttle_.on_try(now.mono, incoming.request().remote, tried_name(incoming.principal));
    ask(now, std::move(incoming), ports::kPasswords, std::move(check), out);
}

HttpResponse WebGate::session_response(Now now, const Pending& pending, bool matches) {
    const store::Catalog& catalog = around_.catalog;
    const Principal& claimed = pending.principal;
    const auto* user = catalog.find_user(claimed.domain, claimed.user);
    if (!matches || user == nullptr || !user->enabled)
        return problem(make_error(ErrorCode::Unauthorized, "",
                                  "domain, login and password do not belong together"));
    const UtcTime expires{now.utc.unix_ms + session_length.count()};
    const std::string token = gatekeeper_.session_of(*user, expires);
    const auto who = gatekeeper_.identify(catalog, token, now.utc);
    if (!who) return problem(who.error());
    JsonWriter json;
    json.begin_object().field("token").value(token);
    json.field("expires_utc_ms").value(expires.unix_ms);
    write_principal(json, *who);
    HttpResponse response;
    response.status = 201;
    response.headers.emplace_back("Cache-Control", "no-store");
    response.body = json.end_object().take();
    return response;
}

// All of them: a session is known by its user alone.
void WebGate::end_sessions(Now now, Incoming incoming, ports::Outbox& out) {
    if (incoming.principal.kind != Principal::Kind::User)
        return respond(incoming.letter, problem(409, "only users have sessions"), out);
    ports::EntityRequest request;
    request.verb = ports::EntityVerb::Patch;
    request.kind = "user";
    request.domain = incoming.principal.domain.text();
    request.id = incoming.principal.user.text();
    request.body = "{}";
    request.actor = incoming.principal.actor(incoming.request().remote);
    request.end_sessions = true;
    const auto store = around_.directory.active_of_site(RoleKind::Store);
    ask(now, std::move(incoming), store.value_or(ports::Instance{}), std::move(request), out);
}

void WebGate::hash_password(Now now, Incoming incoming, ports::EntityRequest request,
                            ports::Outbox& out) {
    ports::PasswordCheck check{model::text_member(request.body, "password").value_or(""), {}};
    const uint64_t number = remember(now, std::move(incoming), reply_deadline);
    pending_.at(number).prepared = std::move(request);
    out.send(around_.self, ports::kPasswords, std::move(check), number);
}

HttpResponse WebGate::on_sign_in(Now now, const Pending& pending,
                                 const ports::PasswordChecked& checked) {
    const Incoming asked{pending.question, pending.match, pending.method, pending.principal};
    const std::string& address = asked.request().remote;
    if (checked.error) {
        throttle_.take_back(address, tried_name(asked.principal));
        return problem(*checked.error);
    }
    HttpResponse response = session_response(now, pending, checked.matches);
    if (response.status == 201) throttle_.on_success(address, tried_name(asked.principal));
    note(now, asked, response.status == 201 ? "sign-in" : "sign-in refused", "");
    return response;
}

// nullopt: ST is asked now.
std::optional<HttpResponse> WebGate::on_password(Now now, uint64_t request, Pending& pending,
                                                 const ports::PasswordChecked& checked,
                                                 ports::Outbox& out) {
    if (pending.match.route->action == Action::Session) return on_sign_in(now, pending, checked);
    if (checked.error) return problem(*checked.error);
    const auto store = around_.directory.active_of_site(RoleKind::Store);
    if (!store || !pending.prepared) return problem(503, "nobody who could answer can be reached");
    pending.prepared->password_hash = checked.hash;
    out.send(around_.self, *store, std::move(*pending.prepared), request);
    return std::nullopt;
}

}  // namespace tandem::roles::web_gate
