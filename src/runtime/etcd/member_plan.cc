#include "runtime/etcd/member_plan.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tandem::runtime {
namespace {

using Kind = MemberStep::Kind;

bool is_voter(const PlanMember& member) {
    return member.kind == PlanMember::Kind::Voter;
}

// A member that has not been started has no name yet and is known by its address.
bool is_of(const PlanMember& member, const PlanServer& server) {
    return member.name.empty() ? member.peer_url == server.peer_url : member.name == server.name;
}

class Planner {
 public:
    Planner(const std::vector<PlanMember>& present, const std::vector<PlanServer>& wished)
        : present_(present), wished_(wished) {
        choose_targets();
    }
    MemberStep next() const {
        if (wished_.empty()) return {Kind::Wait, 0, {}, {}, "no server is wished"};
        if (!has_quorum()) return {Kind::Wait, 0, {}, {}, quorum_is_lost()};
        using Rule = std::optional<MemberStep> (Planner::*)() const;
        // What makes the cluster safer comes first, what makes it smaller last.
        for (const Rule rule :
             {&Planner::drop_learners, &Planner::drop_lost, &Planner::drop_dead, &Planner::update,
              &Planner::promote, &Planner::add, &Planner::drop_surplus})
            if (auto step = (this->*rule)()) return std::move(*step);
        return {};
    }

 private:
    const PlanMember* member_of(const PlanServer& server) const {
        const auto found =
            std::find_if(present_.begin(), present_.end(),
                         [&](const PlanMember& member) { return is_of(member, server); });
        return found == present_.end() ? nullptr : &*found;
    }
    // Lower is better: voters stay, the leader before others; a new member has to be up.
    int rank(const PlanServer& server) const {
        const PlanMember* member = member_of(server);
        if (member == nullptr) return server.health == Health::Up ? 4 : 5;
        if (!is_voter(*member)) return 3;
        if (member->health == Health::Down) return 2;
        return member->leads ? 0 : 1;
    }
    void choose_targets() {
        for (const PlanServer& server : wished_) targets_.push_back(&server);
        std::stable_sort(
            targets_.begin(), targets_.end(),
            [this](const PlanServer* a, const PlanServer* b) { return rank(*a) < rank(*b); });
        targets_.resize(std::min(targets_.size(), voters_wished(wished_.size())));
    }
    bool is_target(const PlanMember& member) const {
        return std::any_of(targets_.begin(), targets_.end(),
                           [&](const PlanServer* server) { return is_of(member, *server); });
    }
    size_t voters() const {
        return static_cast<size_t>(std::count_if(present_.begin(), present_.end(), is_voter));
    }
    size_t healthy_voters() const {
        return static_cast<size_t>(
            std::count_if(present_.begin(), present_.end(), [](const PlanMember& member) {
                return is_voter(member) && member.health == Health::Up;
            }));
    }
    bool has_quorum() const { return healthy_voters() >= quorum_of(voters()); }
    std::string quorum_is_lost() const {
        return "the quorum is lost: " + std::to_string(healthy_voters()) + " of " +
               std::to_string(voters()) + " voters are up, " + std::to_string(quorum_of(voters())) +
               " are needed";
    }
    // Whether the others can go on without this one.
    bool can_go(const PlanMember& member) const {
        if (!is_voter(member)) return true;
        const size_t healthy = healthy_voters() - (member.health == Health::Up ? 1 : 0);
        return voters() > 1 && healthy >= quorum_of(voters() - 1);
    }
    static MemberStep removal(const PlanMember& member, std::string reason) {
        return {Kind::Remove, member.id, member.name, {}, std::move(reason)};
    }

    std::optional<MemberStep> drop_learners() const {
        for (const PlanMember& member : present_)
            if (!is_voter(member) && !is_target(member))
                return removal(member, "the learner is not wished");
        return std::nullopt;
    }
    // Such a member can't come back under its number: it has forgotten what it voted for.
    std::optional<MemberStep> drop_lost() const {
        for (const PlanServer& server : wished_) {
            const PlanMember* member = member_of(server);
            if (server.data == PlanServer::Data::Kept || member == nullptr) continue;
            if (member->health == Health::Up || !can_go(*member)) continue;
            return removal(*member, "its data are lost");
        }
        return std::nullopt;
    }
    std::optional<MemberStep> drop_dead() const {
        for (const PlanMember& member : present_) {
            if (!is_voter(member) || is_target(member) || member.health == Health::Up) continue;
            if (can_go(member)) return removal(member, "it is down, and not wished any more");
        }
        return std::nullopt;
    }
    std::optional<MemberStep> update() const {
        for (const PlanServer* server : targets_) {
            const PlanMember* member = member_of(*server);
            if (member == nullptr || member->peer_url == server->peer_url) continue;
            return MemberStep{Kind::Update, member->id, server->name, server->peer_url,
                              "it has another address"};
        }
        return std::nullopt;
    }
    // etcd 3.4 allows one learner at a time.
    std::optional<MemberStep> promote() const {
        for (const PlanMember& member : present_) {
            if (is_voter(member)) continue;
            if (member.health == Health::Down)
                return MemberStep{
                    Kind::Wait, member.id, member.name, {}, "the learner does not answer yet"};
            return MemberStep{Kind::Promote, member.id, member.name, {}, "it is to vote"};
        }
        return std::nullopt;
    }
    std::optional<MemberStep> add() const {
        for (const PlanServer* server : targets_) {
            if (member_of(*server) != nullptr) continue;
            if (server->health == Health::Down)
                return MemberStep{Kind::Wait, 0, server->name, {}, "the server is down"};
            return MemberStep{Kind::AddLearner, 0, server->name, server->peer_url,
                              "a voter is missing"};
        }
        return std::nullopt;
    }
    std::optional<MemberStep> drop_surplus() const {
        for (const PlanMember& member : present_) {
            if (is_target(member)) continue;
            if (!can_go(member))
                return MemberStep{
                    Kind::Wait, member.id, member.name, {}, "without it the quorum would be lost"};
            if (!member.leads) return removal(member, "it is not wished any more");
            return move_leader();
        }
        return std::nullopt;
    }
    std::optional<MemberStep> move_leader() const {
        for (const PlanMember& member : present_)
            if (is_voter(member) && is_target(member) && member.health == Health::Up)
                return MemberStep{
                    Kind::MoveLeader, member.id, member.name, {}, "the leader is to be removed"};
        return MemberStep{Kind::Wait, 0, {}, {}, "no other voter can lead"};
    }

    const std::vector<PlanMember>& present_;
    const std::vector<PlanServer>& wished_;
    std::vector<const PlanServer*> targets_;  // the servers that are to have voters
};

}  // namespace

size_t voters_wished(size_t servers) {
    return servers >= 3 ? 3 : 1;
}

size_t quorum_of(size_t voters) {
    return voters / 2 + 1;
}

MemberStep next_member_step(const std::vector<PlanMember>& present,
                            const std::vector<PlanServer>& wished) {
    return Planner(present, wished).next();
}

}  // namespace tandem::runtime
