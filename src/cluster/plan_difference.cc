// What changes between two layouts, in the order in which it is to be done.
#include <algorithm>
#include <optional>

#include "cluster/layout_index.h"
#include "cluster/plan.h"

namespace tandem::cluster {
namespace {

using model::RoleInstance;

const RoleInstance* find_instance(const Layout& layout, RoleInstanceId id) {
    for (const RoleInstance& each : layout.instances)
        if (each.id == id) return &each;
    return nullptr;
}

const RoleInstance* find_running(const Layout& layout, RoleInstanceId id) {
    const RoleInstance* found = find_instance(layout, id);
    return found != nullptr && runs(layout, *found) ? found : nullptr;
}

std::string place_of(const Layout& layout, const RoleInstance& instance) {
    return "server " + server_name(layout, instance.server) + ", node " +
           std::to_string(instance.node);
}

bool needs_restart(const RoleInstance& before, const RoleInstance& after) {
    const auto a = before.media_gate.value_or(model::MediaGateSettings{});
    const auto b = after.media_gate.value_or(model::MediaGateSettings{});
    return a.rtp_port_min != b.rtp_port_min || a.rtp_port_max != b.rtp_port_max;
}

bool has_heir(const Layout& layout, const RoleInstance& instance) {
    const auto all = running(layout);
    return std::any_of(all.begin(), all.end(), [&](const RoleInstance* each) {
        return each->id != instance.id && each->role == instance.role &&
               (!is_active_passive(each->role) || each->group == instance.group);
    });
}

// What becomes of its work while it is drained. `after`: what starts has started by then.
std::string_view leaves(const Layout& after, const RoleInstance& instance) {
    if (!has_heir(after, instance))
        return is_active_passive(instance.role) ? "there is no other copy to take over"
                                                : "it finishes what it has";
    if (is_active_passive(instance.role)) return "another copy of its group takes over first";
    switch (instance.role) {
        case model::RoleCode::B2b:
            return "its calls move to the other B2Bs";
        case model::RoleCode::Mg:
            return "its calls get another MG";
        case model::RoleCode::Sg:
            return "its phones are served by the other SGs";
        case model::RoleCode::Esg:
            return "its trunks are served by the other ESGs";
        case model::RoleCode::Ws:
        case model::RoleCode::Ivr:
        case model::RoleCode::Conf:
        case model::RoleCode::Svc:
        case model::RoleCode::Sr:
        case model::RoleCode::Mgc:
        case model::RoleCode::Cs:
        case model::RoleCode::St:
            break;
    }
    return "it finishes what it has";
}

std::optional<Change> change_of(const Layout& before, const Layout& after, const RoleInstance& was,
                                const RoleInstance& is) {
    if (was == is) return std::nullopt;
    const std::string name = name_of(is);
    if (was.server != is.server || was.node != is.node)
        return Change{Change::Kind::Move, is.id,
                      "Move " + name + " from " + place_of(before, was) + " to " +
                          place_of(after, is) + "; " + std::string(leaves(after, is)) + "."};
    if (is_active_passive(is.role) && was.group != is.group)
        return Change{Change::Kind::Move, is.id,
                      "Move " + name + " from group " + std::to_string(was.group) + " to group " +
                          std::to_string(is.group) + "; " + std::string(leaves(after, was)) + "."};
    if (needs_restart(was, is))
        return Change{
            Change::Kind::Restart, is.id,
            "Start " + name + " anew with other ports; " + std::string(leaves(after, is)) + "."};
    return Change{Change::Kind::Change, is.id, "Change settings of " + name + "."};
}

// What runs neither before nor after.
void note_the_rest(const Layout& before, const Layout& after, std::vector<Change>& changes) {
    for (const RoleInstance& is : after.instances) {
        if (runs(after, is) || find_running(before, is.id) != nullptr) continue;
        const RoleInstance* was = find_instance(before, is.id);
        if (was != nullptr && *was == is) continue;
        changes.push_back(
            {Change::Kind::Note, is.id,
             "Note " + name_of(is) + " on " + place_of(after, is) + ", which does not run."});
    }
    for (const RoleInstance& was : before.instances)
        if (!runs(before, was) && find_instance(after, was.id) == nullptr)
            changes.push_back(
                {Change::Kind::Note, was.id, "Forget " + name_of(was) + ", which does not run."});
}

}  // namespace

std::vector<Change> difference(const Layout& before, const Layout& after) {
    std::vector<Change> changes;
    for (const RoleInstance* is : running(after)) {
        const RoleInstance* was = find_running(before, is->id);
        if (was == nullptr)
            changes.push_back({Change::Kind::Start, is->id,
                               "Start " + name_of(*is) + " on " + place_of(after, *is) + "."});
        else if (auto change = change_of(before, after, *was, *is))
            changes.push_back(std::move(*change));
    }
    for (const RoleInstance* was : running(before))
        if (find_running(after, was->id) == nullptr)
            changes.push_back({Change::Kind::Stop, was->id,
                               "Drain and stop " + name_of(*was) + " on " + place_of(before, *was) +
                                   "; " + std::string(leaves(after, *was)) + "."});
    note_the_rest(before, after, changes);
    std::stable_sort(changes.begin(), changes.end(),
                     [](const Change& a, const Change& b) { return a.kind < b.kind; });
    return changes;
}

}  // namespace tandem::cluster
