// Finished calls on their way: B2B puts a record into the outbox in the transaction that ends the
// call; ST gives it to history and deletes it there. A record may be given twice (history drops the
// second), never lost.
#include "roles/store/limits.h"
#include "roles/store/store_role.h"
#include "store/keys.h"

namespace tandem::roles::store_role {
namespace {

constexpr store::WatchId kWatchOfOutbox = 0x5354'0000'0000'0000;

}  // namespace

void StoreRole::watch_outbox(ports::Outbox& out) {
    store::WatchCreate watch;
    watch.watch = kWatchOfOutbox + around_.self.number;
    watch.range = store::KeyRange::prefix(store::keys::cdr_outbox_prefix);
    outbox_watch_ = ask_store(std::move(watch), out);
    outbox_watched_ = true;
}

void StoreRole::read_outbox(Now now, ports::Outbox& out) {
    if (!outbox_watched_) watch_outbox(out);
    if (outbox_phase_ != Outbound::Idle || !is_active()) return;
    if (!outbox_dirty_) return;
    outbox_dirty_ = false;
    store::RangeRequest range;
    range.range = store::KeyRange::prefix(store::keys::cdr_outbox_prefix);
    range.limit = outbox_batch;
    outbox_phase_ = Outbound::Reading;
    outbox_retry_ = now.mono + store_answer_max;
    outbox_read_ = ask_store(std::move(range), out);
}

void StoreRole::on_outbox_page(Now now, const store::Reply& reply, ports::Outbox& out) {
    outbox_retry_.reset();
    const auto* page = reply.body ? std::get_if<store::RangeReply>(&*reply.body) : nullptr;
    if (!page) {
        pause_outbox(now);
        return;
    }
    outbox_phase_ = Outbound::Idle;
    outbox_more_ = page->more;
    if (page->items.empty()) {
        gather_outbox(now);
        return;
    }
    // Our own deletions wake us once more, so that the last page is always an empty one.
    if (outbox_more_) outbox_dirty_ = true;
    ports::HistoryAppend append;
    outbox_keys_.clear();
    for (const store::KeyValue& item : page->items) {
        append.records.push_back(
            {item.key.substr(store::keys::cdr_outbox_prefix.size()), item.value});
        outbox_keys_.push_back(item.key);
    }
    outbox_phase_ = Outbound::Appending;
    outbox_retry_ = now.mono + history_answer_max;
    out.send(around_.self, ports::kHistory, std::move(append), ++requests_);
}

void StoreRole::on_appended(Now now, const ports::HistoryAppended& appended, ports::Outbox& out) {
    if (outbox_phase_ != Outbound::Appending) return;
    outbox_retry_.reset();
    if (appended.error) {
        pause_outbox(now);
        return;
    }
    cdrs_ += outbox_keys_.size();
    store::Member member;
    for (std::string& key : outbox_keys_) member.ops.emplace_back(store::Delete{std::move(key)});
    outbox_keys_.clear();
    store::WriterOutbox box;
    const auto ticket = writer_.txn(now.mono, std::move(member), box);
    if (!ticket) {
        pause_outbox(now);
        return;
    }
    outbox_phase_ = Outbound::Deleting;
    outbox_delete_ = *ticket;
    flush(now, box, out);
}

// What has come is read a little later, with what comes meanwhile: each step costs the disk several
// commits, whether it moves one record or a hundred.
void StoreRole::gather_outbox(Now now) {
    if (!outbox_dirty_ || outbox_phase_ != Outbound::Idle || outbox_retry_) return;
    outbox_retry_ = now.mono + outbox_gathering;
}

void StoreRole::pause_outbox(Now now) {
    outbox_phase_ = Outbound::Idle;
    outbox_dirty_ = true;
    outbox_retry_ = now.mono + outbox_retry_pause;
}

}  // namespace tandem::roles::store_role
