#include "app/node/history_service.h"

#include <utility>

#include "app/node/cdr_csv.h"
#include "base/json_text.h"
#include "model/codec.h"
#include "model/generated/cdr.h"
#include "runtime/sqlite/audit_history.h"
#include "runtime/sqlite/cdr_history.h"

namespace tandem::app {
namespace {

// Ids that are wrong are of a gate, whose own checks have let them pass.
template <typename T>
Result<void> take_id(std::optional<T>& id, const std::string& text, std::string_view field) {
    if (text.empty()) return {};
    id = T::parse(text);
    if (id) return {};
    return make_error(ErrorCode::Malformed, field, "this is no id");
}

// `parsed` is what `text` says, if it says one.
template <typename E>
Result<std::optional<E>> choice(const std::string& text, std::optional<E> parsed,
                                std::string_view field) {
    if (text.empty()) return std::optional<E>();
    if (parsed) return parsed;
    std::string names;
    for (const std::string_view name : model::names_of(E{}))
        names.append(names.empty() ? "" : ", ").append(name);
    return make_error(ErrorCode::OutOfRange, field, "must be one of " + names);
}

Result<runtime::CdrQuery> to_query(const ports::HistoryQuery& asked) {
    runtime::CdrQuery query;
    TRY(take_id(query.domain, asked.domain_id, "domain"));
    TRY(take_id(query.call, asked.call_id, "call"));
    TRY(take_id(query.account, asked.account_id, "account"));
    query.direction =
        TRY(choice(asked.direction, model::parse_call_direction(asked.direction), "direction"));
    query.result = TRY(choice(asked.result, model::parse_call_result(asked.result), "result"));
    if (asked.sip_status >= 0) query.sip_status = asked.sip_status;
    query.duration_min = std::chrono::milliseconds(asked.duration_min_ms);
    if (asked.from_ms != 0) query.from = UtcTime{asked.from_ms};
    if (asked.to_ms != 0) query.to = UtcTime{asked.to_ms};
    if (!asked.number.empty()) query.number = asked.number;
    query.cursor = asked.after;
    query.limit = asked.limit;
    return query;
}

std::string json_of(const runtime::CdrPage& page) {
    JsonWriter json;
    json.begin_object().field("items").begin_list();
    for (const model::Cdr& record : page.items) {
        json.raw(model::encode(record, model::Audience::Api));
    }
    json.end_list().field("next");
    if (page.next.empty()) {
        json.null();
    } else {
        json.value(page.next);
    }
    return json.end_object().take();
}

}  // namespace

HistoryService::HistoryService(std::string path, Reply reply)
    : path_(std::move(path)), reply_(std::move(reply)) {}

HistoryService::~HistoryService() = default;

Result<void> HistoryService::open() {
    if (!history_) history_ = TRY(runtime::CdrHistory::open(path_));
    if (audit_) return {};
    const std::string folder = path_.substr(0, path_.rfind('/') + 1);
    audit_ = std::make_unique<runtime::AuditHistory>(
        TRY(runtime::AuditHistory::open(folder + "audit.db")));
    return {};
}

Result<ports::HistoryPage> HistoryService::page_of(const ports::HistoryQuery& asked) {
    runtime::CdrPage found = TRY(history_->query(TRY(to_query(asked))));
    ports::HistoryPage page;
    if (!asked.csv) {
        page.json = json_of(found);
        return page;
    }
    if (asked.after.empty()) page.json = cdr_csv_head();
    for (const model::Cdr& record : found.items) append_cdr_csv(page.json, record);
    page.next = std::move(found.next);
    return page;
}

Result<void> HistoryService::append(const ports::HistoryAppend& letter) {
    std::vector<std::string_view> cdrs;
    std::vector<std::string_view> changes;
    for (const auto& record : letter.records) {
        const bool is_cdr = record.kind == ports::HistoryAppend::Kind::Cdr;
        (is_cdr ? cdrs : changes).push_back(record.json);
    }
    if (!cdrs.empty()) (void)TRY(history_->insert(cdrs));
    if (!changes.empty()) (void)TRY(audit_->insert(changes));
    return {};
}

Result<ports::HistoryErased> HistoryService::erase(const ports::HistoryErase& letter) {
    ports::HistoryErased erased;
    if (letter.calls_before_ms > 0)
        erased.calls = static_cast<uint32_t>(
            TRY(history_->erase_before(UtcTime{letter.calls_before_ms}, letter.limit)));
    if (letter.audit_before_ms > 0)
        erased.audit = static_cast<uint32_t>(
            TRY(audit_->erase_before(UtcTime{letter.audit_before_ms}, letter.limit)));
    return erased;
}

std::optional<ports::Payload> HistoryService::answer(const ports::Letter& letter) {
    const auto opened = open();
    if (const auto* asked = get_if<ports::HistoryQuery>(&letter.payload)) {
        auto page = opened.has_value() ? page_of(*asked) : opened.error();
        if (page.has_value()) return std::move(*page);
        Error error = page.error();
        if (error.field == "cursor") error.field = "after";  // as the API calls it
        return ports::HistoryPage{std::move(error), {}};
    }
    if (const auto* asked = get_if<ports::AuditQuery>(&letter.payload)) {
        auto json = opened.has_value() ? audit_->query(*asked) : opened.error();
        if (json.has_value()) return ports::AuditPage{{}, std::move(*json)};
        return ports::AuditPage{json.error(), {}};
    }
    if (const auto* records = get_if<ports::HistoryAppend>(&letter.payload)) {
        const auto appended = opened.has_value() ? append(*records) : opened;
        ports::HistoryAppended done;
        if (!appended.has_value()) done.error = appended.error();
        return done;
    }
    if (const auto* wanted = get_if<ports::HistoryErase>(&letter.payload)) {
        auto erased = opened.has_value() ? erase(*wanted) : opened.error();
        if (erased.has_value()) return std::move(*erased);
        ports::HistoryErased failed;
        failed.error = erased.error();
        return failed;
    }
    return std::nullopt;
}

void HistoryService::on_letters(Now, std::vector<ports::Letter>&& letters) {
    for (const ports::Letter& letter : letters) {
        auto payload = answer(letter);
        if (payload) reply_({letter.to, letter.from, letter.request, std::move(*payload)});
    }
}

}  // namespace tandem::app
