// A backup of what is in the store, which a client takes piece by piece; store/backup_reader.h has
// what is read and in which order. The gate keeps one, and forgets it when nobody goes on.
#include "roles/web_gate/limits.h"
#include "roles/web_gate/problem.h"
#include "roles/web_gate/request_checks.h"
#include "roles/web_gate/web_gate.h"

namespace tandem::roles::web_gate {

using ports::HttpResponse;

namespace {

HttpResponse gone() {
    HttpResponse response;
    response.status = 204;
    response.content_type.clear();
    return response;
}

HttpResponse conflict(std::string_view why) {
    return problem(make_error(ErrorCode::Conflict, "", why));
}

}  // namespace

void WebGate::on_backup(Now now, Incoming incoming, ports::Outbox& out) {
    if (incoming.method == kPost) return begin_backup(now, std::move(incoming), out);
    if (!backup_ || backup_->id != incoming.match.id) {
        return respond(incoming.letter, problem(404, "there is no such backup at this gate"), out);
    }
    if (incoming.method == kDelete) {
        end_backup(out);
        return respond(incoming.letter, gone(), out);
    }
    const auto piece = piece_of(incoming.request());
    if (!piece) return respond(incoming.letter, problem(piece.error()), out);
    if (pending_.contains(backup_->waiting)) {
        return respond(incoming.letter, conflict("somebody else reads this backup"), out);
    }
    if (*piece != backup_->piece && *piece != backup_->piece + 1) {
        return respond(incoming.letter, conflict("this is not the next piece, nor the last"), out);
    }
    backup_->idle_until = now.mono + backup_idle_max;
    backup_->asked = 0;  // what has not been answered by now is asked again
    backup_->wanted = *piece;
    backup_->waiting = remember(now, std::move(incoming), reply_deadline);
    go_on_with_backup(now, out);
}

void WebGate::begin_backup(Now now, Incoming incoming, ports::Outbox& out) {
    const auto nothing = text_members(incoming.request().body, {});
    if (!nothing) return respond(incoming.letter, problem(nothing.error()), out);
    if (backup_ && backup_->reader.is_over()) end_backup(out);
    if (backup_) {
        return respond(incoming.letter, conflict("another backup is under way at this gate"), out);
    }
    std::string id = around_.rng.token(20);
    backup_.emplace(Backup{id, store::BackupReader(++backups_, id)});
    backup_->idle_until = now.mono + backup_idle_max;
    backup_->waiting = remember(now, std::move(incoming), reply_deadline);
    go_on_with_backup(now, out);
}

// Answers who waits as soon as there is something for it, and asks the store until then.
void WebGate::go_on_with_backup(Now now, ports::Outbox& out) {
    const auto waiting = pending_.find(backup_->waiting);
    if (waiting == pending_.end()) return;  // its deadline has passed: it may ask again
    store::BackupReader& reader = backup_->reader;
    HttpResponse response;
    response.headers.emplace_back("Cache-Control", "no-store");
    if (reader.failure()) {
        answer_backup(problem(*reader.failure()), out);
        return end_backup(out);
    }
    if (waiting->second.method == kPost && reader.has_begun()) {
        response.status = 201;
        response.headers.emplace_back("Location", "/api/v1/site/backup/" + backup_->id);
        response.body = "{\"id\":\"" + backup_->id + "\"}";
        return answer_backup(std::move(response), out);
    }
    if (waiting->second.method != kPost && backup_->wanted > backup_->piece) {
        if (reader.is_over()) return answer_backup(gone(), out);
        if (reader.has_piece()) {
            backup_->last = reader.take_piece();
            backup_->piece = backup_->wanted;
        }
    }
    if (waiting->second.method != kPost && backup_->wanted == backup_->piece) {
        response.content_type = "application/octet-stream";
        response.body = backup_->last;
        return answer_backup(std::move(response), out);
    }
    auto body = reader.next_request();
    if (!body || backup_->asked != 0) return;  // the watch will tell, or the store
    backup_->asked = ++last_request_;
    backup_->idle_until = now.mono + backup_idle_max;
    out.send(around_.self, ports::kKeyValue, store::Request{backup_->asked, std::move(*body)},
             backup_->asked);
}

void WebGate::on_backup_watch(Now now, const store::WatchBatch& batch, ports::Outbox& out) {
    if (!backup_) return;
    backup_->reader.on_watch(batch);
    go_on_with_backup(now, out);
}

// nullptr: the store cannot be reached. Who asks for the same piece again asks the store again.
void WebGate::on_backup_reply(Now now, uint64_t request, const store::Reply* reply,
                              ports::Outbox& out) {
    if (!backup_ || backup_->asked == 0 || backup_->asked != request) return;
    backup_->asked = 0;
    if (reply != nullptr && reply->body.has_value()) {
        backup_->reader.on_reply(*reply->body);
        return go_on_with_backup(now, out);
    }
    const bool has_begun = backup_->reader.has_begun();
    answer_backup(reply == nullptr ? problem(503, "the store cannot be reached")
                                   : problem(reply->body.error()),
                  out);
    if (!has_begun) end_backup(out);
}

void WebGate::answer_backup(HttpResponse response, ports::Outbox& out) {
    const auto waiting = pending_.extract(backup_->waiting);
    backup_->waiting = 0;
    if (!waiting.empty()) respond(waiting.mapped().question, std::move(response), out);
}

void WebGate::end_backup(ports::Outbox& out) {
    if (pending_.contains(backup_->waiting)) {
        answer_backup(conflict("the backup was given up"), out);
    }
    const uint64_t request = ++last_request_;
    out.send(around_.self, ports::kKeyValue,
             store::Request{request, store::WatchCancel{backup_->reader.watch()}}, request);
    backup_.reset();
}

}  // namespace tandem::roles::web_gate
