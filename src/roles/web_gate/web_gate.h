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
#include "roles/web_gate/bulk.h"
#include "roles/web_gate/names.h"
#include "roles/web_gate/permit.h"
#include "roles/web_gate/principal.h"
#include "roles/web_gate/refusals.h"
#include "roles/web_gate/request_checks.h"
#include "roles/web_gate/router.h"
#include "roles/web_gate/sign_in_throttle.h"
#include "store/backup_reader.h"

namespace tandem::roles::web_gate {

class WebGate final : public ports::Role {
 public:
    WebGate(const ports::Surroundings& around, Gatekeeper gatekeeper);

    ports::RoleKind kind() const override { return ports::RoleKind::WebGate; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override;
    std::optional<Instant> next_deadline() const override;
    void on_catalog(Now now, ports::Outbox& out) override;
    void on_directory(Now now, ports::Outbox& out) override;
    void drain(Now now, ports::Outbox& out) override;
    bool is_idle() const override {
        return draining_ && pending_.empty() && bulks_.empty() && exports_.empty() &&
               streams_.empty();
    }
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
        int tries = 0;                        // before this one
        CallId call;                          // while its owner is looked up
        Principal principal;
        std::optional<ports::EntityRequest> prepared;  // while a password is hashed
    };
    using Incoming = Asked;

    // asking: web_gate.cc
    void on_request(Now now, ports::Letter letter, ports::Outbox& out);
    std::optional<ports::HttpResponse> refusal_of(Now now, Incoming& incoming);
    void carry_out(Now now, Incoming incoming, ports::Outbox& out);
    void ask_store(Now now, Incoming incoming, ports::Outbox& out);
    void ask_nodes(Now now, Incoming incoming, ports::Outbox& out);
    void set_log_level(const Incoming& incoming, ports::Outbox& out);
    void make_server_token(Now now, Incoming incoming, ports::Outbox& out);
    void on_site_store(Now now, Incoming incoming, ports::Outbox& out);
    void test_route(Now now, Incoming incoming, ports::Outbox& out);
    void check_expected_routes(Now now, const Incoming& incoming, ports::Outbox& out);
    void check_dial_plan(Now now, const Incoming& incoming, ports::Outbox& out);
    void ask_harm(Now now, Incoming incoming, ports::Outbox& out);
    void show_health(const Incoming& incoming, ports::Outbox& out);
    void note(Now now, const Incoming& incoming, std::string_view action, std::string_view reason);
    void tell_refusals(Now now, ports::Outbox& out);
    // sessions and passwords: session.cc
    void on_session(Now now, Incoming incoming, ports::Outbox& out);
    void sign_in(Now now, Incoming incoming, ports::Outbox& out);
    static std::string tried_name(const Principal& claimed);
    ports::HttpResponse on_sign_in(Now now, const Pending& pending,
                                   const ports::PasswordChecked& checked);
    void end_sessions(Now now, Incoming incoming, ports::Outbox& out);
    void hash_password(Now now, Incoming incoming, ports::EntityRequest request,
                       ports::Outbox& out);
    std::optional<ports::HttpResponse> on_password(Now now, uint64_t request, Pending& pending,
                                                   const ports::PasswordChecked& checked,
                                                   ports::Outbox& out);
    ports::HttpResponse session_response(Now now, const Pending& pending, bool matches);
    // many creations at once: bulk.cc
    void begin_bulk(Now now, Incoming incoming, ports::Outbox& out);
    void go_on_with_bulk(Now now, uint64_t number, ports::Outbox& out);
    bool send_line(Now now, uint64_t number, Bulk& bulk, ports::Outbox& out);
    Result<ports::EntityRequest> line_request(const Bulk& bulk, BulkLineParts parts) const;
    bool on_bulk_answer(Now now, uint64_t request, const ports::Payload& payload,
                        ports::Outbox& out);
    // live things: live.cc
    void list_calls(Now now, Incoming incoming, ports::Outbox& out);
    void find_call(Now now, Incoming incoming, ports::Outbox& out);
    void ask_call_state(Now now, Incoming incoming, const ports::CallsQuery& query,
                        ports::Outbox& out);
    void list_queue_states(Now now, Incoming incoming, ports::Outbox& out);
    void list_trunk_states(Now now, Incoming incoming, ports::Outbox& out);
    void list_bindings(Now now, Incoming incoming, ports::Outbox& out);
    void on_account_bindings(Now now, Incoming incoming, ports::Outbox& out);
    template <typename Query>
    std::optional<Query> query_of_past(const Incoming& incoming, ports::Outbox& out);
    void list_history(Now now, Incoming incoming, ports::Outbox& out);
    void on_configuration(Now now, Incoming incoming, ports::Outbox& out);
    void list_audit(Now now, Incoming incoming, ports::Outbox& out);
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

    // Records of calls as CSV, page by page as the client takes them: export.cc
    struct Export {
        ports::Letter question;
        ports::HistoryQuery query;
        uint64_t asked = 0;  // of history, under way; 0: waits for room
        bool has_begun = false;
        Instant until;
    };
    void begin_export(Now now, Incoming incoming, ports::HistoryQuery query, ports::Outbox& out);
    void go_on_with_export(Now now, Export& one, ports::Outbox& out);
    bool on_export_answer(Now now, uint64_t request, const ports::Payload& payload,
                          ports::Outbox& out);
    void on_http_taken(Now now, uint64_t http_request, bool gone, ports::Outbox& out);
    void break_off_export(uint64_t http_request, const Error& why, ports::Outbox& out);
    void run_export_timers(Now now, ports::Outbox& out);

    // Streams of events of calls: call_events.cc
    struct EventStream {
        Incoming asked;
        DomainId domain;
        ports::Instance followed;  // the CS that tells it
        uint64_t known = 0;        // the number of its last letter
        std::string last_id;       // what the client has seen last, as event_id() has it
        std::string waiting;       // for room
        bool has_room = false;
        Instant renew_at;
        Instant said_at;
    };
    void begin_events(Now now, Incoming incoming, ports::Outbox& out);
    void follow(Now now, uint64_t number, EventStream& stream, ports::Outbox& out);
    void on_call_events(Now now, ports::Instance from, const ports::CallEvents& events,
                        ports::Outbox& out);
    void say(Now now, uint64_t number, EventStream& stream, std::string text, ports::Outbox& out);
    void flush_stream(EventStream& stream, ports::Outbox& out);
    void renew_stream(Now now, uint64_t number, ports::Outbox& out);
    void end_stream(uint64_t number, ports::Outbox& out);
    bool on_stream_taken(uint64_t number, bool gone, ports::Outbox& out);
    void run_stream_timers(Now now, ports::Outbox& out);

    template <typename T>
    void ask(Now now, Incoming incoming, ports::Instance whom, T question, ports::Outbox& out);
    uint64_t remember(Now now, Incoming incoming, Duration deadline);
    void respond(const ports::Letter& question, ports::HttpResponse response, ports::Outbox& out);

    // answers: replies.cc
    void on_answer(Now now, uint64_t request, const ports::Payload& payload, ports::Outbox& out);
    std::optional<ports::HttpResponse> response_to(Now now, uint64_t request, Pending& pending,
                                                   const ports::Payload& payload,
                                                   ports::Outbox& out);
    void note_done(Now now, const Pending& pending, const ports::HttpResponse& response);
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
    Gatekeeper gatekeeper_;
    Refusals refusals_;
    SignInThrottle throttle_;
    WebSettings settings_;
    std::unordered_map<uint64_t, Pending> pending_;
    std::deque<std::pair<Instant, uint64_t>> deadlines_;         // of reply_deadline
    std::deque<std::pair<Instant, uint64_t>> status_deadlines_;  // of status_deadline
    std::deque<std::pair<Instant, Incoming>> again_;             // questions to registrars
    std::map<uint64_t, Bulk> bulks_;
    struct BulkLine {
        uint64_t bulk = 0;
        size_t line = 0;
        std::string made;                              // name of a domain that is to be
        std::optional<ports::EntityRequest> prepared;  // while a password is hashed
    };
    std::unordered_map<uint64_t, BulkLine> bulk_lines_;  // by request
    std::map<uint64_t, Export> exports_;                 // by the number of the HTTP request
    std::map<uint64_t, EventStream> streams_;            // by the number of the HTTP request
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
