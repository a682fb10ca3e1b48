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

// Blank lines came that ask for an answer (CRLFCRLF): send one CRLF. Several pings that come at
// once make one item, so a flood of them is not amplified.
struct StreamPing {};
// One CRLF came: the answer to our ping. Two answers in one read look like a ping, so whoever waits
// for a pong takes any item for a sign of life.
struct StreamPong {};
// A message whose frame was sound but whose content was not; the stream goes on. `answer` is ready
// to send where the peer can be answered.
struct StreamRejected {
    Error error;
    std::optional<Message> answer;
};
using StreamItem = std::variant<Message, StreamPing, StreamPong, StreamRejected>;

// Owned by its connection. Holds what one push() brought and at most one unfinished message.
class StreamFramer {
 public:
    explicit StreamFramer(const ParserLimits& limits = ParserLimits::stream()) : limits_(limits) {}

    void push(std::string_view bytes);
    // The next whole item; nullopt: more bytes are needed. An error is final, as a stream whose
    // framing is lost cannot be found again: answer_to_rejected(unread(), error) may be sent, then
    // the connection is closed. Call until nullopt after each push().
    Result<std::optional<StreamItem>> pop();

    std::string_view unread() const { return std::string_view(buffer_).substr(consumed_); }
    size_t buffered() const { return buffer_.size() - consumed_; }
    // Part of a message is here: the owner may bound how long it waits for the rest.
    bool mid_message() const { return buffered() > 0; }

 private:
    Result<std::optional<StreamItem>> pop_item();
    std::optional<StreamItem> pop_blank();
    Result<std::optional<size_t>> find_message_size();
    StreamItem take_message();
    void consume(size_t count);

    ParserLimits limits_;
    std::string buffer_;
    size_t consumed_ = 0;      // bytes of buffer_ that were given out
    size_t scanned_ = 0;       // bytes of unread() that hold no end of the head
    size_t message_size_ = 0;  // of the message at the front, once its head is here
    std::optional<Error> broken_;
};

}  // namespace tandem::sip
