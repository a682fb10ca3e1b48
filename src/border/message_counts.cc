#include "border/message_counts.h"

#include "border/limits.h"

namespace tandem::border {
namespace {

std::string label_of(sip::Method method) {
    const std::string_view name = to_string(method);
    return "method=\"" + std::string(name.empty() ? "other" : name) + '"';
}

}  // namespace

void MessageCounts::count_request(const sip::Message& request) {
    ++requests_[request.method()];
}

void MessageCounts::count_response(const sip::Message& response) {
    const auto cseq = response.cseq();
    const sip::Method method = cseq ? cseq->method : sip::Method::Other;
    Answer answer{method, response.status()};
    // Statuses of phones are passed on: many odd ones count as their class.
    if (responses_.size() >= counted_answers_max && !responses_.contains(answer)) {
        answer.second = response.status() / 100 * 100;
    }
    ++responses_[answer];
}

void MessageCounts::append_to(std::vector<std::pair<std::string, double>>& figures) const {
    for (const auto& [method, count] : requests_) {
        figures.emplace_back("sip_requests_total{" + label_of(method) + '}',
                             static_cast<double>(count));
    }
    for (const auto& [answer, count] : responses_) {
        figures.emplace_back("sip_responses_total{" + label_of(answer.first) + ",code=\"" +
                                 std::to_string(answer.second) + "\"}",
                             static_cast<double>(count));
    }
}

}  // namespace tandem::border
