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

// A whole message as it stood on the wire, for those who hand it on unparsed.
struct StreamBytes {
    std::string bytes;
};
using StreamCut = std::variant<StreamBytes, StreamPing, StreamPong>;

// Finds where messages begin and end, without parsing them. Owned by its connection. Holds at most
// one unfinished message.
class StreamCutter {
 public:
    explicit StreamCutter(const ParserLimits& limits = ParserLimits::stream()) : limits_(limits) {}

    void push(std::string_view bytes);
    // The next whole item; nullopt: more bytes are needed. An error is final, as a stream whose
    // framing is lost cannot be found again: close the connection. Call until nullopt after each
    // push().
    Result<std::optional<StreamCut>> pop();

    size_t buffered() const { return buffer_.size() - consumed_; }
    // Part of a message is here: the owner may bound how long it waits for the rest.
    bool mid_message() const { return buffered() > 0; }
    // What is here of the message that comes next, or that broke the stream.
    std::string_view unread() const { return std::string_view(buffer_).substr(consumed_); }
    const ParserLimits& limits() const { return limits_; }

 private:
    Result<std::optional<StreamCut>> pop_cut();
    std::optional<StreamCut> pop_blank();
    Result<std::optional<size_t>> find_message_size();
    StreamBytes take_message();
    void consume(size_t count);

    ParserLimits limits_;
    std::string buffer_;
    size_t consumed_ = 0;
    size_t scanned_ = 0;       // of unread(), searched for the head's end already
    size_t message_size_ = 0;  // known once its head is here
    std::optional<Error> broken_;
};

// A cutter that parses what it cuts.
class StreamFramer {
 public:
    explicit StreamFramer(const ParserLimits& limits = ParserLimits::stream()) : cutter_(limits) {}

    void push(std::string_view bytes) { cutter_.push(bytes); }
    Result<std::optional<StreamItem>> pop();  // as StreamCutter::pop()

    size_t buffered() const { return cutter_.buffered(); }
    bool mid_message() const { return cutter_.mid_message(); }

 private:
    StreamCutter cutter_;
};

}  // namespace tandem::sip
