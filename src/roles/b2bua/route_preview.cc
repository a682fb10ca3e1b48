// What would happen to a call, without making one.
#include "base/json_text.h"
#include "roles/b2bua/b2bua_role.h"
#include "routing/route.h"

namespace tandem::roles::b2bua {

namespace {

using model::DialDirection;
using routing::Question;

const store::Entity<model::Domain>* domain_named(const store::Catalog& catalog,
                                                 const std::string& name) {
    const auto* domain = catalog.find_domain(name);
    if (domain != nullptr) return domain;
    const auto id = DomainId::parse(name);
    return id ? catalog.find_domain(*id) : nullptr;
}

// A call of the domain's own comes from one of its accounts; any other from whatever number is
// named.
Result<Question> question_of(const store::Catalog& catalog, const ports::RouteTest& test,
                             DomainId domain, UtcTime now) {
    Question question{domain, {}, test.dialled, test.at_ms == 0 ? now : UtcTime{test.at_ms}};
    question.detail = routing::Detail::Explained;
    if (!test.direction.empty()) {
        const auto direction = model::parse_dial_direction(test.direction);
        if (!direction)
            return make_error(ErrorCode::OutOfRange, "direction",
                              "must be one of inner, outer, cross");
        question.direction = *direction;
    }
    if (question.direction != DialDirection::Inner) {
        question.caller_number = test.caller;
        return question;
    }
    const auto* caller = catalog.find_account_by_login(domain, test.caller);
    if (caller == nullptr) caller = catalog.find_account_by_number(domain, test.caller);
    if (caller == nullptr) return make_error(ErrorCode::NotFound, "caller", "does not exist");
    question.caller = caller->id;
    return question;
}

std::string json_of(const store::Catalog& catalog, const routing::Route& route) {
    JsonWriter json;
    json.begin_object().field("steps").begin_list();
    for (const routing::Step& each : route.steps) {
        json.begin_object().field("step").value(each.step);
        json.field("reason").value(each.reason).end_object();
    }
    json.end_list().field("destinations").begin_list();
    for (const routing::Stage& stage : route.stages) {
        for (const routing::Target& target : stage.targets) {
            const auto* domain = catalog.find_domain(target.domain);
            json.begin_object().field("domain").value(domain == nullptr ? "" : domain->name);
            if (target.trunk)
                json.field("trunk").value(target.trunk->text());
            else
                json.field("account").value(target.account.text());
            json.field("number").value(target.number);
            json.field("display_name").value(target.name).end_object();
        }
    }
    json.end_list().field("sip_status").value(route.refusal);
    if (!route.refusal_reason.empty()) json.field("sip_reason").value(route.refusal_reason);
    if (route.shown) {
        json.field("shown").begin_object().field("number").value(route.shown->number);
        json.field("display_name").value(route.shown->name).end_object();
    }
    return json.end_object().take();
}

}  // namespace

void B2buaRole::on_route_test(Step& step, const ports::Letter& letter) {
    const auto& test = get<ports::RouteTest>(letter.payload);
    ports::RouteTestReply reply;
    const auto* domain = domain_named(around_.catalog, test.domain);
    if (domain == nullptr) {
        reply.error = make_error(ErrorCode::NotFound, "domain", "does not exist");
        return step.out.reply(letter, std::move(reply));
    }
    auto question = question_of(around_.catalog, test, domain->id, step.now.utc);
    if (question) {
        question->turns = &group_turns_;
        question->talks = &talks_;
        question->plans = &plans_;
        reply.json = json_of(around_.catalog, routing::route(around_.catalog, *question));
    } else {
        reply.error = question.error();
    }
    step.out.reply(letter, std::move(reply));
}

}  // namespace tandem::roles::b2bua
