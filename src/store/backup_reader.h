// Reads all that a backup holds of a store, at one revision, while the store is written. Whoever
// wants the backup asks for one piece after the other, so that no more than a page is in memory.
//
// History of a busy store is forgotten within seconds (limits.h), so pages are read of its newest
// state, and the watch tells what changed meanwhile; later records overrule earlier ones. A mark
// put into the store at the end comes back by the watch after all changes before it: its revision
// is that of the backup. What the outbox of CDRs holds is read after that, as history is afterwards
// (a record is put into history before it leaves the outbox).
//
// In it are the layers, their indexes and the bindings: the keys from "/" to "binding/". What lives
// with processes only is not: snapshots of calls, leaders, fences, sequence numbers, tokens of
// servers that are to join, and keys with leases. Nor are subscriptions and publications, which
// phones renew within two hours.
//
// Pure and single-threaded. One request is under way at a time; any of them may be asked again.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/result.h"
#include "store/kv.h"

namespace tandem::store {

class BackupReader {
 public:
    // `watch`: a number that nobody else uses at the asker's. `mark`: no other backup has it.
    BackupReader(WatchId watch, std::string mark);

    // What is to be asked of the store now; nullopt: a piece can be taken, or the watch has not
    // come so far yet, or it is over.
    std::optional<RequestBody> next_request();
    void on_reply(const ReplyBody& reply);  // to the last one; on an error it is asked again
    void on_watch(const WatchBatch& batch);

    bool has_begun() const { return phase_ != Phase::Watching; }
    bool has_piece() const { return !pieces_.empty(); }
    std::string take_piece();  // whole records
    bool is_over() const { return phase_ == Phase::Over && pieces_.empty(); }
    const std::optional<Error>& failure() const { return failure_; }
    WatchId watch() const { return watch_; }

 private:
    enum class Phase {
        Watching,   // the watch is to begin
        Copying,    // pages of the layers and bindings
        Marking,    // the mark is put
        Following,  // until the watch tells of it
        Draining,   // pages of the outbox
        Over,
    };

    void break_off(std::string_view why);
    void on_page(const RangeReply& page);
    void append(std::string& piece, const std::string& record);
    void flush(std::string& piece);
    void end();

    WatchId watch_;
    std::string mark_;
    Phase phase_ = Phase::Watching;
    std::string listed_to_;
    std::deque<std::string> pieces_;
    size_t waiting_bytes_ = 0;
    Revision revision_;  // of the mark
    std::optional<Error> failure_;
};

}  // namespace tandem::store
