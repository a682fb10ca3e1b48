#include "routing/outside.h"

#include <algorithm>

#include "model/generated/trunk.h"
#include "model/generated/trunk_group.h"
#include "routing/numbering.h"
#include "routing/trunk_choice.h"
#include "routing/trunk_numbers.h"
#include "store/catalog.h"

namespace tandem::routing {

namespace {

model::NumberingSettings numbering_of(const store::Catalog& catalog, DomainId domain) {
    const auto* entity = catalog.find_domain(domain);
    return entity == nullptr ? model::NumberingSettings{} : entity->settings.numbering;
}

// Of the outlet, in the order of trying.
std::vector<const model::Trunk*> trunks_of(const store::Catalog& catalog, const Question& question,
                                           const Outlet& outlet, const std::string& number) {
    std::vector<TrunkId> order;
    if (outlet.trunk) order.push_back(*outlet.trunk);
    const auto* group =
        outlet.group ? catalog.find<model::TrunkGroup>(outlet.domain, *outlet.group) : nullptr;
    if (group != nullptr) {
        const std::string abroad =
            international(numbering_of(catalog, outlet.domain), number).value_or("");
        order = in_order(catalog, *group, {number, abroad}, question.dice);
    }
    std::vector<const model::Trunk*> trunks;
    for (const TrunkId id : order) {
        const auto* trunk = catalog.find<model::Trunk>(outlet.domain, id);
        if (trunk != nullptr && trunk->enabled && id != question.trunk) trunks.push_back(trunk);
    }
    return trunks;
}

void note_trunk(const model::Trunk& trunk, const Outlet& outlet, const std::string& called,
                const std::string& number, Route& route) {
    std::string text = outlet.is_told ? "It goes over the trunk " + trunk.name
                                      : std::string("It goes over a trunk of that domain");
    if (outlet.is_told && called != number) text += ", where the number is " + called;
    route.steps.push_back({"trunk", text + "."});
}

}  // namespace

void add_trunks(const store::Catalog& catalog, const Question& question, const Outlet& outlet,
                const std::string& number, Route& route) {
    const auto numbering = numbering_of(catalog, outlet.domain);
    const auto* group =
        outlet.group ? catalog.find<model::TrunkGroup>(outlet.domain, *outlet.group) : nullptr;
    const auto trunks = trunks_of(catalog, question, outlet, number);
    for (const model::Trunk* trunk : trunks) {
        Stage stage;
        Target& outside = stage.targets.emplace_back();
        outside.domain = outlet.domain;
        outside.number = adapted(trunk->called_out, numbering, number);
        outside.trunk = trunk->id;
        outside.trunk_group = outlet.group;
        note_trunk(*trunk, outlet, outside.number, number, route);
        // The last one is waited for as anybody is.
        if (group != nullptr && trunk != trunks.back()) stage.ring_for = group->answer_within;
        route.stages.push_back(std::move(stage));
    }
}

namespace {

// Over the domain's default trunk, or group of them, if it is a number that somebody outside may
// have.
void lead_outside(const store::Catalog& catalog, const Question& question,
                  const std::string& number, Route& route) {
    const bool is_number =
        std::ranges::all_of(number, [](char c) { return (c >= '0' && c <= '9') || c == '+'; });
    const auto* domain = catalog.find_domain(question.domain);
    if (!is_number || domain == nullptr) return;
    const model::DomainSettings& settings = domain->settings;
    if (!settings.default_trunk && !settings.default_trunk_group) return;
    route.steps.push_back({"outside", "No account of the domain has the number " + number + "."});
    add_trunks(catalog, question,
               {question.domain, settings.default_trunk, settings.default_trunk_group}, number,
               route);
}

// The number that the trunk calls when nobody has the one that came over it.
std::optional<Route> call_instead(const store::Catalog& catalog, const Question& question,
                                  const std::string& number, const Route& route) {
    const auto* trunk = catalog.find_trunk(question.trunk);
    if (trunk == nullptr || trunk->incoming_number.empty()) return std::nullopt;
    const bool has_called =
        trunk->incoming_number == number || trunk->incoming_number == question.dialled;
    if (has_called) return std::nullopt;
    Question instead = question;
    instead.dialled = trunk->incoming_number;
    Route found = routing::route(catalog, instead);
    std::vector<Step> steps = route.steps;
    steps.push_back({"trunk", "Nobody has " + number + ", so the trunk " + trunk->name + " calls " +
                                  trunk->incoming_number + "."});
    found.steps.insert(found.steps.begin(), steps.begin(), steps.end());
    return found;
}

}  // namespace

std::optional<Route> leave_or_enter(const store::Catalog& catalog, const Question& question,
                                    const std::string& number, const Route& route) {
    if (!question.trunk.is_nil()) return call_instead(catalog, question, number, route);
    if (question.kind == Question::Kind::Message) return std::nullopt;
    Route out = route;
    lead_outside(catalog, question, number, out);
    return out.stages.empty() ? std::nullopt : std::optional(std::move(out));
}

}  // namespace tandem::routing
