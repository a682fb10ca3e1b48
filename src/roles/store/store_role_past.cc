// What a domain was: its audit log is gathered from the outbox and from history, in this order, in
// which records move, so that none is missed.
#include "roles/store/entity_reader.h"
#include "roles/store/limits.h"
#include "roles/store/roll_back.h"
#include "roles/store/route_checks.h"
#include "roles/store/store_role.h"
#include "store/keys.h"

namespace tandem::roles::store_role {

void StoreRole::gather_past(Now now, Change change, const std::vector<store::KeyValue>& outbox,
                            ports::Outbox& out) {
    const auto& request = get<ports::EntityRequest>(change.question.payload);
    const auto domain = resolve_domain(around_.catalog, request.domain);
    if (!domain) return refuse(change.question, domain.error(), out);
    Gathering gathering;
    gathering.query.domain_id = domain->text();
    gathering.query.from_ms = roll_back_time(request);  // with the change that is named itself
    gathering.query.limit = past_page;
    gathering.query.oldest_first = true;
    gathering.query.whole = true;
    gathering.deadline = now.mono + history_answer_max;
    const std::string mark = "\"domain\":\"" + domain->text() + "\"";
    for (const store::KeyValue& each : outbox) {
        if (each.value.find(mark) != std::string::npos) gathering.records.push_back(each.value);
    }
    gathering.change = std::move(change);
    ask_past(std::move(gathering), out);
}

void StoreRole::ask_past(Gathering gathering, ports::Outbox& out) {
    const uint64_t id = uint64_t{around_.self.number} << 48 | uint64_t{1} << 47 | ++requests_;
    out.send(around_.self, ports::kHistory, gathering.query, id);
    gathering_.emplace(id, std::move(gathering));
}

void StoreRole::on_past(Now now, uint64_t request, const ports::AuditPage& page,
                        ports::Outbox& out) {
    const auto found = gathering_.find(request);
    if (found == gathering_.end()) return;
    Gathering gathering = std::move(found->second);
    gathering_.erase(found);
    if (page.error) return refuse(gathering.change.question, *page.error, out);
    const std::string next = take_records(page.json, gathering.records);
    if (gathering.records.size() > past_records_max) {
        return refuse(gathering.change.question,
                      make_error(ErrorCode::TooLarge, "at",
                                 "more than 10000 changes were made since: choose a later time"),
                      out);
    }
    if (next.empty()) return judge_past(now, std::move(gathering), out);
    gathering.query.after = next;
    ask_past(std::move(gathering), out);
}

void StoreRole::judge_past(Now now, Gathering gathering, ports::Outbox& out) {
    const auto& request = get<ports::EntityRequest>(gathering.change.question.payload);
    auto change = prepare_roll_back(scope_at(now), request, gathering.records);
    if (!change) return refuse(gathering.change.question, change.error(), out);
    if (!request.dry_run && request.verb != ports::EntityVerb::Read) {
        const auto kept = check_expected_routes({around_.catalog, now.utc, request, change->write});
        if (!kept) return refuse(gathering.change.question, kept.error(), out);
    }
    Judged judged{std::move(change->write), std::move(change->reply), std::move(change->claims)};
    if (request.dry_run || request.verb == ports::EntityVerb::Read) judged.write = {};
    write(now, std::move(gathering.change), std::move(judged), out);
}

}  // namespace tandem::roles::store_role
