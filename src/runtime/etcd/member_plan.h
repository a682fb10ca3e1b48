// Which change of an etcd cluster's membership comes next, on the way from what there is to what is
// wished: one at a time, and none that costs the quorum. Pure.
//
// One voter until three servers are there, then three; further servers are clients only. With two
// voters any death would stop writes, so that number is only passed through.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tandem::runtime {

enum class Health { Up, Down };

struct PlanMember {
    uint64_t id = 0;
    std::string name;  // empty: added, but not started yet
    std::string peer_url;
    enum class Kind { Voter, Learner };
    Kind kind = Kind::Voter;
    Health health = Health::Up;  // answers, and knows a leader
    bool leads = false;
};

// A server that may have a member, in the order in which they are preferred. A server that is gone
// for good is not wished any more; one that is merely down keeps its place. One whose member's data
// are lost loses the member, too, and is to be said to have none any more: then it gets a new one.
struct PlanServer {
    enum class Data { Kept, Lost };
    std::string name;
    std::string peer_url;
    Health health = Health::Up;
    Data data = Data::Kept;
};

struct MemberStep {
    enum class Kind {
        Done,        // it is as wished
        Wait,        // the next step is not possible now; `reason` says why
        AddLearner,  // then start a member on server `name`, which joins
        Promote,     // etcd refuses until the learner has caught up: try again
        Remove,
        Update,      // the member is reached at another address
        MoveLeader,  // to `id`, as the leader is to be removed
    };
    Kind kind = Kind::Done;
    uint64_t id = 0;       // of the member concerned; of AddLearner: 0
    std::string name;      // of the server
    std::string peer_url;  // of AddLearner and Update
    std::string reason;

    friend bool operator==(const MemberStep&, const MemberStep&) = default;
};

size_t voters_wished(size_t servers);
size_t quorum_of(size_t voters);
MemberStep next_member_step(const std::vector<PlanMember>& present,
                            const std::vector<PlanServer>& wished);

}  // namespace tandem::runtime
