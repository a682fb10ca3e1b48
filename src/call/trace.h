// The messages of one call, for the ladder that operators look at. Bounded in number and bytes.
#pragma once

#include <string>
#include <vector>

#include "ports/call_port.h"
#include "sip/message.h"

namespace tandem::call {

enum class TraceDetail : uint8_t { StartLine, Whole };

class Trace {
 public:
    void add(ports::CallTraceEntry entry);
    // The start line of a message, or the whole of it.
    static std::string text_of(const sip::Message& message, TraceDetail detail);

    const std::vector<ports::CallTraceEntry>& entries() const { return entries_; }
    size_t dropped() const { return dropped_; }

 private:
    std::vector<ports::CallTraceEntry> entries_;
    size_t bytes_ = 0;
    size_t dropped_ = 0;  // later ones: how a call began tells more than how it went on
};

}  // namespace tandem::call
