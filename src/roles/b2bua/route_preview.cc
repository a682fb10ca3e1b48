// What would happen to a call, without making one.
#include "base/json_text.h"
#include "call/outside_of.h"
#include "roles/b2bua/b2bua_role.h"
#include "roles/b2bua/place_prefixes.h"
#include "routing/route.h"
#include "store/catalog_names.h"

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
    const auto* caller = store::account_by_login_or_number(catalog, domain, test.caller);
    if (caller == nullptr) return make_error(ErrorCode::NotFound, "caller", "does not exist");
    question.caller = caller->id;
    return question;
}

enum class Trunks : uint8_t { Told, NotForWhoAsks };

// What would be sent over a trunk of the domain that is asked about, and to whom, in this order.
// Another domain's is named by its id alone, as to who may not read trunks.
void add_trunk(JsonWriter& json, const store::Catalog& catalog, const call::CallFacts& facts,
               const routing::Target& target, Trunks trunks) {
    json.field("trunk").value(target.trunk->text());
    const auto* trunk = catalog.find_trunk(*target.trunk);
    if (trunk == nullptr || trunk->domain != facts.domain) return;
    if (trunks == Trunks::NotForWhoAsks) return;
    const SealKey none{};  // nothing is proved here
    const call::Outside outside = call::outside_of(*trunk, nullptr, {catalog, none, facts});
    json.field("trunk_name").value(trunk->name);
    json.field("request_uri").value("sip:" + target.number + "@" + outside.domain);
    json.field("from").value(outside.from);
    if (!outside.identity.empty()) json.field("identity").value(outside.identity);
    json.field("proxies").begin_list();
    for (const std::string& proxy : trunk->proxies) json.value(proxy);
    json.end_list();
}

std::string_view name_of(routing::JoinWish::Kind kind) {
    switch (kind) {
        case routing::JoinWish::Kind::Listen:
            return "listen";
        case routing::JoinWish::Kind::Whisper:
            return "whisper";
        case routing::JoinWish::Kind::Barge:
            return "barge";
    }
    return {};
}

// Who calls, as far as it matters to a trunk.
call::CallFacts facts_of(const store::Catalog& catalog, const Question& question,
                         const routing::Route& route, const routing::Stage& stage) {
    call::CallFacts facts;
    facts.domain = question.domain;
    facts.caller_number = question.caller_number;
    const auto* caller =
        question.caller.is_nil() ? nullptr : catalog.find_account(question.domain, question.caller);
    if (caller != nullptr) {
        facts.caller_number = caller->number().empty() ? caller->login() : caller->number();
        facts.caller_name = caller->display_name();
    }
    const auto& shown = stage.shown ? stage.shown : route.shown;
    if (shown) facts.shown = call::ShownCaller{shown->number, shown->name};
    return facts;
}

std::string json_of(const store::Catalog& catalog, const Question& question,
                    const routing::Route& route, Trunks trunks) {
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
                add_trunk(json, catalog, facts_of(catalog, question, route, stage), target, trunks);
            else
                json.field("account").value(target.account.text());
            json.field("number").value(target.number);
            json.field("display_name").value(target.name).end_object();
        }
    }
    json.end_list().field("sip_status").value(route.refusal);
    if (!route.refusal_reason.empty()) json.field("sip_reason").value(route.refusal_reason);
    if (route.feature) json.field("feature").value(route.feature->name);
    if (route.join) json.field("feature").value(name_of(route.join->kind));
    if (const routing::Shown* shown = routing::first_shown(route)) {
        json.field("shown").begin_object().field("number").value(shown->number);
        json.field("display_name").value(shown->name).end_object();
    }
    return json.end_object().take();
}

}  // namespace

// What the domain's prefixes mean, where nothing else does: see takes_a_place().
void B2buaRole::explain_place(const model::DomainSettings& settings, const Question& question,
                              routing::Route& route) const {
    if (question.direction != DialDirection::Inner) return;
    const std::string_view dialled = question.dialled;
    const PlaceMeant meant = place_meant(settings, dialled);
    if (meant == PlaceMeant::None) return;
    std::string text;
    if (meant == PlaceMeant::Parked) {
        text = "The call that waits parked in " + std::string(dialled) +
               " is fetched (settings.park_prefix); where none waits, the answer is 480. A call "
               "that is "
               "transferred to it waits there.";
        route.feature = routing::FeatureUse{"park", {}};
    } else {
        const std::string_view number = rung_number(settings, dialled);
        if (!rung_account(around_.catalog, question.domain, number)) {
            route.steps.push_back({"refuse",
                                   "It would pick up a call (settings.pickup_prefix), but no "
                                   "account has the number " +
                                       std::string(number) + "."});
            route.refusal = 404;
            return;
        }
        text = (number.empty() ? std::string("The call that has rung longest in the domain")
                               : "The call that rings at " + std::string(number)) +
               " is picked up (settings.pickup_prefix); where none rings, the answer is 480.";
        route.feature = routing::FeatureUse{"pickup", {}};
    }
    route.refusal = 0;
    route.refusal_reason.clear();
    if (!route.steps.empty() && route.steps.back().step == "refuse") route.steps.pop_back();
    route.steps.push_back({"feature", std::move(text)});
}

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
        question->order = &group_order_;
        question->plans = &plans_;
        routing::Route route = routing::route(around_.catalog, *question);
        if (!routing::leads_somewhere(route)) explain_place(domain->settings, *question, route);
        const Trunks trunks = test.tells_trunks ? Trunks::Told : Trunks::NotForWhoAsks;
        reply.json = json_of(around_.catalog, *question, route, trunks);
    } else {
        reply.error = question.error();
    }
    step.out.reply(letter, std::move(reply));
}

}  // namespace tandem::roles::b2bua
