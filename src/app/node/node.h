// One node: its shards with their hosts, and everything of the runtime that their letters reach.
//
// Shard 0 carries all roles but media gates, the SIP and HTTP sockets and the links to other nodes.
// Shard 1 carries the media gate and its ports. A third thread has the store, or asks for it; a
// fourth hashes passwords.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config/bootstrap.h"
#include "app/config/site_keys.h"
#include "app/node/domain_certificates.h"
#include "app/node/drills.h"
#include "app/node/factory.h"
#include "app/node/node_store.h"
#include "app/node/password_service.h"
#include "app/site/site_desk.h"
#include "base/result.h"
#include "ports/token.h"
#include "roles/host/letter_router.h"
#include "roles/host/node_host.h"
#include "runtime/dns/resolver.h"
#include "runtime/http/http_server.h"
#include "runtime/journal/journal.h"
#include "runtime/link/node_links.h"
#include "runtime/media_ports/media_ports.h"
#include "runtime/process/process.h"
#include "runtime/reactor/shard.h"
#include "runtime/reactor/system_rng.h"
#include "runtime/sip_transport/sip_transport.h"
#include "runtime/tls/certificates.h"

namespace tandem::app {

class MediaShard;

class Node final : public runtime::Driver, public runtime::LinkEvents {
 public:
    // Opens what the node needs. The error is one line for the operator.
    static Result<std::unique_ptr<Node>> make(const Bootstrap& bootstrap, uint16_t number,
                                              Instant process_start);
    ~Node() override;

    // Until a signal, told by `signals` (make_signal_fd()); the exit code.
    int run(int signals);

    void on_letters(Now now, std::vector<ports::Letter>&& letters) override;
    void on_timeout(Now now) override;
    std::optional<Instant> next_deadline() const override;

    void on_link_hello(const wire::Hello& peer) override;
    void on_link_down(uint16_t node) override;
    void on_link_letter(uint16_t node, ports::Letter letter) override;
    void on_link_heartbeat(uint16_t node, const wire::Heartbeat& heartbeat) override;

 private:
    Node(const Bootstrap& bootstrap, uint16_t number, Instant process_start);

    Result<void> open();
    Result<void> open_site();
    void take_sip_over_http();
    void allow_drills();
    Result<void> open_tls();
    void follow_certificates();
    void say_domain_certificate(const std::string& domain, const Result<void>& outcome);
    Result<void> load_certificates();
    void follow_settings();
    void set_hep_target(const std::string& target);
    roles::host::NodeHost::Figures runtime_figures() const;
    void take_from_store(ports::Letter letter);
    void drive(Now now);
    void route(ports::Letter letter);
    void resolve(const ports::Letter& letter);
    bool send_to_node(uint16_t node, ports::Letter& letter);
    bool send_to_store(ports::Letter& letter);
    uint16_t node_of_history(const ports::Letter& letter) const;  // 0: nobody's
    void follow_store();
    void answer_unreachable(const ports::Letter& letter);
    void follow_directory();
    void follow_runs();
    void beat();
    void tell_reachable();
    void on_signal();
    bool is_needed_elsewhere() const;
    void look_after_files();
    void say_serving(Now now);

    Bootstrap bootstrap_;
    uint16_t number_;
    Instant process_start_;
    runtime::SystemRng rng_;
    SiteKeys keys_;
    std::unique_ptr<ports::TokenMint> tokens_;
    std::unique_ptr<runtime::Journal> journal_;
    runtime::TlsContexts tls_;
    std::unique_ptr<DomainCertificates> domain_certificates_;
    runtime::Shard shard_;
    std::unique_ptr<SiteDesk> desk_;
    std::unique_ptr<NodeStore> store_;
    std::unique_ptr<PasswordService> passwords_;
    std::unique_ptr<MediaShard> media_;
    std::unique_ptr<runtime::SipTransport> transport_;
    std::unique_ptr<runtime::HttpServer> http_;
    std::unique_ptr<runtime::NodeLinks> links_;
    std::unique_ptr<runtime::Resolver> resolver_;
    std::unique_ptr<NodeRoleFactory> factory_;
    std::unique_ptr<roles::host::NodeHost> host_;
    std::unique_ptr<roles::host::LetterRouter> router_;
    std::unique_ptr<Drills> drills_;  // none: not allowed
    std::unique_ptr<runtime::FdWatch> signal_watch_;
    std::unique_ptr<runtime::Timer> certificates_timer_;
    std::unique_ptr<runtime::Timer> drain_timer_;
    std::unique_ptr<runtime::Timer> store_timer_;
    int signal_fd_ = -1;
    int signals_ = 0;
    unsigned store_polls_ = 0;
    wire::Hello hello_;
    uint64_t directory_generation_ = ~uint64_t{0};
    std::vector<roles::host::ReachableNode> reachable_;
    std::map<uint16_t, std::unique_ptr<runtime::ProcessWatch>> processes_;  // of other nodes
    bool said_serving_ = false;
    int exit_code_ = 0;
    std::string certificate_stamp_;
    std::optional<uint64_t> settings_version_;  // of the system's settings that are in force
};

}  // namespace tandem::app
