// Brings the members of a cluster, one step at a time, to what is wished (member_plan.h). Run by
// one server at a time, by whoever leads there; a second one would do no harm, as every step is
// judged anew from what the cluster says.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/etcd/admin.h"
#include "runtime/etcd/member_flags.h"
#include "runtime/etcd/member_plan.h"
#include "runtime/reactor/reactor.h"

namespace tandem::runtime {

struct EtcdServer {
    std::string name;
    std::string peer_address;
    Health health = Health::Up;  // of the server, as the site sees it
    PlanServer::Data data = PlanServer::Data::Kept;
};

class EtcdMembership {
 public:
    // `endpoints`: of the clients' side of all that are members or may become one. `peer_tls`
    // decides the scheme of the members' URLs.
    static Result<std::unique_ptr<EtcdMembership>> open(Reactor& reactor,
                                                        const std::vector<std::string>& endpoints,
                                                        EtcdTlsFiles tls, EtcdTlsFiles peer_tls);
    ~EtcdMembership();

    // Looks, and takes at most one step towards members on the `wished` servers. Answers what was
    // done, or what is waited for. After AddLearner the server of that name is to start a member
    // that joins `members` (names and peers' addresses, the new one included); so is one that
    // finds itself among them because another server has added it.
    struct Progress {
        MemberStep step;
        std::vector<EtcdPeer> members;
    };
    void approach(std::vector<EtcdServer> wished, EtcdAdmin::Then<Progress> then);

 private:
    struct State;
    explicit EtcdMembership(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace tandem::runtime
