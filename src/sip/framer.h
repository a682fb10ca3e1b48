// Cuts a byte stream (TCP, TLS) into SIP messages. RFC 3261 7.4.2, 18.3; keep-alives of RFC
// 5626 3.5.1.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "sip/limits.h"
#include "sip/message.h"

namespace tandem::sip {

struct StreamPing {};  // CRLFCRLF came: answer with CRLF
struct StreamPong {};  // CRLF came: the answer to our ping
// A message whose frame was sound but whose content was not; the stream goes on. `answer` is ready
// to send where the peer can be answered.
struct StreamRejected {
    Error error;
    std::optional<Message> answer;
};
using StreamItem = std::variant<Message, StreamPing, StreamPong, StreamRejected>;

// Owned by its connection. Holds at most one unfinished message.
class StreamFramer {
 public:
    explicit StreamFramer(const ParserLimits& limits = ParserLimits::stream()) : limits_(limits) {}

    void push(std::string_view bytes);
    // The next whole item; nullopt: more bytes are needed. An error is final, as a stream whose
    // framing is lost cannot be found again: close the connection. Call until nullopt after each
    // push().
    Result<std::optional<StreamItem>> pop();

    size_t buffered() const { return buffer_.size() - consumed_; }
    // Part of a message is here: the owner may bound how long it waits for the rest.
    bool mid_message() const { return buffered() > 0; }

 private:
    Result<std::optional<StreamItem>> pop_blank();
    Result<std::optional<StreamItem>> pop_message();
    Result<std::optional<size_t>> find_head_end();
    void consume(size_t count);
    std::string_view pending() const { return std::string_view(buffer_).substr(consumed_); }

    ParserLimits limits_;
    std::string buffer_;
    size_t consumed_ = 0;
    size_t scanned_ = 0;  // of pending(), searched for the head's end already
    size_t blank_bytes_ = 0;
    size_t message_size_ = 0;  // known once its head is here
    std::optional<Error> broken_;
};

}  // namespace tandem::sip
