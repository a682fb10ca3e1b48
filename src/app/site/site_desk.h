// What a node does because there are other servers: it keeps links to their nodes where the layers
// say that they are, listens for them, takes up certificates of links and has them renewed, and
// takes in servers that join. One a node, on its first shard.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "app/config/bootstrap.h"
#include "app/site/link_certificates.h"
#include "app/site/neighbours.h"
#include "ports/letter.h"
#include "runtime/link/node_links.h"

namespace tandem::app {

class SiteDesk final : public runtime::LinkDesk {
 public:
    struct Around {
        std::function<void(ports::Letter)> send;  // to the role that it is addressed to
        std::function<void(ports::LogLine)> say;
        std::function<std::optional<ports::Instance>()> store_role;  // the active one
    };
    SiteDesk(const Bootstrap& bootstrap, uint16_t node, Around around);

    // Reads who this server is; a first server gets its authority. `now` at the start.
    Result<void> open(Now now);
    bool is_home() const { return file_.node == node_; }
    // Whether the node is one of this server's.
    bool is_own(int node) const {
        return std::ranges::find(neighbours_.own, node) != neighbours_.own.end();
    }
    // The home node of this server; its store is served by node 1, wherever that is.
    uint16_t home() const { return file_.node; }
    runtime::LinkContexts contexts() const { return certificates_.contexts(); }
    std::string authority_fingerprint() const { return certificates_.fingerprint(); }

    // Links that are needed before the layers have been read.
    void start(runtime::NodeLinks& links, uint16_t store_node);
    // The layers or the directory may have changed.
    void follow(Now now, const store::Catalog& catalog, const ports::Directory& directory);
    // Every two seconds or so: files that have changed, certificates that grow old, a listener that
    // could not be opened.
    void look_after(Now now);
    // ServerJoined, or that it will not come.
    void on_answer(Now now, const ports::Letter& letter);

    void on_join(uint64_t stranger, ports::ServerJoin join) override;
    void on_certificate_request(uint16_t node, wire::CertificateRequest request) override;
    void on_certificate_reply(uint16_t node, wire::CertificateReply reply) override;
    void on_link_refused(const std::string& why) override;

 private:
    struct Joining {
        uint64_t stranger = 0;
        ports::ServerJoin join;
        Instant until;  // its link has ended by then
    };
    runtime::LinkSubject subject() const;
    void keep_vanishing(Neighbours& wanted);
    void apply(const Neighbours& wanted);
    void listen();
    void write_files(const Neighbours& former);
    void renew(Now now);
    wire::JoinReply welcome(Now now, const ports::ServerJoin& join, ports::ServerJoined joined);
    void send_away(uint64_t stranger, Error error);
    void say(ports::LogLine::Level level, std::string text);

    const Bootstrap& bootstrap_;
    uint16_t node_;
    Around around_;
    LinkCertificates certificates_;
    ServerFile file_;
    runtime::NodeLinks* links_ = nullptr;
    std::map<uint16_t, Instant> vanishing_;  // nodes that the layers have no more, since when
    Neighbours neighbours_;
    std::optional<store::Revision> followed_;
    uint64_t followed_directory_ = 0;
    Now now_;
    std::optional<SocketAddress> listening_;  // where it should
    bool listens_ = false;
    std::string said_listener_;
    Instant renew_at_;
    std::map<uint64_t, Joining> joining_;  // by request
    uint64_t requests_ = uint64_t{1} << 32;
    Instant asks_since_;  // and so many of them
    int asks_ = 0;
    std::string refused_;  // as said last
    Instant refused_said_;
};

}  // namespace tandem::app
