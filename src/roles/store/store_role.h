// The store role (ST): the only one that writes entities. It judges requests against the catalog,
// writes through one store::Writer, and answers when its own catalog shows the write, so that what
// was created works at once. It also takes finished calls into history (cdr_drain.h).
// Active-Passive: the passive copies answer reads.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/crypto.h"
#include "ports/letter.h"
#include "roles/store/cdr_drain.h"
#include "roles/store/entity_writer.h"
#include "roles/store/retention.h"
#include "store/writer.h"

namespace tandem::roles::store_role {

class StoreRole final : public ports::Role {
 public:
    // `site_key` seals digests of passwords. `authority`: fingerprint of the site's, for tokens of
    // servers that are to join; empty: there is none.
    StoreRole(const ports::Surroundings& around, const SealKey& site_key,
              std::string authority = {});

    ports::RoleKind kind() const override { return ports::RoleKind::Store; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override;
    std::optional<Instant> next_deadline() const override;
    void on_catalog(Now now, ports::Outbox& out) override;
    void on_directory(Now now, ports::Outbox& out) override;
    void on_elected(Now now, const std::vector<store::Compare>& guards,
                    ports::Outbox& out) override;
    bool is_flushed() const override { return is_idle() && writer_.is_idle(); }
    void drain(Now now, ports::Outbox& out) override;
    bool is_idle() const override;
    std::vector<std::pair<std::string, double>> figures() const override;

 private:
    // A change, from its question (EntityRequest, JoinTokenQuery, ServerJoin) to its answer.
    struct Change {
        ports::Letter question;
        int tries = 0;
    };
    struct Reading {
        Change change;
        Instant deadline;
    };
    using Readings = std::map<store::RequestId, Reading>;
    struct Writing {
        Change change;
        ports::Payload reply;
        Claims claims;
    };
    struct Shown {  // written; waits for the catalog
        ports::Letter question;
        ports::Payload reply;
        store::Revision revision;
        Instant deadline;
    };

    // What a change comes to: its answer, and the write before it unless that is empty.
    struct Judged {
        store::Member write;
        ports::Payload reply;
        Claims claims = {};
    };

    // A roll-back whose past is being gathered.
    struct Gathering {
        Change change;
        ports::AuditQuery query;
        std::vector<std::string> records;
        Instant deadline;
    };

    // entities and servers that join
    void on_entity(Now now, ports::Letter letter, ports::Outbox& out);
    Result<ports::EntityReply> on_plan(Now now, const ports::EntityRequest& request);
    WriteScope scope_at(Now now);
    void on_change(Now now, ports::Letter letter, ports::Outbox& out);
    Result<store::RangeRequest> needed_for(const ports::Letter& question) const;
    std::vector<uint16_t> nodes_up() const;
    Result<Judged> judged(Now now, const ports::Letter& question,
                          const std::vector<store::KeyValue>& stored);
    void read_then_write(Now now, Change change, ports::Outbox& out);
    void judge(Now now, Change change, const std::vector<store::KeyValue>& stored,
               ports::Outbox& out);
    void on_store_reply(Now now, const store::Reply& reply, ports::Outbox& out);
    void give_up_reading(Readings::iterator read, ports::Outbox& out);
    void on_read(Now now, Change change, const store::Reply& reply, ports::Outbox& out);
    void flush(Now now, store::WriterOutbox& box, ports::Outbox& out);
    void on_completion(Now now, const store::Completion& completion, ports::Outbox& out);
    void answer(const ports::Letter& question, Result<ports::EntityReply> reply,
                ports::Outbox& out);
    void refuse(const ports::Letter& question, Error error, ports::Outbox& out);
    void write(Now now, Change change, Judged judged, ports::Outbox& out);
    // what was: store_role_past.cc
    void gather_past(Now now, Change change, const std::vector<store::KeyValue>& outbox,
                     ports::Outbox& out);
    void ask_past(Gathering gathering, ports::Outbox& out);
    void on_past(Now now, uint64_t request, const ports::AuditPage& page, ports::Outbox& out);
    void judge_past(Now now, Gathering gathering, ports::Outbox& out);
    void answer_shown(Now now, ports::Outbox& out);
    void release_claims();
    store::RequestId ask_store(store::RequestBody body, ports::Outbox& out);

    void take_letter(Now now, ports::Letter letter, ports::Outbox& out);
    void on_note(Now now, const ports::AuditNote& note, ports::Outbox& out);
    void delete_taken(Now now, ports::Outbox& out);
    bool is_active() const;

    const ports::Surroundings& around_;
    SealKey site_key_;
    std::string authority_;
    std::string writer_name_;
    store::Writer writer_;
    uint64_t requests_ = 0;
    Readings reading_;                         // in the order of their deadlines
    std::map<uint64_t, Gathering> gathering_;  // in the order of their deadlines
    std::unordered_map<store::Ticket, Writing> writing_;
    std::deque<Shown> shown_;
    LicenceBook licences_;
    std::deque<std::pair<store::Revision, Claims>> claims_;  // written; until the catalog shows it
    CdrDrain cdrs_;
    Retention retention_;
    store::Ticket deletion_ = 0;  // of records that history has
    uint64_t reads_ = 0;
    uint64_t writes_ = 0;
    uint64_t refused_ = 0;
    bool draining_ = false;
};

}  // namespace tandem::roles::store_role
