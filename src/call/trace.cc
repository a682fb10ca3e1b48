#include "call/trace.h"

#include <string>

#include "call/limits.h"
#include "sip/message.h"
#include "sip/method.h"

namespace tandem::call {

void Trace::add(ports::CallTraceEntry entry) {
    if (entries_.size() >= kTraceEntriesMax || bytes_ + entry.text.size() > kTraceBytesMax) {
        ++dropped_;
        return;
    }
    bytes_ += entry.text.size();
    entries_.push_back(std::move(entry));
}

std::string Trace::text_of(const sip::Message& message, TraceDetail detail) {
    if (detail == TraceDetail::Whole) return message.to_text();
    std::string line;
    line.reserve(64);
    if (message.is_request()) {
        line.append(message.method_token()).append(" ").append(message.request_uri());
        return line.append(" SIP/2.0\r\n");
    }
    line.append("SIP/2.0 ").append(std::to_string(message.status())).append(" ");
    return line.append(message.reason()).append("\r\n");
}

}  // namespace tandem::call
