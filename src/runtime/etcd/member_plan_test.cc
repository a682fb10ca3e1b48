#include "runtime/etcd/member_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace tandem::runtime {
namespace {

using Kind = MemberStep::Kind;

std::string url_of(const std::string& name) {
    return "https://" + name;
}

// Servers: "A" up, "A!" down, "A-" its data are lost.
// Members: "A*" voter that leads, "A" voter, "A+" learner, "A?" learner not started; '!' appended:
// down.
std::vector<PlanMember> members(const std::vector<std::string>& texts) {
    std::vector<PlanMember> list;
    for (const std::string& text : texts) {
        PlanMember member;
        member.id = static_cast<uint64_t>(text[0]);
        member.name = text.substr(0, 1);
        member.peer_url = url_of(member.name);
        if (text.find('?') != std::string::npos) member.name.clear();
        if (text.find_first_of("+?") != std::string::npos) member.kind = PlanMember::Kind::Learner;
        if (text.find_first_of("!?") != std::string::npos) member.health = Health::Down;
        member.leads = text.find('*') != std::string::npos;
        list.push_back(member);
    }
    return list;
}

std::vector<PlanServer> servers(const std::vector<std::string>& texts) {
    std::vector<PlanServer> list;
    for (const std::string& text : texts) {
        const std::string name = text.substr(0, 1);
        list.push_back({name, url_of(name), Health::Up, PlanServer::Data::Kept});
        if (text.find('!') != std::string::npos) list.back().health = Health::Down;
        if (text.find('-') != std::string::npos) list.back().data = PlanServer::Data::Lost;
    }
    return list;
}

std::string text_of(const MemberStep& step) {
    const std::string who = step.id != 0 ? std::string(1, static_cast<char>(step.id)) : step.name;
    switch (step.kind) {
        case Kind::Done:
            return "done";
        case Kind::Wait:
            return "wait";
        case Kind::AddLearner:
            return "add " + who;
        case Kind::Promote:
            return "promote " + who;
        case Kind::Remove:
            return "remove " + who;
        case Kind::Update:
            return "update " + who;
        case Kind::MoveLeader:
            return "lead " + who;
    }
    return {};
}

TEST(MemberPlan, TakesOneStepAtATime) {
    const struct {
        const char* what;
        std::vector<std::string> present;
        std::vector<std::string> wished;
        const char* step;
    } cases[] = {
        {"one server", {"A*"}, {"A"}, "done"},
        {"two servers have one voter", {"A*"}, {"A", "B"}, "done"},
        {"the third server brings the second voter", {"A*"}, {"A", "B", "C"}, "add B"},
        {"not on a server that is down", {"A*"}, {"A", "B!", "C"}, "add C"},
        {"a learner that has not started", {"A*", "B?"}, {"A", "B", "C"}, "wait"},
        {"a learner that is up", {"A*", "B+"}, {"A", "B", "C"}, "promote B"},
        {"then the third", {"A*", "B"}, {"A", "B", "C"}, "add C"},
        {"three voters", {"A*", "B", "C"}, {"A", "B", "C"}, "done"},
        {"a fourth server is no member", {"A*", "B", "C"}, {"A", "B", "C", "D"}, "done"},
        {"a voter that is merely down stays", {"A*", "B", "C!"}, {"A", "B", "C", "D"}, "done"},
        {"one that is gone for good goes", {"A*", "B", "C!"}, {"A", "B", "D"}, "remove C"},
        {"and is replaced", {"A*", "B"}, {"A", "B", "D"}, "add D"},
        {"a live one is replaced before it goes", {"A*", "B", "C"}, {"A", "B", "D"}, "add D"},
        {"four for a moment", {"A*", "B", "C", "D+"}, {"A", "B", "D"}, "promote D"},
        {"then it goes", {"A*", "B", "C", "D"}, {"A", "B", "D"}, "remove C"},
        {"a leader hands over first", {"A", "B", "C*", "D"}, {"A", "B", "D"}, "lead A"},
        {"back to two servers: to one voter", {"A*", "B", "C"}, {"A", "B"}, "remove B"},
        {"the dead one first", {"A*", "B", "C!"}, {"A", "B"}, "remove C"},
        {"the leader is who stays", {"A", "B*"}, {"A", "B"}, "remove A"},
        {"back to another server", {"A*"}, {"B"}, "add B"},
        {"never the live one beside a dead one", {"A*", "B!", "C"}, {"A", "B", "D!"}, "wait"},
        {"lost data cost the member", {"A*", "B!", "C"}, {"A", "B-", "C"}, "remove B"},
        {"then it comes anew", {"A*", "C"}, {"A", "B-", "C"}, "add B"},
        {"not one that is up all the same", {"A*", "B", "C"}, {"A", "B-", "C"}, "done"},
        {"an unwished learner goes", {"A*", "B+"}, {"A", "C", "D"}, "remove B"},
        {"quorum lost", {"A", "B!", "C!"}, {"A", "B", "C"}, "wait"},
        {"quorum lost of two", {"A", "B!"}, {"A"}, "wait"},
        {"nothing wished", {"A*"}, {}, "wait"},
    };
    for (const auto& c : cases)
        EXPECT_EQ(text_of(next_member_step(members(c.present), servers(c.wished))), c.step)
            << c.what;
}

TEST(MemberPlan, SaysWhatIsMissing) {
    const MemberStep step = next_member_step(members({"A", "B!", "C!"}), servers({"A", "B", "C"}));
    EXPECT_EQ(step.reason, "the quorum is lost: 1 of 3 voters are up, 2 are needed");
}

TEST(MemberPlan, FollowsAnAddressThatChanged) {
    auto wished = servers({"A", "B", "C"});
    wished[1].peer_url = "https://elsewhere";
    const MemberStep step = next_member_step(members({"A*", "B!", "C"}), wished);
    EXPECT_EQ(text_of(step), "update B");
    EXPECT_EQ(step.peer_url, "https://elsewhere");
}

// Carries the step out, as etcd would.
void perform(const MemberStep& step, std::vector<PlanMember>& present) {
    const auto concerned = std::find_if(present.begin(), present.end(),
                                        [&](const auto& member) { return member.id == step.id; });
    switch (step.kind) {
        case Kind::Done:
        case Kind::Wait:
        case Kind::Update:
            return;
        case Kind::AddLearner:
            present.push_back(members({step.name + "+"}).front());
            return;
        case Kind::Promote:
            concerned->kind = PlanMember::Kind::Voter;
            return;
        case Kind::Remove:
            present.erase(concerned);
            return;
        case Kind::MoveLeader:
            for (PlanMember& member : present) member.leads = member.id == step.id;
            return;
    }
}

size_t count(const std::vector<PlanMember>& present, bool up_only) {
    return static_cast<size_t>(
        std::count_if(present.begin(), present.end(), [&](const PlanMember& member) {
            return member.kind == PlanMember::Kind::Voter &&
                   (!up_only || member.health == Health::Up);
        }));
}

// Any start with a quorum, any wish: every step keeps the quorum, and it comes to an end.
TEST(MemberPlan, NeverLosesTheQuorumAndArrives) {
    SeededRng rng(4);
    size_t arrived = 0;
    for (int round = 0; round < 5'000; ++round) {
        const std::string names = "ABCDEF";
        std::vector<std::string> present_texts;
        std::vector<std::string> wished_texts;
        std::vector<std::string> down;
        for (const char name : names) {
            if (rng.below(4) == 0) down.emplace_back(1, name);
            const std::string mark = !down.empty() && down.back()[0] == name ? "!" : "";
            if (rng.below(2) == 0 && present_texts.size() < 4) present_texts.push_back(name + mark);
            if (rng.below(2) == 0) wished_texts.push_back(name + mark);
        }
        auto present = members(present_texts);
        const auto leader = std::find_if(present.begin(), present.end(), [](const auto& member) {
            return member.health == Health::Up;
        });
        if (count(present, true) < quorum_of(count(present, false)) || wished_texts.empty())
            continue;
        leader->leads = true;
        const auto wished = servers(wished_texts);
        MemberStep step;
        int steps = 0;
        do {
            step = next_member_step(present, wished);
            perform(step, present);
            ASSERT_GE(count(present, true), quorum_of(count(present, false))) << "round " << round;
            ASSERT_LE(present.size() - count(present, false), 1u) << "one learner at a time";
        } while (step.kind != Kind::Done && step.kind != Kind::Wait && ++steps < 40);
        ASSERT_LT(steps, 40) << "round " << round;
        if (!down.empty()) continue;
        ASSERT_EQ(step.kind, Kind::Done) << "round " << round << ": " << step.reason;
        EXPECT_EQ(present.size(), voters_wished(wished.size()));
        ++arrived;
    }
    EXPECT_GT(arrived, 100u);
}

}  // namespace
}  // namespace tandem::runtime
