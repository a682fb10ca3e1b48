// Where calls would go, and what is odd about the rules that say so.
#include <boost/json.hpp>

#include "base/json_text.h"
#include "roles/web_gate/asking.h"
#include "roles/web_gate/request_checks.h"
#include "roles/web_gate/views.h"
#include "routing/dial_plan_check.h"
#include "routing/expectation.h"
#include "store/catalog.h"

namespace tandem::roles::web_gate {
namespace {

namespace json = boost::json;

Result<ports::RouteTest> route_test_of(std::string_view body, std::string_view domain) {
    const auto members =
        TRY(text_members(body, {"domain", "caller", "dialled", "direction", "at"}));
    ports::RouteTest test{members[0], members[1], members[2], members[3]};
    if (!domain.empty()) test.domain = domain;
    for (const auto& [name, value] :
         {std::pair<std::string_view, std::string_view>{"domain", test.domain},
          {"caller", test.caller},
          {"dialled", test.dialled}}) {
        if (value.empty()) return make_error(ErrorCode::Missing, name, "this field is required");
    }
    test.at_ms = TRY(time_in(members[4], "at"));
    return test;
}

// Of what another domain has set, these name nothing.
bool is_told_to_others(std::string_view step) {
    for (const std::string_view each : {"cross", "router", "representation", "refuse", "redial"})
        if (step == each) return true;
    return false;
}

}  // namespace

std::string without_elsewhere(std::string_view route) {
    json::value whole = json::parse(json::string_view(route.data(), route.size()));
    bool is_elsewhere = false;
    json::array told;
    for (json::value& each : whole.at("steps").as_array()) {
        const json::string& step = each.at("step").as_string();
        is_elsewhere = is_elsewhere || step == "cross";
        if (!is_elsewhere || is_told_to_others({step.data(), step.size()})) told.push_back(each);
    }
    whole.at("steps") = std::move(told);
    if (!is_elsewhere) return json::serialize(whole);
    for (json::value& each : whole.at("destinations").as_array()) {
        for (const std::string_view id : {"account", "trunk"}) {
            json::value* told_id = each.as_object().if_contains({id.data(), id.size()});
            if (told_id != nullptr) *told_id = "";
        }
    }
    return json::serialize(whole);
}

void WebGate::test_route(Now now, Incoming incoming, ports::Outbox& out) {
    auto test = route_test_of(incoming.request().body, incoming.match.domain);
    if (!test) {
        respond(incoming.letter, problem(test.error()), out);
        return;
    }
    const auto domain = find_domain(around_.catalog, test->domain);
    const NeededRight right{model::Resource::Routing, model::Verb::Read};
    if (!domain || !may(around_.catalog, incoming.principal, *domain, right)) {
        const bool in_path = !incoming.match.domain.empty();
        const Error unknown = make_error(ErrorCode::NotFound, "domain", "does not exist");
        return respond(incoming.letter, problem(in_path ? 404 : 422, unknown), out);
    }
    if (!incoming.principal.is_operator()) test->domain = domain->text();
    test->tells_trunks = may(around_.catalog, incoming.principal, *domain,
                             {model::Resource::Trunks, model::Verb::Read});
    const auto b2b = around_.directory.pick(ports::RoleKind::B2bua, 0);
    ask(now, std::move(incoming), b2b.value_or(ports::Instance{}), std::move(*test), out);
}

// Of its rules, or of its expected routes.
void WebGate::check_dial_plan(Now now, const Incoming& incoming, ports::Outbox& out) {
    if (incoming.match.route->kind == "route_expectation")
        return check_expected_routes(now, incoming, out);
    const auto domain = domain_of(incoming, out);
    if (!domain) return;
    JsonWriter writer;
    writer.begin_object().field("rules");
    writer.value(static_cast<uint64_t>(around_.catalog.count<model::DialRule>(*domain)));
    writer.field("findings").begin_list();
    for (const model::DialFinding& each : routing::check_dial_plan(around_.catalog, *domain))
        writer.raw(model::encode(each, model::Audience::Api));
    ports::HttpResponse response;
    response.body = writer.end_list().end_object().take();
    respond(incoming.letter, std::move(response), out);
}

void WebGate::check_expected_routes(Now now, const Incoming& incoming, ports::Outbox& out) {
    const auto domain = domain_of(incoming, out);
    if (!domain) return;
    JsonWriter writer;
    writer.begin_object().field("items").begin_list();
    bool all_hold = true;
    for (const auto& each : routing::check_routes(around_.catalog, *domain, now.utc)) {
        writer.begin_object().field("name").value(each.name);
        writer.field("holds").value(each.holds);
        writer.field("expected").value(each.expected);
        writer.field("found").value(each.found.text()).end_object();
        all_hold = all_hold && each.holds;
    }
    ports::HttpResponse response;
    response.body = writer.end_list().field("all_hold").value(all_hold).end_object().take();
    respond(incoming.letter, std::move(response), out);
}

}  // namespace tandem::roles::web_gate
