// The web gate (WS): the REST API of operators and their programs, as api/openapi.yaml has it. It
// checks requests, asks the role that knows, and puts the answer into HTTP. It keeps nothing but
// the questions that are open. RFC 9110, 9457, 6750, 7396.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ports/letter.h"
#include "roles/web_gate/names.h"
#include "roles/web_gate/request_checks.h"
#include "roles/web_gate/router.h"
#include "store/backup_reader.h"

namespace tandem::roles::web_gate {

class WebGate final : public ports::Role {
 public:
    // `admin_token`: who shows it may do everything. Empty: nobody may.
    WebGate(const ports::Surroundings& around, std::string admin_token);

    ports::RoleKind kind() const override { return ports::RoleKind::WebGate; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override;
    std::optional<Instant> next_deadline() const override;
    void on_catalog(Now now, ports::Outbox& out) override;
    void on_store_returned(Now now, ports::Outbox& out) override;
    void drain(Now now, ports::Outbox& out) override;
    bool is_idle() const override { return draining_ && pending_.empty(); }
    std::vector<std::pair<std::string, double>> figures() const override;

    void apply(WebSettings settings, ports::Outbox& out);

 private:
    // A request that waits for other roles.
    struct Pending {
        ports::Letter question;  // its HttpRequest, without the body
        RouteMatch match;
        uint8_t method = kGet;
        size_t awaited = 1;                   // answers, of a question put to several
        std::vector<std::string> answers;     // of nodes
        std::vector<ports::CallsPage> pages;  // of the groups of CS
        CallId call;                          // while its owner is looked up
        int tries = 0;                        // before this one
    };
    struct Incoming {
        ports::Letter letter;
        RouteMatch match;
        uint8_t method = kGet;
        int tries = 0;
        const ports::HttpRequest& request() const {
            return get<ports::HttpRequest>(letter.payload);
        }
    };

    // asking: web_gate.cc
    void on_request(Now now, ports::Letter letter, ports::Outbox& out);
    void carry_out(Now now, Incoming incoming, ports::Outbox& out);
    void ask_store(Now now, Incoming incoming, ports::Outbox& out);
    void ask_nodes(Now now, Incoming incoming, ports::Outbox& out);
    void set_log_level(const Incoming& incoming, ports::Outbox& out);
    void make_server_token(Now now, Incoming incoming, ports::Outbox& out);
    void on_site_store(Now now, Incoming incoming, ports::Outbox& out);
    void test_route(Now now, Incoming incoming, ports::Outbox& out);
    void ask_harm(Now now, Incoming incoming, ports::Outbox& out);
    void show_health(const Incoming& incoming, ports::Outbox& out);
    // live things: live.cc
    void list_calls(Now now, Incoming incoming, ports::Outbox& out);
    void find_call(Now now, Incoming incoming, ports::Outbox& out);
    void ask_call_state(Now now, Incoming incoming, const ports::CallsQuery& query,
                        ports::Outbox& out);
    void list_bindings(Now now, Incoming incoming, ports::Outbox& out);
    void on_account_bindings(Now now, Incoming incoming, ports::Outbox& out);
    void list_history(Now now, Incoming incoming, ports::Outbox& out);
    std::optional<DomainId> domain_of(const Incoming& incoming, ports::Outbox& out);

    // A backup that is read over this gate: backup.cc
    struct Backup {
        std::string id;
        store::BackupReader reader;
        uint64_t asked = 0;    // the request to the store that is under way; 0: none
        uint64_t waiting = 0;  // who waits for the next piece; 0: nobody
        // Pieces have numbers, from 1, so that one whose answer was lost can be taken again.
        uint64_t wanted = 0;
        uint64_t piece = 0;
        std::string last;
        Instant idle_until;
    };
    void on_backup(Now now, Incoming incoming, ports::Outbox& out);
    void begin_backup(Now now, Incoming incoming, ports::Outbox& out);
    void go_on_with_backup(Now now, ports::Outbox& out);
    void on_backup_watch(Now now, const store::WatchBatch& batch, ports::Outbox& out);
    void on_backup_reply(Now now, uint64_t request, const store::Reply* reply, ports::Outbox& out);
    void answer_backup(ports::HttpResponse response, ports::Outbox& out);
    void end_backup(ports::Outbox& out);

    template <typename T>
    void ask(Now now, Incoming incoming, ports::Instance whom, T question, ports::Outbox& out);
    uint64_t remember(Now now, Incoming incoming, Duration deadline);
    void respond(const ports::Letter& question, ports::HttpResponse response, ports::Outbox& out);

    // answers: replies.cc
    void on_answer(Now now, uint64_t request, const ports::Payload& payload, ports::Outbox& out);
    std::optional<ports::HttpResponse> response_to(Now now, uint64_t request, Pending& pending,
                                                   const ports::Payload& payload,
                                                   ports::Outbox& out);
    ports::HttpResponse entity_response(const Pending& pending, const ports::EntityReply& reply);
    std::optional<ports::HttpResponse> forward_to_owner(uint64_t request, Pending& pending,
                                                        const ports::CallsPage& page,
                                                        ports::Outbox& out);
    std::optional<ports::HttpResponse> on_node(Pending& pending, std::string answer);
    ports::HttpResponse nodes_response(const Pending& pending);
    bool asks_again(Now now, const Pending& pending);
    std::optional<ports::HttpResponse> on_calls(uint64_t request, Pending& pending,
                                                const ports::CallsPage& page, ports::Outbox& out);
    std::string live_calls(const ports::CallsPage& page) const;

    const ports::Surroundings& around_;
    std::string admin_token_;
    WebSettings settings_;
    std::unordered_map<uint64_t, Pending> pending_;
    std::deque<std::pair<Instant, uint64_t>> deadlines_;         // of reply_deadline
    std::deque<std::pair<Instant, uint64_t>> status_deadlines_;  // of status_deadline
    std::deque<std::pair<Instant, Incoming>> again_;             // questions to registrars
    std::optional<Backup> backup_;
    store::WatchId backups_ = 0;  // numbers of their watches
    std::optional<Instant> listeners_retry_at_;
    std::map<uint16_t, std::string> listener_failures_;  // as told to the journal
    uint64_t last_request_ = 0;
    uint64_t served_ = 0;
    uint64_t refused_ = 0;
    uint64_t timed_out_ = 0;
    bool draining_ = false;
};

}  // namespace tandem::roles::web_gate
