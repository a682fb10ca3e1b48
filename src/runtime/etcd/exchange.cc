#include "runtime/etcd/exchange.h"

#include <algorithm>

#include "runtime/etcd/codec.h"
#include "runtime/reactor/clock.h"

namespace tandem::runtime {

Exchange::Exchange(Reactor& reactor, RpcClient& client)
    : client_(&client),
      ring_(client.endpoint_count(), etcd_set_aside),
      timer_(reactor),
      connecting_(reactor) {
    connect_all();
    connecting_.arm_every(etcd_reconnect, [this] { connect_all(); });
}

// When a member dies, the next one is asked on a connection that stands already.
void Exchange::connect_all() {
    for (size_t i = 0; i < client_->endpoint_count(); ++i) (void)client_->is_ready(i);
}

void Exchange::use(RpcClient& client) {
    client_ = &client;
    connect_all();
    ring_ = EndpointRing(client.endpoint_count(), etcd_set_aside);
    std::vector<uint64_t> under_way;
    for (auto& [number, asked] : asked_)
        if (std::exchange(asked.under_way, false)) under_way.push_back(number);
    for (const uint64_t number : under_way) {
        if (asked_.at(number).question.repeat == Repeat::Safe) {
            pause(number);
        } else {
            finish(number, make_error(ErrorCode::Timeout, "etcd", "the connection was replaced"));
        }
    }
}

std::optional<size_t> Exchange::pick() {
    return ring_.pick(read_monotonic(),
                      [this](size_t endpoint) { return client_->is_ready(endpoint); });
}

void Exchange::on_failure(size_t endpoint) {
    ring_.on_failure(read_monotonic(), endpoint);
}

void Exchange::ask(EtcdQuestion question, Answer answer) {
    ++counters_.questions;
    if (asked_.size() >= etcd_requests_max)
        return answer(make_error(ErrorCode::Unavailable, "etcd", "too many requests are waiting"));
    Asked asked;
    asked.give_up = read_monotonic() + question.answer_max;
    asked.try_max = question.try_max;
    asked.question = std::move(question);
    asked.answer = std::move(answer);
    const uint64_t number = ++last_;
    asked_.emplace(number, std::move(asked));
    try_next(number);
}

void Exchange::try_next(uint64_t number) {
    Asked& asked = asked_.at(number);
    const Instant now = read_monotonic();
    if (now >= asked.give_up) {
        const auto code = asked.maybe_applied ? ErrorCode::Timeout : ErrorCode::Unavailable;
        const std::string why = asked.last_words.empty() ? "none can be reached" : asked.last_words;
        return finish(number, make_error(code, "etcd", "no member answered: " + why));
    }
    const auto endpoint = pick();
    if (!endpoint) return pause(number);
    ++counters_.tries;
    ++asked.tries;
    asked.under_way = true;
    if (asked.tries % (2 * client_->endpoint_count() + 1) == 0)
        asked.try_max =
            std::min<Duration>(2 * asked.try_max, std::max<Duration>(asked.try_max, etcd_try_max));
    RpcCall call;
    call.endpoint = *endpoint;
    call.method = asked.question.method;
    // The last possible try needs no copy, but which one that is nobody knows.
    call.request = asked.question.request;
    call.deadline = std::min(asked.try_max, asked.give_up - now);
    call.leader = asked.question.leader;
    client_->call(std::move(call),
                  [this, number, at = *endpoint](RpcEnd end, std::string response) {
                      on_end(number, at, std::move(end), std::move(response));
                  });
}

void Exchange::on_end(uint64_t number, size_t endpoint, RpcEnd end, std::string response) {
    Asked& asked = asked_.at(number);
    asked.under_way = false;
    switch (etcd::verdict_of(end)) {
        case etcd::Verdict::Answered:
            return on_answered(number, endpoint, std::move(end), std::move(response));
        case etcd::Verdict::NotApplied:
            ++counters_.not_applied;
            on_failure(endpoint);
            asked.last_words = std::move(end.message);
            return pause(number);
        case etcd::Verdict::Unknown:
            ++counters_.unknown;
            on_failure(endpoint);
            asked.maybe_applied = true;
            asked.last_words = std::move(end.message);
            if (asked.question.repeat == Repeat::Unsafe) return finish(number, etcd::error_of(end));
            // A try that took its whole time has waited enough.
            if (end.code == RpcCode::DeadlineExceeded) return try_next(number);
            return pause(number);
    }
}

void Exchange::on_answered(uint64_t number, size_t endpoint, RpcEnd end, std::string response) {
    ring_.on_success(endpoint);
    if (end.code == RpcCode::Ok) return finish(number, std::move(response));
    const Error error = etcd::error_of(end);
    const bool lags =
        error.code == ErrorCode::OutOfRange && asked_.at(number).question.lag == Lag::IsWaitedFor;
    if (lags) return pause(number);
    finish(number, error);
}

void Exchange::pause(uint64_t number) {
    pausing_.add(read_monotonic() + etcd_pause, number);
    arm();
}

void Exchange::arm() {
    const auto deadline = pausing_.next_deadline();
    if (!deadline) return timer_.cancel();
    timer_.arm(std::max(*deadline - read_monotonic(), Duration::zero()), [this] { on_timer(); });
}

void Exchange::on_timer() {
    const Instant now = read_monotonic();
    while (const auto number = pausing_.pop_due(now)) try_next(*number);
    arm();
}

void Exchange::finish(uint64_t number, Result<std::string> result) {
    auto node = asked_.extract(number);
    node.mapped().answer(std::move(result));
}

}  // namespace tandem::runtime
