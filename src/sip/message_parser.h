// The scan behind parse_message() and answer_to_rejected(). Private to src/sip.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "sip/limits.h"
#include "sip/message.h"

namespace tandem::sip {

// One pass over the head of a message. Strict: the first fault ends it. Salvage: faulty lines are
// skipped, the version and the body are not looked at; it serves to answer what strict refused.
class MessageParser {
 public:
    enum class Mode : uint8_t { Strict, Salvage };

    MessageParser(std::string& bytes, const ParserLimits& limits, Mode mode)
        : bytes_(bytes), limits_(limits), mode_(mode) {}

    // Takes the bytes on success only.
    Result<Message> run();

 private:
    Result<void> start_line(size_t begin, size_t end);
    Result<void> request_line(size_t begin, std::string_view line);
    Result<void> status_line(size_t begin, std::string_view line);
    Result<void> headers();
    Result<void> header_line(size_t begin, size_t end);
    Result<void> content_length(std::string_view value, size_t offset);
    Result<void> characters() const;
    Result<void> body();
    // The end of the line that begins at `begin`, before its CRLF; an error when there is none.
    Result<size_t> line_end(size_t begin) const;
    Error fault(std::string_view header, std::string_view what, size_t offset) const;

    std::string& bytes_;
    const ParserLimits& limits_;
    Mode mode_;
    Message message_;
    size_t head_begin_ = 0;
    size_t position_ = 0;
    bool has_length_ = false;
    uint32_t length_ = 0;
};

// Whether `text` is "SIP/" digits "." digits, in any case.
bool is_sip_version(std::string_view text);

}  // namespace tandem::sip
