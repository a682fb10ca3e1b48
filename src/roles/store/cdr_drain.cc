#include "roles/store/cdr_drain.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::store_role {
namespace {

constexpr store::WatchId kFirstWatch = 0x5354'0000'0000'0000;
constexpr store::Revision kEverything{std::numeric_limits<uint32_t>::max(),
                                      std::numeric_limits<int64_t>::max()};

// "<generation>:<number>"
std::string text_of(store::Revision revision) {
    return std::to_string(revision.generation) + ":" + std::to_string(revision.number);
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<store::Revision> revision_of(std::string_view text) {
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto generation = number_of<uint32_t>(text.substr(0, colon));
    const auto number = number_of<int64_t>(text.substr(colon + 1));
    if (!generation || !number) return std::nullopt;
    return store::Revision{*generation, *number};
}

std::optional<uint16_t> instance_of(std::string_view key) {
    if (!key.starts_with(store::keys::cdr_seen_prefix)) return std::nullopt;
    return number_of<uint16_t>(key.substr(store::keys::cdr_seen_prefix.size()));
}

// Both kinds of records; what lies between them is of this kind, too.
store::KeyRange records_range() {
    store::KeyRange range = store::KeyRange::prefix(store::keys::audit_outbox_prefix);
    range.end = store::KeyRange::prefix(store::keys::cdr_outbox_prefix).end;
    return range;
}

// nullopt: no record.
std::optional<ports::HistoryAppend::Record> record_of(const store::KeyValue& entry) {
    using Kind = ports::HistoryAppend::Kind;
    for (const auto& [prefix, kind] : {std::pair{store::keys::cdr_outbox_prefix, Kind::Cdr},
                                       {store::keys::audit_outbox_prefix, Kind::Audit}}) {
        if (entry.key.starts_with(prefix))
            return ports::HistoryAppend::Record{entry.key.substr(prefix.size()), entry.value, kind};
    }
    return std::nullopt;
}
std::string key_of(const ports::HistoryAppend::Record& record) {
    const bool is_cdr = record.kind == ports::HistoryAppend::Kind::Cdr;
    return std::string(is_cdr ? store::keys::cdr_outbox_prefix : store::keys::audit_outbox_prefix) +
           record.id;
}

ports::LogLine warning(std::string text) {
    return {ports::LogLine::Level::Warn, std::move(text), {}, {}};
}

}  // namespace

CdrDrain::CdrDrain(const ports::Surroundings& around, Bounds bounds)
    : around_(around), bounds_(bounds), watch_(kFirstWatch) {}

void CdrDrain::start(Now now, ports::Outbox& out) {
    on_catalog(now, out);
    go_on(now, out);
}

// What went into history before is not in the list of what may be deleted: it is read again.
void CdrDrain::set_active(Now now, bool active, ports::Outbox& out) {
    if (active == active_) return;
    active_ = active;
    if (!active) {
        tell_forgone(out);
        held_.clear();
        delete_due_.reset();
        return;
    }
    pass_wanted_ = true;
    go_on(now, out);
}

void CdrDrain::on_catalog(Now now, ports::Outbox& out) {
    others_.clear();
    known_.clear();
    const auto* self = around_.catalog.find_role_instance(around_.self.number);
    around_.catalog.visit_role_instances([&](const auto& entity) {
        const model::RoleInstance& each = entity;
        if (each.role != model::RoleCode::St) return true;
        const auto number = static_cast<uint16_t>(each.number);
        known_.insert(number);
        const bool is_copy =
            number != around_.self.number && self != nullptr && each.group == self->group;
        if (is_copy && each.enabled) others_.push_back(number);
        return true;
    });
    mark(now, out);
}

// ---- Taking: the watch first, then the whole outbox, then what the watch tells. What the watch
// tells meanwhile takes turns with the pages.

void CdrDrain::go_on(Now now, ports::Outbox& out) {
    if (step_ != Step::Idle || due_) return;
    if (!watched_) return begin_watch(now, out);
    if (!batch_.empty()) return append(now, out);
    if (pass_wanted_ && !rest_) begin_pass();
    if (rest_) gathered_ = waiting_.size();
    if (rest_ && (gathered_ == 0 || !page_was_last_)) return read_page(now, out);
    if (gathered_ == 0) return gather(now);
    page_was_last_ = false;
    take_waiting();
    append(now, out);
}

void CdrDrain::begin_watch(Now now, ports::Outbox& out) {
    // One whose answer was lost may be there.
    if (watch_ != kFirstWatch) (void)ask(store::WatchCancel{watch_}, out);
    told_ = {};
    store::WatchCreate watch;
    watch.watch = ++watch_;
    watch.range = store::KeyRange::prefix(store::keys::outbox_prefix);
    step_ = Step::Watching;
    due_ = now.mono + store_answer_max;
    awaited_ = ask(std::move(watch), out);
}

// There is a gap from here on, and perhaps another store.
void CdrDrain::lose_watch() {
    watched_ = false;
    complete_ = false;
    pass_wanted_ = true;
    rest_.reset();
    waiting_.clear();
    seen_.clear();
    held_.clear();
    if (step_ == Step::Appending) return;
    step_ = Step::Idle;
    awaited_ = 0;
    due_.reset();
}

void CdrDrain::begin_pass() {
    pass_wanted_ = false;
    complete_ = false;
    page_was_last_ = false;
    waiting_.clear();
    held_.clear();
    rest_ = store::KeyRange::prefix(store::keys::cdr_seen_prefix);
}

void CdrDrain::read_page(Now now, ports::Outbox& out) {
    store::RangeRequest page;
    page.range = *rest_;
    page.limit = outbox_batch;
    page_was_last_ = true;
    step_ = Step::Reading;
    due_ = now.mono + store_answer_max;
    awaited_ = ask(std::move(page), out);
}

bool CdrDrain::on_reply(Now now, const store::Reply& reply, ports::Outbox& out) {
    const uint64_t prefix = uint64_t{around_.self.number} << 2 | 1;
    if (reply.id >> 46 != prefix) return false;
    if (reply.id == mark_request_) {
        on_marked(now, reply, out);
        return true;
    }
    const bool awaited = step_ == Step::Watching || step_ == Step::Reading;
    if (!awaited || reply.id != awaited_) return true;  // late, or of a watch that was given up
    const bool watching = step_ == Step::Watching;
    step_ = Step::Idle;
    due_.reset();
    const auto* done = reply.body ? std::get_if<store::DoneReply>(&*reply.body) : nullptr;
    const auto* page = reply.body ? std::get_if<store::RangeReply>(&*reply.body) : nullptr;
    if (watching && done != nullptr) {
        watched_ = true;
        told_ = std::max(told_, done->revision);
        go_on(now, out);
    } else if (!watching && page != nullptr) {
        on_page(now, *page, out);
    } else {
        pause(now);
    }
    return true;
}

void CdrDrain::on_page(Now now, const store::RangeReply& page, ports::Outbox& out) {
    const bool of_marks = rest_->begin.starts_with(store::keys::cdr_seen_prefix);
    for (const store::KeyValue& item : page.items) {
        if (of_marks) {
            note_seen(item);
            continue;
        }
        if (auto record = record_of(item))
            batch_.push_back({std::move(*record), item.mod_revision, {}});
    }
    if (page.more) {
        rest_->begin = page.items.back().key + '\0';
    } else if (of_marks) {
        rest_ = records_range();
    } else {
        rest_.reset();
        complete_ = !pass_wanted_;
    }
    note_passed(now, out);
    go_on(now, out);
}

void CdrDrain::on_watch(Now now, const store::WatchBatch& batch, ports::Outbox& out) {
    if (batch.watch != watch_) return;
    if (batch.kind == store::WatchBatch::Kind::Compacted) {
        lose_watch();
        return go_on(now, out);
    }
    for (const store::WatchEvent& event : batch.events) take_event(event);
    told_ = std::max(told_, batch.revision);
    note_passed(now, out);
    gather(now);
}

void CdrDrain::take_event(const store::WatchEvent& event) {
    const store::KeyValue& entry = event.entry;
    const bool is_put = event.kind == store::WatchEvent::Kind::Put;
    if (entry.key.starts_with(store::keys::cdr_seen_prefix)) {
        if (is_put) return note_seen(entry);
        if (const auto instance = instance_of(entry.key)) seen_.erase(*instance);
        return;
    }
    // A pass that is to begin will find it.
    auto record = is_put && !pass_wanted_ ? record_of(entry) : std::nullopt;
    if (!record) return;
    if (waiting_.size() >= bounds_.waiting_max) {
        waiting_.clear();
        gathered_ = 0;
        complete_ = false;
        pass_wanted_ = true;
        return;
    }
    waiting_.push_back({std::move(*record), entry.mod_revision, told_});
}

void CdrDrain::take_waiting() {
    for (; gathered_ > 0 && batch_.size() < outbox_batch; --gathered_) {
        batch_.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
    }
}

void CdrDrain::append(Now now, ports::Outbox& out) {
    ports::HistoryAppend append;
    for (const Record& each : batch_) append.records.push_back(each.record);
    due_ = now.mono + history_answer_max;
    awaited_ = next_request();
    if (step_ != Step::Appending) first_asked_ = awaited_;
    step_ = Step::Appending;
    out.send(around_.self, ports::kHistory, std::move(append), awaited_);
}

void CdrDrain::on_appended(Now now, uint64_t request, const ports::HistoryAppended& appended,
                           ports::Outbox& out) {
    // An earlier answer, for the same batch, is as good.
    if (step_ != Step::Appending || request < first_asked_ || request > awaited_) return;
    if (appended.error) return pause(now);
    for (const Record& each : batch_) {
        ++taken_;
        newest_ = std::max(newest_, each.revision);
        if (!active_) continue;
        held_.emplace(each.revision, key_of(each.record));
    }
    batch_.clear();
    step_ = Step::Idle;
    due_.reset();
    note_passed(now, out);
    go_on(now, out);
}

void CdrDrain::on_unreachable(Now now, uint64_t request) {
    if (request == mark_request_ && mark_due_) mark_due_ = now.mono + outbox_retry_pause;
    if (request == awaited_ && step_ != Step::Idle) pause(now);
}

void CdrDrain::on_timeout(Now now, ports::Outbox& out) {
    if (mark_due_ && *mark_due_ <= now.mono) {
        mark_due_.reset();
        mark_request_ = 0;
        mark(now, out);
    }
    if (!due_ || *due_ > now.mono) return;
    if (step_ == Step::Appending) return append(now, out);
    due_.reset();
    step_ = Step::Idle;
    awaited_ = 0;
    gathered_ = waiting_.size();
    go_on(now, out);
}

std::optional<Instant> CdrDrain::next_deadline() const {
    std::optional<Instant> next = due_;
    for (const auto& other : {mark_due_, delete_due_}) {
        if (other && (!next || *other < *next)) next = other;
    }
    return next;
}

// What has come goes on a little later, with what comes meanwhile: each step costs the disk several
// commits, whether it moves one record or a hundred.
void CdrDrain::gather(Now now) {
    if (waiting_.empty() && !pass_wanted_) return;
    if (step_ == Step::Idle && !due_) due_ = now.mono + outbox_gathering;
}

void CdrDrain::pause(Now now) {
    step_ = Step::Idle;
    awaited_ = 0;
    due_ = now.mono + outbox_retry_pause;
}

// ---- Marking: how far this copy has come.

void CdrDrain::note_passed(Now now, ports::Outbox& out) {
    if (!complete_ || !batch_.empty()) return;
    passed_ = waiting_.empty() ? told_ : waiting_.front().before;
    mark(now, out);
}

// Only for a record that no mark tells of yet: the mark itself is told by the watch, too.
void CdrDrain::mark(Now now, ports::Outbox& out) {
    if (others_.empty() || mark_due_) return;
    const store::Revision marked = seen(around_.self.number);
    if (passed_ <= marked || newest_ <= marked) return;
    marking_ = passed_;
    store::Txn txn;
    txn.compares = around_.guards;
    txn.then_ops.emplace_back(
        store::Put{store::keys::cdr_seen(around_.self.number), text_of(passed_)});
    mark_due_ = now.mono + store_answer_max;
    mark_request_ = ask(std::move(txn), out);
}

void CdrDrain::on_marked(Now now, const store::Reply& reply, ports::Outbox& out) {
    mark_request_ = 0;
    const auto* done = reply.body ? std::get_if<store::TxnReply>(&*reply.body) : nullptr;
    if (done == nullptr || !done->succeeded) {
        mark_due_ = now.mono + outbox_retry_pause;
        return;
    }
    mark_due_.reset();
    store::Revision& marked = seen_[around_.self.number];
    marked = std::max(marked, marking_);
    mark(now, out);
}

// A page may tell later than the watch what was there before.
void CdrDrain::note_seen(const store::KeyValue& item) {
    const auto instance = instance_of(item.key);
    const auto revision = revision_of(item.value);
    if (!instance || !revision) return;
    store::Revision& known = seen_[*instance];
    known = std::max(known, *revision);
}

store::Revision CdrDrain::seen(uint16_t instance) const {
    const auto found = seen_.find(instance);
    return found == seen_.end() ? store::Revision{} : found->second;
}

// ---- Deleting: what all copies have. Revisions of a store that the data have left are less than
// all of the present one, so that old marks let nothing new go.

uint16_t CdrDrain::slowest() const {
    const auto least =
        std::ranges::min_element(others_, {}, [this](uint16_t instance) { return seen(instance); });
    return least == others_.end() ? 0 : *least;
}

store::Revision CdrDrain::floor() const {
    return others_.empty() ? kEverything : seen(slowest());
}

std::optional<store::Member> CdrDrain::take_deletion(Now now, ports::Outbox& out) {
    if (!active_ || is_deleting() || (delete_due_ && *delete_due_ > now.mono)) return {};
    delete_due_.reset();
    const store::Revision all_have = floor();
    if (forgone_ > 0 && all_have > forgone_floor_) tell_forgone(out);
    size_t excess = held_.size() > bounds_.kept_max ? held_.size() - bounds_.kept_max : 0;
    forgoing_ = 0;
    for (const Held& each : held_) {
        const bool is_had = each.first <= all_have;
        if (deletion_.size() == outbox_batch || (!is_had && excess == 0)) break;
        if (excess > 0) --excess;
        if (!is_had) ++forgoing_;
        deletion_.push_back(each);
    }
    if (forgoing_ > 0 && forgone_ == 0) {
        forgone_by_ = slowest();
        forgone_floor_ = all_have;
    }
    // A catalog that does not show this copy is not the whole one.
    for (const auto& [instance, revision] : seen_) {
        if (!known_.contains(around_.self.number) || known_.contains(instance)) continue;
        if (deletion_.size() + stale_.size() < outbox_batch) stale_.push_back(instance);
    }
    if (!is_deleting()) return {};
    store::Member member;
    for (const Held& each : deletion_) member.ops.emplace_back(store::Delete{each.second});
    for (const uint16_t each : stale_) {
        member.ops.emplace_back(store::Delete{store::keys::cdr_seen(each)});
    }
    return member;
}

void CdrDrain::on_deleted(Now now, bool done, ports::Outbox& out) {
    if (!done) {
        if (active_) delete_due_ = now.mono + outbox_retry_pause;
    } else {
        for (const Held& each : deletion_) held_.erase(each);
        for (const uint16_t each : stale_) seen_.erase(each);
        if (forgoing_ > 0 && forgone_ == 0) {
            out.send(around_.self, ports::kJournal,
                     warning("more than " + std::to_string(bounds_.kept_max) +
                             " records of ended calls wait for ST " + std::to_string(forgone_by_) +
                             ": the oldest are deleted without it"));
        }
        forgone_ += forgoing_;
    }
    forgoing_ = 0;
    deletion_.clear();
    stale_.clear();
}

void CdrDrain::tell_forgone(ports::Outbox& out) {
    if (forgone_ == 0) return;
    out.send(around_.self, ports::kJournal,
             warning(std::to_string(forgone_) + " records of ended calls were deleted without ST " +
                     std::to_string(forgone_by_) + ": its history does not have them"));
    forgone_ = 0;
}

// ---- Asking

store::RequestId CdrDrain::next_request() {
    // Bit 46 keeps these apart from the writer's, which count up from 1 in the same channel, and
    // from the role's own.
    return uint64_t{around_.self.number} << 48 | uint64_t{1} << 46 | ++requests_;
}

store::RequestId CdrDrain::ask(store::RequestBody body, ports::Outbox& out) {
    const store::RequestId id = next_request();
    out.send(around_.self, ports::kKeyValue, store::Request{id, std::move(body)}, id);
    return id;
}

}  // namespace tandem::roles::store_role
