#include "sim/site_store.h"

#include <utility>

#include "base/check.h"
#include "base/json_text.h"

namespace tandem::sim {
namespace {

constexpr uint32_t kGeneration = 1;

}  // namespace

SiteStore::SiteStore(World& world) : world_(world) {}

void SiteStore::write_first(store::Txn txn) {
    store::KvMachine machine(table_, {kGeneration, revision_});
    machine.begin();
    const store::Reply reply = machine.apply(clock(), {1, std::move(txn)});
    CHECK(reply.body.has_value());
    revision_ = machine.revision().number;
}

void SiteStore::start(Reply reply) {
    CHECK(!machine_);
    machine_.emplace(table_, store::Revision{kGeneration, revision_});
    reply_ = std::move(reply);
}

void SiteStore::crash() {
    ++incarnation_;
    machine_.reset();
    if (!queue_.empty()) world_.count("writes lost with the store's node", queue_.size());
    queue_.clear();
    askers_.clear();
    commit_scheduled_ = false;
}

void SiteStore::take(ports::Letter letter) {
    if (!machine_) return;
    if (holds_alternative<store::Request>(letter.payload)) {
        askers_.take(std::move(letter), queue_);
        return schedule_commit();
    }
    world_.after(world_.between(temper.commit_least, temper.commit_most),
                 [this, incarnation = incarnation_, letter = std::move(letter)] {
                     if (incarnation == incarnation_) take_history(letter);
                 });
}

void SiteStore::schedule_commit() {
    if (commit_scheduled_) return;
    commit_scheduled_ = true;
    world_.after(world_.between(temper.commit_least, temper.commit_most),
                 [this, incarnation = incarnation_] {
                     if (incarnation == incarnation_) commit();
                 });
}

SiteStore::Outcome SiteStore::outcome_of(const store::Request& request) {
    // Watches are local to the node that serves the store: they do not fail by themselves.
    const bool is_watch = std::holds_alternative<store::WatchCreate>(request.body) ||
                          std::holds_alternative<store::WatchCancel>(request.body);
    if (is_watch) return Outcome::Done;
    const bool is_write = std::holds_alternative<store::Txn>(request.body);
    if (world_.happens(temper.unavailable)) return Outcome::Unavailable;
    if (world_.happens(temper.reply_lost)) return Outcome::ReplyLost;
    if (is_write && world_.happens(temper.timeout_applied)) return Outcome::TimeoutApplied;
    if (world_.happens(temper.timeout_dropped)) return Outcome::TimeoutDropped;
    return Outcome::Done;
}

void SiteStore::run_one(store::Request& request) {
    const Outcome outcome = outcome_of(request);
    store::Reply reply;
    reply.id = request.id;
    const bool applied = outcome == Outcome::Done || outcome == Outcome::TimeoutApplied ||
                         outcome == Outcome::ReplyLost;
    if (applied) reply = machine_->apply(clock(), request);
    if (outcome == Outcome::TimeoutApplied || outcome == Outcome::TimeoutDropped) {
        world_.count(applied ? "store: unknown outcome, was applied"
                             : "store: unknown outcome, was not applied");
        reply.body = make_error(ErrorCode::Timeout, "store", "no answer within the deadline");
    }
    if (outcome == Outcome::Unavailable) {
        world_.count("store: refused a request");
        reply.body = make_error(ErrorCode::Unavailable, "store", "no store");
    }
    auto answer = askers_.answer(std::move(reply));
    if (outcome == Outcome::ReplyLost) {
        world_.count("store: reply lost");
    } else if (answer) {
        send(std::move(*answer));
    }
}

void SiteStore::commit() {
    commit_scheduled_ = false;
    auto queue = std::exchange(queue_, {});
    store::Outbox out;
    machine_->begin();
    for (store::Request& request : queue) run_one(request);
    machine_->expire(clock());
    machine_->tell_watches(out);
    revision_ = machine_->revision().number;
    tell_watchers(out);
}

void SiteStore::tell_watchers(store::Outbox& out) {
    for (store::WatchBatch& batch : out.watches) {
        if (auto told = askers_.tell(std::move(batch))) send(std::move(*told));
    }
}

void SiteStore::keep_record(const ports::HistoryAppend::Record& record) {
    if (record.kind == ports::HistoryAppend::Kind::Audit) return;
    const auto [entry, is_new] = history_.try_emplace(record.id, record.json);
    if (is_new) return;
    world_.count("CDR given to history twice");
    if (entry->second != record.json) world_.fail("two different CDRs of one id: " + record.id);
}

void SiteStore::take_history(const ports::Letter& letter) {
    if (const auto* records = get_if<ports::HistoryAppend>(&letter.payload)) {
        ports::HistoryAppended done;
        if (world_.happens(temper.unavailable)) {
            done.error = make_error(ErrorCode::Unavailable, "history", "no history");
        } else {
            for (const auto& record : records->records) keep_record(record);
        }
        send({letter.to, letter.from, letter.request, std::move(done)});
    } else if (holds_alternative<ports::HistoryQuery>(letter.payload)) {
        JsonWriter json;
        json.begin_object().field("items").begin_list();
        for (const auto& [id, record] : history_) json.raw(record);
        json.end_list().field("next").null().end_object();
        send({letter.to, letter.from, letter.request, ports::HistoryPage{{}, json.take()}});
    }
}

void SiteStore::send(ports::Letter letter) {
    reply_(std::move(letter));
}

std::vector<store::KeyValue> SiteStore::items(std::string_view prefix) {
    return table_.page(store::KeyRange::prefix(prefix), ~size_t{0}, store::Want::KeysAndValues);
}

std::optional<std::string> SiteStore::value(std::string_view key) {
    const auto item = table_.get(key);
    return item ? std::optional<std::string>(item->value) : std::nullopt;
}

}  // namespace tandem::sim
