#include "runtime/etcd/membership.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/etcd/member_flags.h"

namespace tandem::runtime {
namespace {

using Kind = MemberStep::Kind;

// "https://192.0.2.1:2380" -> "192.0.2.1:2380"
std::string address_in(const std::string& url) {
    const size_t scheme = url.find("://");
    return scheme == std::string::npos ? url : url.substr(scheme + 3);
}

}  // namespace

struct EtcdMembership::State : std::enable_shared_from_this<EtcdMembership::State> {
    // One look at the cluster and the step that follows.
    struct Round {
        std::vector<EtcdServer> wished;
        EtcdAdmin::Then<Progress> then;
        std::vector<EtcdMemberEntry> entries;
        std::vector<std::optional<EtcdMemberStatus>> statuses;  // by endpoint
        size_t waiting = 0;
    };

    void look(std::shared_ptr<Round> round);
    void ask_statuses(const std::shared_ptr<Round>& round);
    void decide(const std::shared_ptr<Round>& round);
    void perform(MemberStep step, const std::shared_ptr<Round>& round);
    void end(MemberStep step, const std::shared_ptr<Round>& round, const Result<void>& done);
    std::vector<PlanMember> present(const Round& round) const;
    std::vector<PlanServer> wished(const Round& round) const;
    std::optional<size_t> leader_endpoint(const Round& round) const;
    std::optional<EtcdPeer> peer_of(const EtcdMemberEntry& entry, const Round& round) const;

    EtcdTlsFiles peer_tls;
    std::unique_ptr<EtcdAdmin> admin;
};

void EtcdMembership::State::look(std::shared_ptr<Round> round) {
    admin->members([this, round](Result<std::vector<EtcdMemberEntry>> entries) {
        if (!entries) return round->then(entries.error());
        round->entries = std::move(*entries);
        ask_statuses(round);
    });
}

void EtcdMembership::State::ask_statuses(const std::shared_ptr<Round>& round) {
    round->statuses.resize(admin->endpoint_count());
    round->waiting = admin->endpoint_count();
    for (size_t i = 0; i < admin->endpoint_count(); ++i) {
        admin->status(i, [this, round, i](Result<EtcdMemberStatus> status) {
            if (status) round->statuses[i] = std::move(*status);
            if (--round->waiting == 0) decide(round);
        });
    }
}

std::vector<PlanMember> EtcdMembership::State::present(const Round& round) const {
    std::vector<PlanMember> members;
    for (const EtcdMemberEntry& entry : round.entries) {
        PlanMember member;
        member.id = entry.id;
        member.name = entry.name;
        member.peer_url = entry.peer_urls.empty() ? std::string() : entry.peer_urls.front();
        member.kind = entry.is_learner ? PlanMember::Kind::Learner : PlanMember::Kind::Voter;
        member.health = Health::Down;
        for (const auto& status : round.statuses) {
            if (!status || status->id != entry.id || status->leader == 0) continue;
            member.health = Health::Up;
            member.leads = status->leader == entry.id;
        }
        members.push_back(std::move(member));
    }
    return members;
}

std::vector<PlanServer> EtcdMembership::State::wished(const Round& round) const {
    std::vector<PlanServer> list;
    for (const EtcdServer& server : round.wished)
        list.push_back(
            {server.name, etcd_url(server.peer_address, peer_tls), server.health, server.data});
    return list;
}

std::optional<size_t> EtcdMembership::State::leader_endpoint(const Round& round) const {
    for (size_t i = 0; i < round.statuses.size(); ++i)
        if (round.statuses[i] && round.statuses[i]->leader == round.statuses[i]->id) return i;
    return std::nullopt;
}

void EtcdMembership::State::decide(const std::shared_ptr<Round>& round) {
    perform(next_member_step(present(*round), wished(*round)), round);
}

void EtcdMembership::State::perform(MemberStep step, const std::shared_ptr<Round>& round) {
    const auto done = [this, step, round](const Result<void>& result) { end(step, round, result); };
    switch (step.kind) {
        case Kind::Done:
        case Kind::Wait:
            return done({});
        case Kind::AddLearner:
            return admin->add_learner(step.peer_url, [done](const Result<uint64_t>& id) {
                done(id ? Result<void>() : Result<void>(id.error()));
            });
        case Kind::Promote:
            return admin->promote(step.id, done);
        case Kind::Remove:
            return admin->remove(step.id, done);
        case Kind::Update:
            return admin->update(step.id, step.peer_url, done);
        case Kind::MoveLeader:
            if (const auto endpoint = leader_endpoint(*round))
                return admin->move_leader(*endpoint, step.id, done);
            return done(make_error(ErrorCode::Unavailable, "etcd", "the leader is not reached"));
    }
}

// One that was added and has not begun has no name yet: its address tells whose it is.
std::optional<EtcdPeer> EtcdMembership::State::peer_of(const EtcdMemberEntry& entry,
                                                       const Round& round) const {
    if (entry.peer_urls.empty()) return std::nullopt;
    const std::string address = address_in(entry.peer_urls.front());
    if (!entry.name.empty()) return EtcdPeer{entry.name, address};
    for (const EtcdServer& server : round.wished)
        if (server.peer_address == address) return EtcdPeer{server.name, address};
    return std::nullopt;
}

// What could not be done now is waited for: the next look decides anew.
void EtcdMembership::State::end(MemberStep step, const std::shared_ptr<Round>& round,
                                const Result<void>& done) {
    if (!done) {
        step.reason = "could not be done yet: " + done.error().message;
        step.kind = Kind::Wait;
    }
    Progress progress;
    for (const EtcdMemberEntry& entry : round->entries)
        if (auto peer = peer_of(entry, *round)) progress.members.push_back(std::move(*peer));
    if (step.kind == Kind::AddLearner)
        progress.members.push_back({step.name, address_in(step.peer_url)});
    progress.step = std::move(step);
    round->then(std::move(progress));
}

EtcdMembership::EtcdMembership(std::shared_ptr<State> state) : state_(std::move(state)) {}
EtcdMembership::~EtcdMembership() = default;

Result<std::unique_ptr<EtcdMembership>> EtcdMembership::open(
    Reactor& reactor, const std::vector<std::string>& endpoints, EtcdTlsFiles tls,
    EtcdTlsFiles peer_tls) {
    auto state = std::make_shared<State>();
    state->peer_tls = std::move(peer_tls);
    state->admin = TRY(EtcdAdmin::open(reactor, endpoints, tls));
    return std::unique_ptr<EtcdMembership>(new EtcdMembership(std::move(state)));
}

void EtcdMembership::approach(std::vector<EtcdServer> wished, EtcdAdmin::Then<Progress> then) {
    auto round = std::make_shared<State::Round>();
    round->wished = std::move(wished);
    round->then = std::move(then);
    state_->look(std::move(round));
}

}  // namespace tandem::runtime
