#include "app/node/store_service.h"

#include <algorithm>

#include "base/json_text.h"
#include "model/codec.h"
#include "model/generated/cdr.h"
#include "runtime/sqlite/cdr_history.h"
#include "runtime/sqlite/sqlite_store.h"

namespace tandem::app {
namespace {

// At 300 calls/s twelve of the some 600 writes a second go together, and a caller's 200 waits 20 ms
// longer at most: less than a phone's own delays, and a fifth of what a snapshot may take.
constexpr Duration commit_pause = 20ms;
// More than this is not held back: it would make the next commit a long one.
constexpr size_t gathered_max = 256;

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

Result<void> append(runtime::CdrHistory& history, const ports::HistoryAppend& letter) {
    std::vector<std::string_view> bodies;
    for (const auto& record : letter.records) bodies.push_back(record.json);
    (void)TRY(history.insert(bodies));
    return {};
}

}  // namespace

StoreService::StoreService(std::unique_ptr<runtime::SqliteStore> store,
                           std::unique_ptr<runtime::CdrHistory> history, Reply reply)
    : store_(std::move(store)), history_(std::move(history)), reply_(std::move(reply)) {}

StoreService::~StoreService() = default;

void StoreService::on_letters(Now now, std::vector<ports::Letter>&& letters) {
    for (ports::Letter& letter : letters) {
        if (holds_alternative<store::Request>(letter.payload)) {
            take_request(std::move(letter));
        } else {
            take_history(letter);
        }
    }
    if (may_commit(now)) commit(now);
}

// A busy store gathers: a commit costs the disk the same whether it holds one write or fifty, and
// nobody misses the milliseconds. Reads are not held up, nor is a write that finds the store idle.
bool StoreService::may_commit(Now now) const {
    const bool only_writes = std::ranges::all_of(batch_, [](const store::Request& request) {
        return std::holds_alternative<store::Txn>(request.body);
    });
    return !only_writes || batch_.size() >= gathered_max || now.mono >= next_commit_;
}

// Requests and watches are numbered by their askers; here they get numbers that are unique.
void StoreService::take_request(ports::Letter letter) {
    store::Request request = std::move(get<store::Request>(letter.payload));
    const Asker asker{letter.from, letter.request, request.id};
    if (auto* watch = std::get_if<store::WatchCreate>(&request.body)) {
        // An asker that began anew, in a new process perhaps, counts its watches from the start.
        if (const auto former = take_watch(letter.from, watch->watch); former != 0) {
            batch_.push_back({0, store::WatchCancel{former}});
            askers_.push_back({});
        }
        watches_[next_watch_] = {letter.from, 0, watch->watch};
        watch->watch = next_watch_++;
    } else if (auto* cancel = std::get_if<store::WatchCancel>(&request.body)) {
        cancel->watch = take_watch(letter.from, cancel->watch);  // 0 is nobody's
    }
    batch_.push_back(std::move(request));
    askers_.push_back(asker);
}

// Our number of the asker's watch, which is forgotten here; 0: there is none.
store::WatchId StoreService::take_watch(ports::Instance asker, store::WatchId theirs) {
    for (const auto& [id, watcher] : watches_) {
        if (watcher.instance != asker || watcher.id != theirs) continue;
        const store::WatchId ours = id;
        watches_.erase(ours);
        return ours;
    }
    return 0;
}

void StoreService::commit(Now now) {
    if (batch_.empty()) return;
    next_commit_ = now.mono + commit_pause;
    store::Outbox out;
    store_->apply_batch(now.mono, batch_, out);
    for (size_t i = 0; i < askers_.size(); ++i) {
        if (!askers_[i].instance) continue;
        store::Reply reply = std::move(out.replies[i]);
        reply.id = askers_[i].id;
        reply_({ports::kKeyValue, askers_[i].instance, askers_[i].request, std::move(reply)});
    }
    batch_.clear();
    askers_.clear();
    tell_watchers(out);
}

void StoreService::tell_watchers(store::Outbox& out) {
    for (store::WatchBatch& batch : out.watches) {
        const auto watcher = watches_.find(batch.watch);
        if (watcher == watches_.end()) continue;
        const Asker asker = watcher->second;
        if (batch.kind == store::WatchBatch::Kind::Compacted) watches_.erase(watcher);
        batch.watch = asker.id;
        reply_({ports::kKeyValue, asker.instance, 0, std::move(batch)});
    }
}

void StoreService::take_history(const ports::Letter& letter) {
    if (const auto* asked = get_if<ports::HistoryQuery>(&letter.payload)) {
        ports::HistoryPage page;
        auto json = page_of(*history_, *asked);
        if (json.has_value()) {
            page.json = std::move(*json);
        } else {
            page.error = json.error();
        }
        reply_({letter.to, letter.from, letter.request, std::move(page)});
    } else if (const auto* records = get_if<ports::HistoryAppend>(&letter.payload)) {
        ports::HistoryAppended done;
        const auto appended = append(*history_, *records);
        if (!appended.has_value()) done.error = appended.error();
        reply_({letter.to, letter.from, letter.request, std::move(done)});
    }
}

void StoreService::on_timeout(Now now) {
    store::Outbox out;
    store_->expire(now.mono, out);
    tell_watchers(out);
    if (may_commit(now)) commit(now);
}

std::optional<Instant> StoreService::next_deadline() const {
    const auto lease = store_->next_deadline();
    if (batch_.empty()) return lease;
    return lease ? std::min(*lease, next_commit_) : next_commit_;
}

}  // namespace tandem::app
