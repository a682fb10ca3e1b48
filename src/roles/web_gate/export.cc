// Records of calls as CSV. The client gets them while they are read: a page is asked for when there
// is room for it, so that neither the gate nor the runtime holds more than two.
#include <algorithm>

#include "roles/web_gate/limits.h"
#include "roles/web_gate/problem.h"
#include "roles/web_gate/web_gate.h"

namespace tandem::roles::web_gate {

using ports::HttpPart;
using ports::HttpResponse;

namespace {

HttpResponse csv(std::string body) {
    HttpResponse response;
    response.content_type = "text/csv; charset=utf-8; header=present";  // RFC 4180 3
    response.headers.emplace_back("Content-Disposition", "attachment; filename=\"cdr.csv\"");
    response.headers.emplace_back("Cache-Control", "no-store");
    response.body = std::move(body);
    return response;
}

}  // namespace

void WebGate::begin_export(Now now, Incoming incoming, ports::HistoryQuery query,
                           ports::Outbox& out) {
    if (incoming.request().method == "HEAD") {
        HttpResponse head = csv({});
        head.streamed = true;  // so that it has no length
        return respond(incoming.letter, std::move(head), out);
    }
    if (exports_.size() >= exports_max)
        return respond(incoming.letter, problem(503, "too many exports are under way"), out);
    Export one;
    one.question = std::move(incoming.letter);
    get<ports::HttpRequest>(one.question.payload).body.clear();
    one.query = std::move(query);
    const auto [entry, is_new] = exports_.emplace(one.question.request, std::move(one));
    go_on_with_export(now, entry->second, out);
}

void WebGate::go_on_with_export(Now now, Export& one, ports::Outbox& out) {
    one.asked = ++last_request_;
    one.until = now.mono + reply_deadline;
    out.send(around_.self, ports::kHistory, one.query, one.asked);
}

// Whether it was an answer to an export.
bool WebGate::on_export_answer(Now now, uint64_t request, const ports::Payload& payload,
                               ports::Outbox& out) {
    const auto found = std::ranges::find_if(
        exports_, [&](const auto& each) { return each.second.asked == request; });
    if (found == exports_.end() || request == 0) return false;
    Export& one = found->second;
    const auto* page = get_if<ports::HistoryPage>(&payload);
    if (page == nullptr || page->error) {
        const Error away =
            make_error(ErrorCode::Unavailable, "", "who could answer cannot be reached");
        break_off_export(found->first, page == nullptr ? away : *page->error, out);
        return true;
    }
    one.asked = 0;
    one.until = now.mono + export_room_max;
    one.query.after = page->next;
    if (!one.has_begun) {
        HttpResponse response = csv(page->json);
        response.streamed = true;
        respond(one.question, std::move(response), out);
    }
    const bool is_last = page->next.empty();
    // A page without a record, of a long search, is no reason to wait for room.
    if (one.has_begun && (is_last || !page->json.empty()))
        out.reply(one.question, HttpPart{page->json, is_last});
    if (!one.has_begun && is_last) out.reply(one.question, HttpPart{{}, true});
    const bool goes_on = !is_last && one.has_begun && page->json.empty();
    one.has_begun = true;
    if (is_last) {
        exports_.erase(found);
    } else if (goes_on) {
        go_on_with_export(now, one, out);
    }
    return true;
}

void WebGate::on_http_taken(Now now, uint64_t http_request, bool gone, ports::Outbox& out) {
    const auto found = exports_.find(http_request);
    if (found == exports_.end()) return;
    if (gone) {
        exports_.erase(found);
    } else if (found->second.asked == 0) {
        go_on_with_export(now, found->second, out);
    }
}

// What has begun can't be made an error any more: the client sees that its end is missing.
void WebGate::break_off_export(uint64_t http_request, const Error& why, ports::Outbox& out) {
    const auto one = exports_.extract(http_request);
    if (one.empty()) return;
    if (one.mapped().has_begun) {
        out.reply(one.mapped().question, HttpPart{{}, false, true});
    } else {
        respond(one.mapped().question, problem(why), out);
    }
}

void WebGate::run_export_timers(Now now, ports::Outbox& out) {
    std::vector<uint64_t> late;
    for (const auto& [http_request, one] : exports_)
        if (one.until <= now.mono) late.push_back(http_request);
    const Error why = make_error(ErrorCode::Timeout, "", "no answer came in time");
    for (const uint64_t http_request : late) break_off_export(http_request, why, out);
}

}  // namespace tandem::roles::web_gate
