#include "roles/store/store_role.h"

#include "roles/store/audit.h"
#include "roles/store/difference.h"
#include "roles/store/entity_reader.h"
#include "roles/store/limits.h"
#include "roles/store/plan_desk.h"
#include "roles/store/plan_document.h"
#include "roles/store/roll_back.h"
#include "roles/store/route_checks.h"
#include "roles/store/server_join.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::store_role {

using ports::EntityReply;
using ports::EntityRequest;
using ports::EntityVerb;

namespace {

const EntityRequest& request_of(const ports::Letter& question) {
    return get<EntityRequest>(question.payload);
}

}  // namespace

StoreRole::StoreRole(const ports::Surroundings& around, const SealKey& site_key,
                     std::string authority)
    : around_(around),
      site_key_(site_key),
      authority_(std::move(authority)),
      writer_name_("st-" + std::to_string(around.self.number)),
      writer_(writer_name_, around.self.number),
      cdrs_(around),
      retention_(around) {}

void StoreRole::start(Now now, ports::Outbox& out) {
    cdrs_.set_active(now, is_active(), out);
    cdrs_.start(now, out);
    retention_.start(now);
}

void StoreRole::on_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    take_letter(now, std::move(letter), out);
    delete_taken(now, out);
}

void StoreRole::take_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    if (holds_alternative<EntityRequest>(letter.payload)) {
        on_entity(now, std::move(letter), out);
    } else if (holds_alternative<ports::JoinTokenQuery>(letter.payload) ||
               holds_alternative<ports::ServerJoin>(letter.payload)) {
        on_change(now, std::move(letter), out);
    } else if (const auto* reply = get_if<store::Reply>(&letter.payload)) {
        on_store_reply(now, *reply, out);
    } else if (const auto* batch = get_if<store::WatchBatch>(&letter.payload)) {
        cdrs_.on_watch(now, *batch, out);
    } else if (const auto* past = get_if<ports::AuditPage>(&letter.payload)) {
        on_past(now, letter.request, *past, out);
    } else if (const auto* note = get_if<ports::AuditNote>(&letter.payload)) {
        on_note(now, *note, out);
    } else if (const auto* appended = get_if<ports::HistoryAppended>(&letter.payload)) {
        cdrs_.on_appended(now, letter.request, *appended, out);
    } else if (const auto* erased = get_if<ports::HistoryErased>(&letter.payload)) {
        retention_.on_erased(now, letter.request, *erased, out);
    } else if (holds_alternative<ports::Unreachable>(letter.payload)) {
        if (const auto read = reading_.find(letter.request); read != reading_.end()) {
            return give_up_reading(read, out);
        }
        on_past(now, letter.request,
                {make_error(ErrorCode::Unavailable, "", "the history does not answer"), {}}, out);
        cdrs_.on_unreachable(now, letter.request);
        retention_.on_unreachable(now, letter.request);
    }
}

// What was refused, or done elsewhere than here. It is lost with this copy until it is written: a
// web gate does not wait for it.
void StoreRole::on_note(Now now, const ports::AuditNote& note, ports::Outbox& out) {
    AuditRecord record{note.at, note.domain, note.actor};
    record.action = note.action;
    record.what = note.what;
    record.reason = note.reason;
    record.count = note.count;
    store::Member member;
    member.ops.emplace_back(audit_put(record, around_.rng));
    store::WriterOutbox box;
    (void)writer_.txn(now.mono, std::move(member), box);
    flush(now, box, out);
}

// Behind the guards of the post, as all that the active copy alone may write.
void StoreRole::delete_taken(Now now, ports::Outbox& out) {
    auto member = cdrs_.take_deletion(now, out);
    if (!member) return;
    store::WriterOutbox box;
    const auto ticket = writer_.txn(now.mono, std::move(*member), box);
    if (!ticket) return cdrs_.on_deleted(now, false, out);
    deletion_ = *ticket;
    flush(now, box, out);
}

void StoreRole::on_timeout(Now now, ports::Outbox& out) {
    store::WriterOutbox box;
    writer_.on_timeout(now.mono, box);
    flush(now, box, out);
    answer_shown(now, out);
    while (!reading_.empty() && reading_.begin()->second.deadline <= now.mono) {
        give_up_reading(reading_.begin(), out);
    }
    while (!gathering_.empty() && gathering_.begin()->second.deadline <= now.mono) {
        on_past(now, gathering_.begin()->first,
                {make_error(ErrorCode::Unavailable, "", "the history does not answer"), {}}, out);
    }
    cdrs_.on_timeout(now, out);
    retention_.on_timeout(now, out);
    delete_taken(now, out);
}

std::optional<Instant> StoreRole::next_deadline() const {
    std::optional<Instant> next = writer_.next_deadline();
    const auto earlier = [&](Instant other) {
        if (!next || other < *next) next = other;
    };
    if (!shown_.empty()) earlier(shown_.front().deadline);
    if (!reading_.empty()) earlier(reading_.begin()->second.deadline);
    if (!gathering_.empty()) earlier(gathering_.begin()->second.deadline);
    if (const auto due = cdrs_.next_deadline()) earlier(*due);
    if (const auto due = retention_.next_deadline()) earlier(*due);
    return next;
}

void StoreRole::on_catalog(Now now, ports::Outbox& out) {
    release_claims();
    answer_shown(now, out);
    cdrs_.on_catalog(now, out);
    retention_.on_catalog(now);
    delete_taken(now, out);
}

// The post may have gone; that it is ours is told by on_elected().
void StoreRole::on_directory(Now now, ports::Outbox& out) {
    if (!is_active()) cdrs_.set_active(now, false, out);
}

void StoreRole::on_elected(Now now, const std::vector<store::Compare>& guards, ports::Outbox& out) {
    writer_.reopen(guards);
    cdrs_.set_active(now, true, out);
    delete_taken(now, out);
}

void StoreRole::drain(Now, ports::Outbox&) {
    draining_ = true;
}

bool StoreRole::is_idle() const {
    return reading_.empty() && gathering_.empty() && writing_.empty() && shown_.empty() &&
           !cdrs_.is_deleting();
}

bool StoreRole::is_active() const {
    return around_.directory.active_of_site(ports::RoleKind::Store) == around_.self;
}

std::vector<std::pair<std::string, double>> StoreRole::figures() const {
    return {{"entity_reads", static_cast<double>(reads_)},
            {"entity_writes", static_cast<double>(writes_)},
            {"entity_refused", static_cast<double>(refused_)},
            {"cdrs_stored", static_cast<double>(cdrs_.taken())},
            {"cdrs_held", static_cast<double>(cdrs_.held())},
            {"records_forgotten_total", static_cast<double>(retention_.erased())},
            {"store_writes_open", static_cast<double>(writing_.size())}};
}

store::RequestId StoreRole::ask_store(store::RequestBody body, ports::Outbox& out) {
    // Bit 47 keeps these apart from the writer's, which count up from 1 in the same channel.
    const store::RequestId id =
        uint64_t{around_.self.number} << 48 | uint64_t{1} << 47 | ++requests_;
    out.send(around_.self, ports::kKeyValue, store::Request{id, std::move(body)}, id);
    return id;
}

// ---- entities

void StoreRole::on_entity(Now now, ports::Letter letter, ports::Outbox& out) {
    const EntityRequest& request = request_of(letter);
    if (request.kind == plan_kind && request.verb != EntityVerb::Replace) {
        ++reads_;
        answer(letter, on_plan(now, request), out);
        return;
    }
    if (request.kind == configuration_kind) return on_change(now, std::move(letter), out);
    switch (request.verb) {
        case EntityVerb::Read:
            ++reads_;
            answer(letter, read_entity(around_.catalog, request), out);
            return;
        case EntityVerb::List:
            ++reads_;
            answer(letter, list_entities(around_.catalog, request), out);
            return;
        case EntityVerb::Create:
        case EntityVerb::Replace:
        case EntityVerb::Patch:
        case EntityVerb::Remove:
            break;
    }
    on_change(now, std::move(letter), out);
}

// What writes nothing.
Result<EntityReply> StoreRole::on_plan(Now now, const EntityRequest& request) {
    if (request.verb == EntityVerb::Read) return show_plan(around_.catalog);
    if (request.verb == EntityVerb::Create) return judge_plan(scope_at(now), request);
    return make_error(ErrorCode::Unsupported, "", "a plan is read, judged or applied as a whole");
}

WriteScope StoreRole::scope_at(Now now) {
    return {around_.catalog, now.utc, around_.rng, writer_name_, site_key_, licences_};
}

void StoreRole::on_change(Now now, ports::Letter letter, ports::Outbox& out) {
    if (draining_ || !is_active()) {
        refuse(letter, make_error(ErrorCode::Unavailable, "", "this copy does not write"), out);
        return;
    }
    if (reading_.size() + gathering_.size() + writing_.size() + shown_.size() >= changes_max) {
        refuse(letter, make_error(ErrorCode::Unavailable, "", "too many changes are open"), out);
        return;
    }
    read_then_write(now, Change{std::move(letter), 0}, out);
}

// What is to be read before the question can be judged; an empty range: nothing.
Result<store::RangeRequest> StoreRole::needed_for(const ports::Letter& question) const {
    store::RangeRequest needed;
    if (const auto* join = get_if<ports::ServerJoin>(&question.payload)) {
        needed.range = store::KeyRange::one(token_key(*join));
    } else if (holds_alternative<ports::JoinTokenQuery>(question.payload)) {
        needed.range = store::KeyRange::prefix(store::keys::join_token_prefix);
        needed.limit = 2 * join_tokens_max;
    } else if (request_of(question).kind == plan_kind) {
        needed.range = plan_range();
    } else if (request_of(question).kind == configuration_kind) {
        needed.range = store::KeyRange::prefix(store::keys::audit_outbox_prefix);
        needed.limit = past_records_max;
    } else if (request_of(question).verb != EntityVerb::Create) {
        needed.range = store::KeyRange::one(TRY(locate(around_.catalog, request_of(question))));
    }
    return needed;
}

void StoreRole::read_then_write(Now now, Change change, ports::Outbox& out) {
    auto needed = needed_for(change.question);
    if (!needed) {
        refuse(change.question, needed.error(), out);
        return;
    }
    if (needed->range.begin.empty()) {
        judge(now, std::move(change), {}, out);
        return;
    }
    reading_.emplace(ask_store(std::move(*needed), out),
                     Reading{std::move(change), now.mono + store_answer_max});
}

std::vector<uint16_t> StoreRole::nodes_up() const {
    std::vector<uint16_t> nodes;
    for (const ports::DirectoryEntry& entry : around_.directory.entries()) {
        if (entry.reachable) nodes.push_back(entry.node);
    }
    return nodes;
}

Result<StoreRole::Judged> StoreRole::judged(Now now, const ports::Letter& question,
                                            const std::vector<store::KeyValue>& stored) {
    const WriteScope scope = scope_at(now);
    const store::KeyValue* first = stored.empty() ? nullptr : &stored.front();
    if (const auto* query = get_if<ports::JoinTokenQuery>(&question.payload)) {
        TokenChange change = TRY(prepare_token(scope, *query, stored, authority_, nodes_up()));
        return Judged{std::move(change.write), std::move(change.reply)};
    }
    if (const auto* join = get_if<ports::ServerJoin>(&question.payload)) {
        JoinChange change = TRY(prepare_join(scope, *join, first, nodes_up()));
        return Judged{std::move(change.write), std::move(change.reply)};
    }
    const EntityRequest& request = request_of(question);
    EntityChange change = request.kind == plan_kind ? TRY(prepare_plan(scope, request, stored))
                                                    : TRY(prepare_write(scope, request, first));
    if (request.kind == plan_kind && !change.write.ops.empty()) {
        AuditRecord record{now.utc, {}, request.actor};
        record.action = "change";
        record.kind = plan_kind;
        record.before = "{\"roles\":" + roles_json(layout_of(around_.catalog)) + "}";
        record.after = request.body;
        change.write.ops.emplace_back(audit_put(record, around_.rng));
    }
    const RouteScope routes{around_.catalog, now.utc, request, change.write};
    if (!request.dry_run) {
        TRY(check_expected_routes(routes));
        return Judged{std::move(change.write), std::move(change.reply), std::move(change.claims)};
    }
    EntityReply would{std::nullopt,
                      dry_run_json(change.before, change.reply.json, changed_routes_json(routes)),
                      {}};
    return Judged{{}, std::move(would)};
}

void StoreRole::judge(Now now, Change change, const std::vector<store::KeyValue>& stored,
                      ports::Outbox& out) {
    const auto* request = get_if<EntityRequest>(&change.question.payload);
    if (request != nullptr && request->kind == configuration_kind)
        return gather_past(now, std::move(change), stored, out);
    auto outcome = judged(now, change.question, stored);
    if (!outcome) {
        refuse(change.question, outcome.error(), out);
        return;
    }
    write(now, std::move(change), std::move(*outcome), out);
}

// Answers at once where there is nothing to write.
void StoreRole::write(Now now, Change change, Judged judged, ports::Outbox& out) {
    if (judged.write.ops.empty()) {
        const ports::Letter& question = change.question;
        out.send({question.to, question.from, question.request, std::move(judged.reply)});
        return;
    }
    store::WriterOutbox box;
    const auto ticket = writer_.txn(now.mono, std::move(judged.write), box);
    if (!ticket) {
        refuse(change.question, ticket.error(), out);
        return;
    }
    licences_.hold(judged.claims);
    writing_.emplace(*ticket,
                     Writing{std::move(change), std::move(judged.reply), std::move(judged.claims)});
    flush(now, box, out);
}

void StoreRole::on_store_reply(Now now, const store::Reply& reply, ports::Outbox& out) {
    if (cdrs_.on_reply(now, reply, out)) return;
    if (const auto found = reading_.find(reply.id); found != reading_.end()) {
        Change change = std::move(found->second.change);
        reading_.erase(found);
        on_read(now, std::move(change), reply, out);
        return;
    }
    store::WriterOutbox box;
    writer_.on_reply(now.mono, reply, box);
    flush(now, box, out);
}

// An answer that was lost on its way will not come: nothing was written, so the asker may try
// again.
void StoreRole::give_up_reading(Readings::iterator read, ports::Outbox& out) {
    const Change change = std::move(read->second.change);
    reading_.erase(read);
    refuse(change.question, make_error(ErrorCode::Unavailable, "", "the store does not answer"),
           out);
}

void StoreRole::on_read(Now now, Change change, const store::Reply& reply, ports::Outbox& out) {
    const auto* range = reply.body ? std::get_if<store::RangeReply>(&*reply.body) : nullptr;
    if (!range) {
        refuse(change.question, make_error(ErrorCode::Unavailable, "", "the store does not answer"),
               out);
        return;
    }
    if (range->more && holds_alternative<EntityRequest>(change.question.payload) &&
        request_of(change.question).kind == configuration_kind) {
        refuse(change.question,
               make_error(ErrorCode::Unavailable, "", "the audit log is behind: try again"), out);
        return;
    }
    judge(now, std::move(change), range->items, out);
}

void StoreRole::flush(Now now, store::WriterOutbox& box, ports::Outbox& out) {
    for (store::Request& request : box.requests) {
        const store::RequestId id = request.id;
        out.send(around_.self, ports::kKeyValue, std::move(request), id);
    }
    for (const store::Completion& done : box.completions) on_completion(now, done, out);
}

void StoreRole::on_completion(Now now, const store::Completion& completion, ports::Outbox& out) {
    if (completion.ticket == deletion_ && cdrs_.is_deleting()) {
        return cdrs_.on_deleted(now, completion.outcome.has_value(), out);
    }
    const auto found = writing_.find(completion.ticket);
    if (found == writing_.end()) return;
    Writing done = std::move(found->second);
    writing_.erase(found);
    if (completion.outcome) {
        ++writes_;
        if (!done.claims.empty()) claims_.emplace_back(*completion.outcome, std::move(done.claims));
        release_claims();
        shown_.push_back({std::move(done.change.question), std::move(done.reply),
                          *completion.outcome, now.mono + catalog_wait_max});
        answer_shown(now, out);
        return;
    }
    licences_.release(done.claims);
    // What the judgement stood on has changed meanwhile: judge again, by what is there now.
    if (completion.outcome.error().code == ErrorCode::Conflict &&
        ++done.change.tries < judgements_max) {
        read_then_write(now, std::move(done.change), out);
        return;
    }
    refuse(done.change.question, completion.outcome.error(), out);
}

void StoreRole::answer(const ports::Letter& question, Result<EntityReply> reply,
                       ports::Outbox& out) {
    if (reply) {
        out.reply(question, std::move(*reply));
        return;
    }
    refuse(question, std::move(reply.error()), out);
}

// In the words of whoever asked.
void StoreRole::refuse(const ports::Letter& question, Error error, ports::Outbox& out) {
    ++refused_;
    if (holds_alternative<ports::JoinTokenQuery>(question.payload)) {
        out.reply(question, ports::JoinTokenReply{std::move(error), {}});
    } else if (holds_alternative<ports::ServerJoin>(question.payload)) {
        ports::ServerJoined refusal;
        refusal.error = std::move(error);
        out.reply(question, std::move(refusal));
    } else {
        EntityReply refusal;
        refusal.error = std::move(error);
        out.reply(question, std::move(refusal));
    }
}

void StoreRole::release_claims() {
    while (!claims_.empty() && claims_.front().first <= around_.catalog.revision()) {
        licences_.release(claims_.front().second);
        claims_.pop_front();
    }
}

// In the order of writing, which is that of revisions. A catalog that is late holds an answer back
// for a while only: the write is done in any case.
void StoreRole::answer_shown(Now now, ports::Outbox& out) {
    while (!shown_.empty()) {
        Shown& first = shown_.front();
        const bool visible = around_.catalog.revision() >= first.revision;
        if (!visible && first.deadline > now.mono) return;
        const ports::Letter& question = first.question;
        out.send({question.to, question.from, question.request, std::move(first.reply)});
        shown_.pop_front();
    }
}

}  // namespace tandem::roles::store_role
