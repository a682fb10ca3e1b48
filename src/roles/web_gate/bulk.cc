#include "roles/web_gate/bulk.h"

#include <boost/json.hpp>

#include "base/bytes.h"
#include "base/json_text.h"
#include "model/patch.h"
#include "roles/web_gate/limits.h"
#include "roles/web_gate/problem.h"
#include "roles/web_gate/web_gate.h"

namespace tandem::roles::web_gate {
namespace {

namespace json = boost::json;
using ports::HttpResponse;
using ports::RoleKind;

const Route* collection_of(std::string_view kind) {
    for (const Route& route : all_routes()) {
        const bool is_single = route.action == Action::EntityItem && kind == "licence";
        if (route.kind == kind && (route.action == Action::EntityList || is_single)) return &route;
    }
    return nullptr;
}

std::string kinds_in_words() {
    std::string words;
    for (const Route& route : all_routes()) {
        if (route.kind.empty() || collection_of(route.kind) != &route) continue;
        words.append(words.empty() ? "" : ", ").append(route.kind);
    }
    return words;
}

Result<std::string> text_in(const json::object& object, std::string_view name) {
    const json::value* member = object.if_contains(name);
    if (member == nullptr) return std::string();
    if (member->is_string()) return std::string(member->get_string());
    return make_error(ErrorCode::OutOfRange, name, "must be a string");
}

std::string id_in(std::string_view entity) {
    return model::text_member(entity, "id").value_or("");
}

}  // namespace

Result<BulkLineParts> bulk_line_of(std::string_view line) {
    boost::system::error_code error;
    const json::value parsed = json::parse(json::string_view(line.data(), line.size()), error);
    if (error || !parsed.is_object())
        return make_error(ErrorCode::Malformed, "", "the line is no JSON object");
    const json::object& object = parsed.get_object();
    BulkLineParts parts;
    for (const auto& each : object) {
        const std::string_view name(each.key().data(), each.key().size());
        if (name != "kind" && name != "domain" && name != "parent" && name != "value")
            return make_error(ErrorCode::UnknownField, name, "there is no such field");
    }
    parts.kind = TRY(text_in(object, "kind"));
    parts.domain = TRY(text_in(object, "domain"));
    parts.parent = TRY(text_in(object, "parent"));
    const json::value* value = object.if_contains("value");
    if (parts.kind.empty()) return make_error(ErrorCode::Missing, "kind", "this field is required");
    if (value == nullptr || !value->is_object())
        return make_error(ErrorCode::Missing, "value", "must be an object: the entity");
    parts.value = json::serialize(*value);
    return parts;
}

std::vector<std::string_view> bulk_lines_of(std::string_view body) {
    std::vector<std::string_view> lines;
    while (!body.empty()) {
        const size_t end = std::min(body.find('\n'), body.size());
        const std::string_view line = trim(body.substr(0, end));
        body.remove_prefix(std::min(end + 1, body.size()));
        if (!line.empty()) lines.push_back(line);
    }
    return lines;
}

std::string bulk_answer(size_t line, int status, std::string_view id) {
    JsonWriter out;
    out.begin_object().field("line").value(static_cast<uint64_t>(line));
    out.field("status").value(status);
    if (!id.empty()) out.field("id").value(id);
    return out.end_object().take();
}

std::string bulk_answer(size_t line, int status, const Error& error) {
    JsonWriter out;
    out.begin_object().field("line").value(static_cast<uint64_t>(line));
    out.field("status").value(status);
    if (!error.field.empty()) out.field("field").value(error.field);
    return out.field("detail").value(error.message).end_object().take();
}

void WebGate::begin_bulk(Now now, Incoming incoming, ports::Outbox& out) {
    Bulk bulk;
    bulk.asked = std::move(incoming);
    const uint64_t number = ++last_request_;
    if (bulks_.size() >= bulks_max)
        return respond(bulk.asked.letter, problem(503, "too many bulk requests are open"), out);
    Bulk& begun = bulks_.emplace(number, std::move(bulk)).first->second;
    begun.lines = bulk_lines_of(begun.asked.request().body);
    begun.answers.resize(begun.lines.size());
    if (begun.lines.size() > bulk_lines_max) {
        respond(begun.asked.letter, problem(413, "more than 20000 lines"), out);
        bulks_.erase(number);
        return;
    }
    go_on_with_bulk(now, number, out);
}

void WebGate::go_on_with_bulk(Now now, uint64_t number, ports::Outbox& out) {
    const auto found = bulks_.find(number);
    if (found == bulks_.end()) return;
    Bulk& bulk = found->second;
    while (bulk.next < bulk.lines.size() && bulk.in_flight < bulk_in_flight_max) {
        if (!send_line(now, number, bulk, out)) break;  // it waits for one before it
    }
    if (bulk.in_flight > 0 || bulk.next < bulk.lines.size()) return;
    HttpResponse response;
    response.content_type = "application/x-ndjson";
    for (const std::string& each : bulk.answers) response.body.append(each).push_back('\n');
    const ports::Letter question = std::move(bulk.asked.letter);
    bulks_.erase(found);
    respond(question, std::move(response), out);
}

Result<ports::EntityRequest> WebGate::line_request(const Bulk& bulk, BulkLineParts parts) const {
    const Route* route = collection_of(parts.kind);
    if (route == nullptr)
        return make_error(ErrorCode::OutOfRange, "kind", "must be one of " + kinds_in_words());
    const bool is_single = route->action == Action::EntityItem;
    if (route->pattern.find("{domain}") != std::string_view::npos && parts.domain.empty())
        return make_error(ErrorCode::Missing, "domain", "this field is required");
    RouteMatch match{route, parts.domain, {}};
    const uint8_t method = is_single ? kPatch : kPost;
    const Principal& who = bulk.asked.principal;
    TRY(permit(around_.catalog, who, method, bulk.asked.request(), match));
    if (!parts.parent.empty()) {
        const auto parent = find_domain(around_.catalog, parts.parent);
        if (!parent) return make_error(ErrorCode::NotFound, "parent", "there is no such domain");
        parts.value.pop_back();
        parts.value +=
            (parts.value.size() > 1 ? ",\"parent\":\"" : "\"parent\":\"") + parent->text() + "\"}";
    }
    ports::EntityRequest request;
    request.verb = is_single ? ports::EntityVerb::Patch : ports::EntityVerb::Create;
    request.kind = std::move(parts.kind);
    request.domain = std::move(match.domain);
    request.body = std::move(parts.value);
    request.actor = who.actor(bulk.asked.request().remote);
    return request;
}

// False: it has to wait for a domain that is being made.
bool WebGate::send_line(Now now, uint64_t number, Bulk& bulk, ports::Outbox& out) {
    const size_t index = bulk.next;
    auto parts = bulk_line_of(bulk.lines[index]);
    const auto is_being_made = [&](const std::string& domain) {
        return !domain.empty() && bulk.being_made.contains(domain);
    };
    if (parts && (is_being_made(parts->domain) || is_being_made(parts->parent))) return false;
    ++bulk.next;
    auto request = parts ? line_request(bulk, std::move(*parts)) : parts.error();
    const auto store = around_.directory.active_of_site(RoleKind::Store);
    if (request && !store)
        request = make_error(ErrorCode::Unavailable, "", "nobody who could answer can be reached");
    if (!request) {
        bulk.answers[index] =
            bulk_answer(index + 1, http_status_of(request.error()), request.error());
        return true;
    }
    BulkLine sent{number, index, {}, std::nullopt};
    if (request->kind == "domain")
        sent.made = model::text_member(request->body, "name").value_or("");
    if (!sent.made.empty()) bulk.being_made.insert(sent.made);
    const uint64_t id = ++last_request_;
    deadlines_.emplace_back(now.mono + reply_deadline, id);
    ++bulk.in_flight;
    const auto password = request->kind == "user" ? model::text_member(request->body, "password")
                                                  : std::optional<std::string>();
    if (password && !password->empty()) {
        sent.prepared = std::move(*request);
        out.send(around_.self, ports::kPasswords, ports::PasswordCheck{*password, {}}, id);
    } else {
        out.send(around_.self, *store, std::move(*request), id);
    }
    bulk_lines_.emplace(id, std::move(sent));
    return true;
}

bool WebGate::on_bulk_answer(Now now, uint64_t request, const ports::Payload& payload,
                             ports::Outbox& out) {
    const auto found = bulk_lines_.find(request);
    if (found == bulk_lines_.end()) return false;
    BulkLine& line = found->second;
    const auto* checked = get_if<ports::PasswordChecked>(&payload);
    const auto store = around_.directory.active_of_site(RoleKind::Store);
    if (checked != nullptr && !checked->error && line.prepared && store) {
        line.prepared->password_hash = checked->hash;
        out.send(around_.self, *store, std::move(*line.prepared), request);
        line.prepared.reset();
        return true;
    }
    std::string answer;
    const size_t number = line.line + 1;
    if (const auto* reply = get_if<ports::EntityReply>(&payload)) {
        answer = reply->error ? bulk_answer(number, http_status_of(*reply->error), *reply->error)
                              : bulk_answer(number, 201, id_in(reply->json));
    } else {
        const auto* gone = get_if<ports::Unreachable>(&payload);
        const bool is_unknown = gone != nullptr && !gone->who;
        answer = bulk_answer(number, is_unknown ? 504 : 503,
                             make_error(ErrorCode::Unavailable, "",
                                        is_unknown ? "no answer came in time: send it again"
                                                   : "nothing was done: send it again"));
    }
    const uint64_t bulk = line.bulk;
    Bulk& whole = bulks_.at(bulk);
    whole.answers[line.line] = std::move(answer);
    if (!line.made.empty()) whole.being_made.erase(whole.being_made.find(line.made));
    --whole.in_flight;
    bulk_lines_.erase(found);
    go_on_with_bulk(now, bulk, out);
    return true;
}

}  // namespace tandem::roles::web_gate
