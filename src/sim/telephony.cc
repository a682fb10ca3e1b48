// Transfers and queues: how they are set up, and what must hold of them.
#include <algorithm>

#include "model/entities.h"
#include "sim/run.h"

namespace tandem::sim {
namespace {

constexpr Duration kBootPatience = 10s;
// Both ends of something may be behind by the repetitions of a message that was lost.
constexpr Duration kCrossing = 5s;
// After a pause, until what was asked meanwhile has been answered.
constexpr Duration kBack = 200ms;

struct Span {
    Instant from;
    Instant to;
};

// It rings at a callee from his word that it does to the answer or the end.
// Who has not said that he rings can't be called off either (RFC 3261 9.1).
Span ringing(const PhoneCall& call) {
    const Instant to = call.answered == Instant{} ? call.ended : call.answered;
    return {call.rang == Instant{} ? to : call.rang, to};
}

Duration overlap(const Span& a, const Span& b) {
    return std::min(a.to, b.to) - std::max(a.from, b.from);
}

std::string name_of(const PhoneCall& call) {
    return "call " + call.call_id.substr(0, 12) + " of phone " + std::to_string(call.phone);
}

}  // namespace

// Agents are the second and the fourth account.
void Run::make_queue() {
    std::string members;
    int open = 0;
    const auto wait = [&] { wait_for([&] { return open == 0; }, kBootPatience, "the API"); };
    const auto send = [&](const char* method, const std::string& path, const std::string& body,
                          Site::HttpDone done) {
        ++open;
        site_.http(method, path, body,
                   [&, path, done = std::move(done)](const ports::HttpResponse* response) {
                       --open;
                       if (response != nullptr && response->status < 300) return done(response);
                       world_.fail("writing " + path + ": " +
                                   (response ? response->body : std::string("no answer")));
                   });
        wait();
    };
    for (const char* login : {"1002", "1004"}) {
        const std::string path = std::string("/api/v1/domains/sim.test/accounts/") + login;
        send("GET", path, {}, [&](const ports::HttpResponse* response) {
            const auto account =
                model::decode<model::Account>(response->body, model::Source::Store);
            if (!account) return world_.fail("no account: " + account.error().message);
            if (!members.empty()) members += ',';
            members += '"' + account->id.text() + '"';
        });
    }
    send("POST", "/api/v1/domains/sim.test/queues",
         R"({"name":"sales","number":")" + std::string(kQueueNumber) + R"(","members":[)" +
             members + R"(],"ring_s":5,"wrap_up_s":1,"wait_max_s":30,"answers":)" +
             (profile_.queue_answers ? "true}" : "false}"),
         [](const ports::HttpResponse*) {});
    for (const char* login : {"1002", "1004"}) {
        send("PATCH", std::string("/api/v1/domains/sim.test/accounts/") + login + "/agent",
             R"({"logged_in":true})", [](const ports::HttpResponse*) {});
    }
}

std::vector<model::Cdr> Run::all_records() {
    std::vector<model::Cdr> records;
    for (const auto& [id, json] : site_.store().history()) {
        auto record = model::decode<model::Cdr>(json, model::Source::Store);
        if (!record.has_value()) {
            world_.fail("a CDR that can't be read: " + record.error().message);
            continue;
        }
        records.push_back(std::move(*record));
    }
    return records;
}

// What the phones of its legs know of it.
std::vector<const PhoneCall*> Run::calls_of(const model::Cdr& record) {
    std::vector<const PhoneCall*> calls;
    for (const model::CdrLeg& leg : record.legs) {
        for (const auto& phone : phones_) {
            if (const PhoneCall* call = phone->find(leg.call_id)) calls.push_back(call);
        }
    }
    return calls;
}

bool Run::is_excused_for(const std::vector<const PhoneCall*>& calls) const {
    return std::ranges::any_of(calls, [&](const PhoneCall* call) {
        return is_excused(call->phone, call->began, safe_by(call->ended));
    });
}

void Run::check_telephony() {
    std::vector<std::vector<const PhoneCall*>> queued;
    for (const model::Cdr& record : all_records()) {
        check_transferred(record);
        check_heard(record);
        if (record.queues.empty()) continue;
        check_queued(record);
        queued.push_back(calls_of(record));
    }
    if (!profile_.queue) return;
    check_queue_callers();
    check_agents(queued);
}

// A call that was answered ends because somebody ends it, also after a transfer.
void Run::check_transferred(const model::Cdr& record) {
    if (!profile_.transfers || record.result != model::CallResult::Answered) return;
    if (!record.transfers.empty()) world_.count("records of calls that were transferred");
    // The call that a transfer was asked about in ends with it.
    if (record.continued_in) return world_.count("records of calls that were joined with another");
    // Who has been answered, and whom the queue has sent away. Who is lost there is abandoned.
    using model::QueueOutcome;
    const auto outcome =
        record.queues.empty() ? QueueOutcome::Answered : record.queues.back().outcome;
    if (outcome != QueueOutcome::Answered && outcome != QueueOutcome::Abandoned)
        return world_.count("answered parties that waited in a queue in vain");
    const auto calls = calls_of(record);
    bool has_end = false;
    for (const PhoneCall* call : calls) {
        has_end = has_end || ((call->end != PhoneCallEnd::ByThem || call->byes_crossed) &&
                              call->answered != Instant{});
    }
    if (has_end || calls.size() < 2 || is_excused_for(calls)) return;
    world_.fail(name_of(*calls.front()) + " ended though nobody hung up: " + record.reason);
}

// Nobody hears who is not of his call.
void Run::check_heard(const model::Cdr& record) {
    for (const PhoneCall* call : calls_of(record)) {
        // An INVITE that is repeated after the death of who had refused it makes another call.
        const bool is_of_other =
            call->answered != Instant{} && record.result != model::CallResult::Answered;
        if (is_of_other) continue;
        for (const std::string& login : call->heard_all) {
            // The leg of one who had left is not known after a restart; the transfer is.
            const bool is_of_it =
                std::ranges::any_of(
                    record.legs,
                    [&](const model::CdrLeg& leg) { return leg.party.number == login; }) ||
                std::ranges::any_of(record.transfers, [&](const model::CdrTransfer& each) {
                    return each.by.number == login || each.to.number == login;
                });
            if (!is_of_it) world_.fail(name_of(*call) + " heard " + login + " of no leg of it");
        }
    }
}

// A caller of a queue gets one agent, and one rings for him at a time.
void Run::check_queued(const model::Cdr& record) {
    const auto calls = calls_of(record);
    if (record.queues.front().outcome == model::QueueOutcome::Answered)
        world_.count("calls that a queue's agent answered");
    if (!record.transfers.empty() || is_excused_for(calls)) return;
    for (size_t i = 0; i < calls.size(); ++i) {
        for (size_t j = i + 1; j < calls.size(); ++j) {
            const PhoneCall& a = *calls[i];
            const PhoneCall& b = *calls[j];
            if (a.is_caller || b.is_caller || a.phone == b.phone) continue;
            if (overlap(ringing(a), ringing(b)) > kCrossing)
                world_.fail(name_of(a) + " and " + name_of(b) + " rang for one caller of a queue");
            const bool both = a.answered != Instant{} && b.answered != Instant{};
            if (both && overlap({a.answered, a.ended}, {b.answered, b.ended}) > kCrossing)
                world_.fail(name_of(a) + " and " + name_of(b) + " both got a caller of a queue");
        }
    }
}

// A node that has what no other has is waited for while it stands still, but not for ever.
bool Run::needed_who_stood_still(const PhoneCall& call) const {
    if (call.status != 503) return false;
    return std::ranges::any_of(pauses_, [&](const Pause& each) {
        return each.from <= call.ended && call.ended <= each.to + kBack;
    });
}

// Who waits is not lost: he is answered, gives up, or is told that it is too long.
void Run::check_queue_callers() {
    for (const auto& phone : phones_) {
        for (const auto& call : phone->calls()) {
            if (!call->is_caller || call->dialled != kQueueNumber) continue;
            world_.count("calls to a queue");
            if (call->answered != Instant{} || call->cancelled) continue;
            if (call->status == 480 || call->status == 486) continue;
            if (is_excused(call->phone, call->began, safe_by(call->ended))) continue;
            if (needed_who_stood_still(*call)) continue;
            world_.fail(name_of(*call) + " was lost by the queue: " + std::to_string(call->status));
        }
    }
}

// No agent is rung for two callers at once.
void Run::check_agents(const std::vector<std::vector<const PhoneCall*>>& queued) {
    std::vector<const PhoneCall*> rings;
    for (const auto& calls : queued) {
        for (const PhoneCall* call : calls) {
            if (!call->is_caller) rings.push_back(call);
        }
    }
    for (size_t i = 0; i < rings.size(); ++i) {
        for (size_t j = i + 1; j < rings.size(); ++j) {
            if (rings[i]->phone != rings[j]->phone || rings[i] == rings[j]) continue;
            if (overlap(ringing(*rings[i]), ringing(*rings[j])) <= kCrossing) continue;
            if (is_excused_for({rings[i], rings[j]})) continue;
            world_.fail(name_of(*rings[i]) + " rang while " + name_of(*rings[j]) + " did");
        }
    }
}

}  // namespace tandem::sim
