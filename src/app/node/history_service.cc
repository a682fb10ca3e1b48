#include "app/node/history_service.h"

#include <vector>

#include "base/json_text.h"
#include "model/codec.h"
#include "model/generated/cdr.h"
#include "runtime/sqlite/audit_history.h"
#include "runtime/sqlite/cdr_history.h"

namespace tandem::app {
namespace {

Result<runtime::CdrQuery> to_query(const ports::HistoryQuery& asked) {
    runtime::CdrQuery query;
    if (!asked.domain_id.empty()) {
        query.domain = DomainId::parse(asked.domain_id);
        if (!query.domain) return make_error(ErrorCode::Malformed, "domain", "no id of a domain");
    }
    if (!asked.call_id.empty()) {
        query.call = CallId::parse(asked.call_id);
        if (!query.call) return make_error(ErrorCode::Malformed, "call", "no id of a call");
    }
    if (asked.from_ms != 0) query.from = UtcTime{asked.from_ms};
    if (asked.to_ms != 0) query.to = UtcTime{asked.to_ms};
    if (!asked.number.empty()) query.number = asked.number;
    query.cursor = asked.after;
    query.limit = asked.limit;
    return query;
}

Result<std::string> page_of(runtime::CdrHistory& history, const ports::HistoryQuery& asked) {
    const runtime::CdrPage page = TRY(history.query(TRY(to_query(asked))));
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

HistoryService::HistoryService(std::string path) : path_(std::move(path)) {}

HistoryService::~HistoryService() = default;

Result<void> HistoryService::open() {
    if (!history_) history_ = TRY(runtime::CdrHistory::open(path_));
    if (audit_) return {};
    const std::string folder = path_.substr(0, path_.rfind('/') + 1);
    audit_ = std::make_unique<runtime::AuditHistory>(
        TRY(runtime::AuditHistory::open(folder + "audit.db")));
    return {};
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

std::optional<ports::Letter> HistoryService::take(const ports::Letter& letter) {
    const auto opened = open();
    if (const auto* asked = get_if<ports::HistoryQuery>(&letter.payload)) {
        ports::HistoryPage page;
        auto json = opened.has_value() ? page_of(*history_, *asked) : opened.error();
        if (json.has_value()) {
            page.json = std::move(*json);
        } else {
            page.error = json.error();
        }
        return ports::Letter{letter.to, letter.from, letter.request, std::move(page)};
    }
    if (const auto* asked = get_if<ports::AuditQuery>(&letter.payload)) {
        ports::AuditPage page;
        auto json = opened.has_value() ? audit_->query(*asked) : opened.error();
        if (json.has_value()) {
            page.json = std::move(*json);
        } else {
            page.error = json.error();
        }
        return ports::Letter{letter.to, letter.from, letter.request, std::move(page)};
    }
    if (const auto* records = get_if<ports::HistoryAppend>(&letter.payload)) {
        ports::HistoryAppended done;
        const auto appended = opened.has_value() ? append(*records) : opened;
        if (!appended.has_value()) done.error = appended.error();
        return ports::Letter{letter.to, letter.from, letter.request, std::move(done)};
    }
    return std::nullopt;
}

}  // namespace tandem::app
