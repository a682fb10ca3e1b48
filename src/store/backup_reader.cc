#include "store/backup_reader.h"

#include <utility>

#include "store/backup_records.h"
#include "store/keys.h"
#include "store/limits.h"

namespace tandem::store {
namespace {

using Kind = BackupRecord::Kind;

// Everything from the layers to the bindings.
KeyRange kept() {
    return {std::string(keys::layers_begin), KeyRange::prefix(keys::binding_prefix).end};
}

bool is_kept(const KeyValue& item) {
    return item.lease == 0 &&
           (item.key.starts_with(keys::layers_begin) || item.key.starts_with(keys::binding_prefix));
}

std::string about_end(Revision revision) {
    return "{\"generation\":" + std::to_string(revision.generation) +
           ",\"revision\":" + std::to_string(revision.number) + "}";
}

}  // namespace

BackupReader::BackupReader(WatchId watch, std::string mark)
    : watch_(watch), mark_(std::move(mark)) {}

std::optional<RequestBody> BackupReader::next_request() {
    if (failure_ || has_piece()) return std::nullopt;
    RangeRequest page;
    page.limit = backup_page_keys;
    switch (phase_) {
        case Phase::Watching:
            return WatchCreate{watch_, kept(), {}};
        case Phase::Copying:
            page.range = kept();
            if (!listed_to_.empty()) page.range.begin = listed_to_ + '\0';
            return page;
        case Phase::Marking:
            return Txn{{}, {Put{std::string(keys::backup_mark), mark_, 0}}, {}};
        case Phase::Draining:
            page.range = KeyRange::prefix(keys::cdr_outbox_prefix);
            if (!listed_to_.empty()) page.range.begin = listed_to_ + '\0';
            return page;
        case Phase::Following:
        case Phase::Over:
            break;
    }
    return std::nullopt;
}

void BackupReader::on_reply(const ReplyBody& reply) {
    if (failure_) return;
    if (const auto* page = std::get_if<RangeReply>(&reply)) return on_page(*page);
    if (phase_ == Phase::Watching) phase_ = Phase::Copying;
    if (phase_ == Phase::Marking && std::holds_alternative<TxnReply>(reply)) {
        phase_ = Phase::Following;
    }
}

void BackupReader::on_page(const RangeReply& page) {
    if (phase_ != Phase::Copying && phase_ != Phase::Draining) return;
    std::string piece;
    for (const KeyValue& item : page.items) {
        std::string record;
        if (phase_ == Phase::Draining) {
            const std::string_view id =
                std::string_view(item.key).substr(keys::cdr_outbox_prefix.size());
            append_record(record, Kind::Cdr, id, item.value);
        } else if (is_kept(item)) {
            append_record(record, Kind::Put, item.key, item.value);
        }
        append(piece, record);
    }
    flush(piece);
    if (!page.items.empty()) listed_to_ = page.items.back().key;
    if (page.more) return;
    listed_to_.clear();
    if (phase_ == Phase::Copying) {
        phase_ = Phase::Marking;
    } else {
        end();
    }
}

void BackupReader::on_watch(const WatchBatch& batch) {
    if (batch.watch != watch_ || failure_) return;
    if (batch.kind == WatchBatch::Kind::Compacted) {
        return break_off("the store has changed hands, or more was written than could be followed");
    }
    if (phase_ == Phase::Draining || phase_ == Phase::Over) return;  // what came after the mark
    std::string piece;
    bool is_marked = false;
    for (const WatchEvent& event : batch.events) {
        const KeyValue& item = event.entry;
        if (item.key == keys::backup_mark && item.value == mark_) {
            revision_ = item.mod_revision;
            is_marked = true;
            break;
        }
        if (!is_kept(item)) continue;
        std::string record;
        const bool is_put = event.kind == WatchEvent::Kind::Put;
        append_record(record, is_put ? Kind::Put : Kind::Delete, item.key, item.value);
        append(piece, record);
    }
    flush(piece);
    if (is_marked) phase_ = Phase::Draining;
    if (waiting_bytes_ > backup_waiting_bytes_max) {
        break_off("more is written than is taken: begin again, nearer to the server");
    }
}

void BackupReader::break_off(std::string_view why) {
    if (is_over() || failure_) return;
    failure_ = make_error(ErrorCode::Conflict, "", why);
    pieces_.clear();
    waiting_bytes_ = 0;
}

void BackupReader::append(std::string& piece, const std::string& record) {
    if (!piece.empty() && piece.size() + record.size() > backup_piece_bytes) flush(piece);
    piece += record;
}

void BackupReader::flush(std::string& piece) {
    if (piece.empty()) return;
    waiting_bytes_ += piece.size();
    pieces_.push_back(std::exchange(piece, {}));
}

void BackupReader::end() {
    std::string piece;
    append_record(piece, Kind::End, {}, about_end(revision_));
    flush(piece);
    phase_ = Phase::Over;
}

std::string BackupReader::take_piece() {
    std::string piece = std::move(pieces_.front());
    pieces_.pop_front();
    waiting_bytes_ -= piece.size();
    return piece;
}

}  // namespace tandem::store
