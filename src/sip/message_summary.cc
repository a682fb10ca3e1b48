#include "sip/message_summary.h"

namespace tandem::sip {
namespace {

void append_count(std::string& out, std::string_view name, MessageSummary::Count count) {
    out.append(name).append(": ").append(std::to_string(count.fresh));
    out.append("/").append(std::to_string(count.old)).append("\r\n");
}

}  // namespace

// INTEROP: phones look for a Voice-Message line, and some want it to be there with 0/0 to switch
// their lamp off.
std::string message_summary(const MessageSummary& summary) {
    const bool is_waiting = summary.voice.fresh > 0 || summary.text.fresh > 0;
    std::string out = is_waiting ? "Messages-Waiting: yes\r\n" : "Messages-Waiting: no\r\n";
    out.append("Message-Account: ").append(summary.account).append("\r\n");
    append_count(out, "Voice-Message", summary.voice);
    append_count(out, "Text-Message", summary.text);
    return out;
}

}  // namespace tandem::sip
