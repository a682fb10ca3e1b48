// How one etcd process is started. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/etcd/rpc_client.h"

namespace tandem::runtime {

struct EtcdPeer {
    std::string name;
    std::string address;  // for its peers, "192.0.2.1:2380"

    friend bool operator==(const EtcdPeer&, const EtcdPeer&) = default;
};

struct EtcdMemberSpec {
    std::string name;            // unique in the cluster
    std::string data_directory;  // of this member alone
    std::string program = "/usr/bin/etcd";
    std::string client_address;  // where it listens for clients, and is reached by them
    std::string peer_address;    // likewise for its peers
    // Founding: all founders, this one included. Joining: those that are there, and this one.
    std::vector<EtcdPeer> members;
    enum class Begin { Found, Join };
    Begin begin = Begin::Found;
    std::string cluster_token;  // keeps clusters apart that share addresses one after the other
    EtcdTlsFiles client_tls;    // mutual: clients need a certificate of this CA
    EtcdTlsFiles peer_tls;
};

std::vector<std::string> etcd_arguments(const EtcdMemberSpec& spec);
std::string etcd_url(const std::string& address, const EtcdTlsFiles& tls);

struct EtcdVersion {
    int major = 0;
    int minor = 0;
    int patch = 0;
    friend auto operator<=>(const EtcdVersion&, const EtcdVersion&) = default;
    std::string text() const;
};
// From "3.4.23", or from what `etcd --version` prints.
Result<EtcdVersion> parse_etcd_version(std::string_view text);
// Unsupported, with the reason: below 3.4 there are no learners, and 4 is not known yet.
Result<void> check_etcd_version(const EtcdVersion& version);

// Why a member ended, from the end of its log.
struct EtcdEnd {
    enum class Kind {
        Ended,    // stopped, killed, or nothing that we know: start it again
        Damaged,  // its data directory can't be read: remove the member, add it anew
        Removed,  // the cluster has removed it
        Refused,  // its settings are at odds with the cluster's or the machine's
    };
    Kind kind = Kind::Ended;
    std::string reason;  // one line of the log
};
EtcdEnd judge_etcd_log(std::string_view tail);

}  // namespace tandem::runtime
