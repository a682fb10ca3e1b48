// What a gate has received and answered, by method and status, for the metrics. Bounded: methods
// are those that we know, statuses are what SIP allows, and only pairs that occurred are kept.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sip/message.h"

namespace tandem::border {

class MessageCounts {
 public:
    void count_request(const sip::Message& request);
    void count_response(const sip::Message& response);
    // sip_requests_total{method="INVITE"}, sip_responses_total{method="INVITE",code="200"}
    void append_to(std::vector<std::pair<std::string, double>>& figures) const;

 private:
    using Answer = std::pair<sip::Method, int>;
    std::map<sip::Method, uint64_t> requests_;
    std::map<Answer, uint64_t> responses_;
};

}  // namespace tandem::border
