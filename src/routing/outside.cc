#include "routing/outside.h"

#include <algorithm>

#include "model/generated/trunk.h"
#include "model/generated/trunk_group.h"
#include "store/catalog.h"

namespace tandem::routing {

void add_trunks(const store::Catalog& catalog, const Question& question, const std::string& number,
                const std::vector<TrunkId>& trunks, Route& route) {
    for (const TrunkId id : trunks) {
        const auto* trunk = catalog.find<model::Trunk>(question.domain, id);
        if (trunk == nullptr || !trunk->enabled) continue;
        route.steps.push_back({"trunk", "It goes over the trunk " + trunk->name + "."});
        Stage stage;
        Target& outside = stage.targets.emplace_back();
        outside.domain = question.domain;
        outside.number = number;
        outside.trunk = id;
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
    std::vector<TrunkId> trunks;
    if (settings.default_trunk) trunks.push_back(*settings.default_trunk);
    if (settings.default_trunk_group) {
        const auto* group =
            catalog.find<model::TrunkGroup>(question.domain, *settings.default_trunk_group);
        if (group == nullptr) return;
        trunks = group->members;
        if (group->order == model::TrunkOrder::Spread && !trunks.empty()) {
            const auto first = static_cast<ptrdiff_t>(question.dice % trunks.size());
            std::ranges::rotate(trunks, trunks.begin() + first);
        }
    }
    if (trunks.empty()) return;
    route.steps.push_back({"outside", "No account of the domain has the number " + number + "."});
    add_trunks(catalog, question, number, trunks, route);
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
