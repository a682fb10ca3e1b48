// The etcd member of this server, as <data>/etcd.toml wants it: started or adopted, started again
// when it dies, brought into the cluster of the other servers, and replaced when its data are
// damaged. On the parent's reactor.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/config/bootstrap.h"
#include "app/config/etcd_members.h"
#include "runtime/etcd/member.h"
#include "runtime/etcd/membership.h"
#include "runtime/reactor/reactor.h"

namespace tandem::app {

class EtcdSupervision {
 public:
    EtcdSupervision(runtime::Reactor& reactor, const Bootstrap& bootstrap);
    ~EtcdSupervision();  // the member goes on

    // Looks at the file; called again and again.
    void follow();
    // With the server: the member ends, its place in the cluster stays.
    void stop(std::move_only_function<void()> stopped);

 private:
    bool read_file();
    void run_member();
    void start_member(runtime::EtcdMemberSpec::Begin begin, std::vector<runtime::EtcdPeer> members);
    void end_member();
    void on_member_change();
    void approach();
    void on_progress(const Result<runtime::EtcdMembership::Progress>& progress);
    std::vector<runtime::EtcdServer> wished() const;
    runtime::EtcdTlsFiles tls() const;
    bool was_member() const;  // its data are here
    void say(const std::string& what);

    runtime::Reactor& reactor_;
    const Bootstrap& bootstrap_;
    std::string stamp_;  // of the file that is in force
    std::optional<EtcdCluster> cluster_;
    std::unique_ptr<runtime::EtcdMember> member_;
    EtcdServerEntry running_;                      // as member_ was started
    std::unique_ptr<runtime::EtcdMember> ending_;  // not wanted any more
    std::unique_ptr<runtime::EtcdMembership> membership_;
    runtime::Timer approaching_;
    bool is_lost_ = false;  // our data are: the cluster is to forget the member first
    bool under_way_ = false;
    bool again_ = false;  // the file is to be taken up, though it is no news
    std::string said_;
};

}  // namespace tandem::app
