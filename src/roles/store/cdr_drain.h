// The way of finished calls into history. B2B puts a record into the outbox in the transaction that
// ends the call. Every ST, active or passive, takes all records into the history of its own node:
// it reads the outbox once and follows a watch, whose events carry them. So the history is there
// on each server that has an ST, whichever of them dies.
//
// Where there are several, each writes how far it has come (outbox/seen/<instance>: the revision up
// to which its history has everything). The active one deletes what all have. A record may be given
// to a history twice (which drops the second), and is never lost.
//
// Pure; a part of StoreRole, which carries its deletions through the guarded writer.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ports/letter.h"
#include "roles/store/limits.h"
#include "store/kv.h"
#include "store/writer.h"

namespace tandem::roles::store_role {

class CdrDrain {
 public:
    struct Bounds {
        size_t waiting_max = outbox_waiting_max;
        size_t kept_max = outbox_kept_max;
    };
    explicit CdrDrain(const ports::Surroundings& around) : CdrDrain(around, Bounds{}) {}
    CdrDrain(const ports::Surroundings& around, Bounds bounds);

    void start(Now now, ports::Outbox& out);
    // Whether this is the copy that deletes.
    void set_active(Now now, bool active, ports::Outbox& out);
    // Which other copies there are may have changed.
    void on_catalog(Now now, ports::Outbox& out);
    bool on_reply(Now now, const store::Reply& reply, ports::Outbox& out);  // whether it was ours
    void on_watch(Now now, const store::WatchBatch& batch, ports::Outbox& out);
    void on_appended(Now now, uint64_t request, const ports::HistoryAppended& appended,
                     ports::Outbox& out);
    void on_unreachable(Now now, uint64_t request);
    void on_timeout(Now now, ports::Outbox& out);
    std::optional<Instant> next_deadline() const;

    // What is to be deleted now, one at a time: on_deleted() tells how it went. To be asked after
    // each of the above.
    std::optional<store::Member> take_deletion(Now now, ports::Outbox& out);
    void on_deleted(Now now, bool done, ports::Outbox& out);
    bool is_deleting() const { return !deletion_.empty() || !stale_.empty(); }

    uint64_t taken() const { return taken_; }  // by history
    size_t held() const {
        return held_.size();
    }  // of these, in the outbox: known to the active one

 private:
    // What is asked; one thing at a time.
    enum class Step : uint8_t { Idle, Watching, Reading, Appending };
    struct Record {
        ports::HistoryAppend::Record record;
        store::Revision revision;
        store::Revision before;  // everything up to here was told before it
    };
    using Held = std::pair<store::Revision, std::string>;  // in the order of age

    void go_on(Now now, ports::Outbox& out);
    void begin_watch(Now now, ports::Outbox& out);
    void lose_watch();
    void begin_pass();
    void read_page(Now now, ports::Outbox& out);
    void on_page(Now now, const store::RangeReply& page, ports::Outbox& out);
    void take_event(const store::WatchEvent& event);
    void take_waiting();
    void append(Now now, ports::Outbox& out);
    void gather(Now now);
    void pause(Now now);
    void note_passed(Now now, ports::Outbox& out);
    void mark(Now now, ports::Outbox& out);
    void on_marked(Now now, const store::Reply& reply, ports::Outbox& out);
    void note_seen(const store::KeyValue& item);
    store::Revision seen(uint16_t instance) const;
    uint16_t slowest() const;  // of the others; 0: there are none
    store::Revision floor() const;
    void tell_forgone(ports::Outbox& out);
    store::RequestId ask(store::RequestBody body, ports::Outbox& out);
    store::RequestId next_request();

    const ports::Surroundings& around_;
    Bounds bounds_;
    bool active_ = false;
    std::vector<uint16_t> others_;  // enabled copies of this group
    std::set<uint16_t> known_;      // ST instances of the catalog, enabled or not

    // Taking.
    Step step_ = Step::Idle;
    uint64_t requests_ = 0;
    uint64_t awaited_ = 0;        // the request of the step
    uint64_t first_asked_ = 0;    // to append this batch; it may have been asked several times
    std::optional<Instant> due_;  // what is awaited is late; or a pause ends
    store::WatchId watch_ = 0;
    bool watched_ = false;
    bool pass_wanted_ = true;              // the whole outbox is to be read, from its beginning
    std::optional<store::KeyRange> rest_;  // of the pass under way
    bool page_was_last_ = false;           // pages and events take turns
    bool complete_ = false;                // a pass has ended, and nothing was left out since
    std::deque<Record> waiting_;           // told, in the order of revisions
    size_t gathered_ = 0;                  // of these, to be taken without another pause
    std::vector<Record> batch_;            // being given to history
    store::Revision told_;                 // by the watch
    store::Revision passed_;               // all up to here are in history
    store::Revision newest_;               // of what is in history
    uint64_t taken_ = 0;

    // Marking.
    std::map<uint16_t, store::Revision> seen_;  // what outbox/seen/ says
    store::RequestId mark_request_ = 0;
    store::Revision marking_;
    std::optional<Instant> mark_due_;

    // Deleting.
    std::set<Held> held_;
    std::vector<Held> deletion_;
    std::vector<uint16_t> stale_;  // marks of instances that are no more, being deleted
    std::optional<Instant> delete_due_;
    size_t forgoing_ = 0;  // of deletion_, what the slowest copy does not have
    uint64_t forgone_ = 0;
    uint16_t forgone_by_ = 0;
    store::Revision forgone_floor_;
};

}  // namespace tandem::roles::store_role
