// What the death of a server, a node or an instance would cost.
#include <algorithm>
#include <set>

#include "cluster/layout_index.h"
#include "cluster/plan.h"

namespace tandem::cluster {
namespace {

using model::RoleCode;
using model::RoleInstance;
using Instances = std::vector<const RoleInstance*>;

bool is_hit(const Subject& subject, const RoleInstance& instance) {
    switch (subject.kind) {
        case Subject::Kind::Server:
            return instance.server == subject.server;
        case Subject::Kind::Node:
            return instance.node == subject.node;
        case Subject::Kind::Instance:
            return instance.id == subject.instance;
    }
    return false;
}

std::string subject_name(const Layout& layout, const Subject& subject) {
    switch (subject.kind) {
        case Subject::Kind::Server:
            return "server " + server_name(layout, subject.server);
        case Subject::Kind::Node:
            return "node " + std::to_string(subject.node);
        case Subject::Kind::Instance:
            break;
    }
    for (const RoleInstance& each : layout.instances)
        if (each.id == subject.instance) return name_of(each);
    return subject.instance.text();
}

Instances of_role(const Instances& all, RoleCode role) {
    Instances found;
    std::copy_if(all.begin(), all.end(), std::back_inserter(found),
                 [&](const RoleInstance* each) { return each->role == role; });
    return found;
}

int64_t contexts_of(const Instances& all) {
    int64_t total = 0;
    for (const RoleInstance* each : of_role(all, RoleCode::Mg))
        total += each->media_gate.value_or(model::MediaGateSettings{}).contexts_max;
    return total;
}

// Groups whose active copy is hit; the preferred copy is taken to be active.
void find_switches(const Instances& before, const Instances& after, Loss& loss) {
    for (const GroupKey& group : groups_of(before)) {
        const Instances copies = copies_of(before, group);
        if (!is_hit(loss.subject, *copies.front())) continue;
        const Instances left = copies_of(after, group);
        loss.switches.push_back(
            {group.first, group.second, left.empty() ? RoleInstanceId{} : left.front()->id});
    }
}

std::vector<std::string> say_switches(const Layout& layout, const Instances& before,
                                      const Loss& loss) {
    std::vector<std::string> lines;
    for (const Switch& each : loss.switches) {
        const GroupKey key(each.role, each.group);
        const std::string name = name_of(before, key);
        const bool has_others = name != model::to_string(each.role);
        const std::string group = has_others ? name : name + " " + std::to_string(each.group);
        if (each.to.is_nil()) {
            lines.push_back(group + " has no other copy" +
                            (has_others ? ", and its domains wait for it" : ""));
            continue;
        }
        const auto to = std::find_if(layout.instances.begin(), layout.instances.end(),
                                     [&](const RoleInstance& one) { return one.id == each.to; });
        lines.push_back(group + " switches to " + name_of(*to) + " on server " +
                        server_name(layout, to->server));
    }
    return lines;
}

// Answered calls live on in another B2B, if they are kept and one is there.
bool calls_survive(const Instances& before, const Instances& after, const Subject& subject) {
    const Instances left = of_role(after, RoleCode::B2b);
    const Instances all = of_role(before, RoleCode::B2b);
    return std::all_of(all.begin(), all.end(), [&](const RoleInstance* each) {
        if (!is_hit(subject, *each)) return true;
        const auto settings = each->b2bua.value_or(model::B2buaSettings{});
        return settings.survival != model::Survival::None && !left.empty();
    });
}

std::vector<std::string> say_rest(const Instances& before, const Instances& after,
                                  const Loss& loss) {
    std::vector<std::string> lines;
    if (!loss.roles_gone.empty()) {
        std::vector<std::string> names;
        names.reserve(loss.roles_gone.size());
        for (const RoleCode role : loss.roles_gone) names.emplace_back(model::to_string(role));
        lines.push_back("no " + enumerate(names) + " is left");
    }
    if (loss.media_left_percent < 100)
        lines.push_back(std::to_string(loss.media_left_percent) + " % of media capacity is left");
    if (of_role(before, RoleCode::B2b).size() != of_role(after, RoleCode::B2b).size())
        lines.emplace_back(loss.answered_calls_survive ? "0 answered calls are lost"
                                                       : "its answered calls are lost");
    return lines;
}

}  // namespace

Loss loss_of(const Layout& layout, const Subject& subject) {
    const Instances before = running(layout);
    Instances after;
    std::copy_if(before.begin(), before.end(), std::back_inserter(after),
                 [&](const RoleInstance* each) { return !is_hit(subject, *each); });
    Loss loss;
    loss.subject = subject;
    find_switches(before, after, loss);
    std::set<RoleCode> gone;
    for (const RoleInstance* each : before) gone.insert(each->role);
    for (const RoleInstance* each : after) gone.erase(each->role);
    loss.roles_gone.assign(gone.begin(), gone.end());
    const int64_t contexts = contexts_of(before);
    if (contexts > 0)
        loss.media_left_percent = static_cast<int>(contexts_of(after) * 100 / contexts);
    loss.answered_calls_survive = calls_survive(before, after, subject);
    std::vector<std::string> lines = say_switches(layout, before, loss);
    for (std::string& line : say_rest(before, after, loss)) lines.push_back(std::move(line));
    loss.text = "If " + subject_name(layout, subject) + " dies: ";
    if (lines.empty()) loss.text += "nothing is interrupted";
    for (size_t i = 0; i < lines.size(); ++i) loss.text += (i > 0 ? ", " : "") + lines[i];
    loss.text += ".";
    return loss;
}

std::vector<Loss> losses(const Layout& layout) {
    std::vector<Loss> all;
    const Instances instances = running(layout);
    std::set<std::pair<ServerId, int>> nodes;
    for (const RoleInstance* each : instances) nodes.emplace(each->server, each->node);
    const auto nodes_of = [&](ServerId server) {
        return std::count_if(nodes.begin(), nodes.end(),
                             [&](const auto& node) { return node.first == server; });
    };
    for (const model::Server& server : layout.servers)
        if (nodes_of(server.id) > 0)
            all.push_back(loss_of(layout, {Subject::Kind::Server, server.id, 0, {}}));
    for (const auto& [server, node] : nodes)
        if (nodes_of(server) > 1)
            all.push_back(loss_of(layout, {Subject::Kind::Node, server, node, {}}));
    for (const RoleInstance* each : instances) {
        const auto neighbours =
            std::count_if(instances.begin(), instances.end(),
                          [&](const RoleInstance* one) { return one->node == each->node; });
        if (neighbours > 1)
            all.push_back(
                loss_of(layout, {Subject::Kind::Instance, each->server, each->node, each->id}));
    }
    return all;
}

}  // namespace tandem::cluster
