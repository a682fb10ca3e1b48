#include "sip/framer.h"

#include <utility>

#include "sip/parser.h"
#include "sip/scanner.h"

namespace tandem::sip {
namespace {

constexpr std::string_view crlf = "\r\n";
constexpr std::string_view head_end_mark = "\r\n\r\n";
// A buffer that grew over this for one large message is given back when it is empty.
constexpr size_t idle_capacity_max = 16'384;

Error broken(ErrorCode code, std::string_view field, std::string_view what, int status) {
    return make_error(code, field, what, status);
}

// The line of `head` from `begin` on, with the lines folded onto it, without the last CRLF.
std::string_view logical_line(std::string_view head, size_t begin) {
    size_t end = head.find(crlf, begin);
    while (end != std::string_view::npos && end + 2 < head.size() &&
           (head[end + 2] == ' ' || head[end + 2] == '\t')) {
        end = head.find(crlf, end + 2);
    }
    return head.substr(begin, end == std::string_view::npos ? end : end - begin);
}

std::string_view trim_folded(std::string_view text) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// The number in the Content-Length of `head`; an error when it is absent, doubled or no number.
Result<uint32_t> content_length_of(std::string_view head) {
    std::optional<uint32_t> length;
    for (size_t at = 0; at < head.size();) {
        const std::string_view line = logical_line(head, at);
        at += line.size() + crlf.size();
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        if (header_id_from(trim_lws(line.substr(0, colon))) != HeaderId::ContentLength) continue;
        const auto number = parse_decimal(trim_folded(line.substr(colon + 1)));
        if (!number || length) {
            return broken(ErrorCode::Malformed, "Content-Length", "one number expected", 400);
        }
        length = number;
    }
    // RFC 3261 18.3: over a stream there is no other way to find the end.
    if (!length) return broken(ErrorCode::Missing, "Content-Length", "needed over a stream", 400);
    return *length;
}

}  // namespace

void StreamCutter::push(std::string_view bytes) {
    if (broken_) return;
    if (consumed_ > 0) {
        buffer_.erase(0, consumed_);
        consumed_ = 0;
    }
    buffer_.append(bytes);
}

Result<std::optional<StreamCut>> StreamCutter::pop() {
    if (broken_) return *broken_;
    auto item = pop_cut();
    if (!item) broken_ = item.error();
    return item;
}

Result<std::optional<StreamCut>> StreamCutter::pop_cut() {
    if (message_size_ == 0 && scanned_ == 0) {
        auto blank = pop_blank();
        if (blank) return std::optional<StreamCut>(std::move(*blank));
    }
    if (buffered() == 0) return std::optional<StreamCut>();
    if (message_size_ == 0) {
        const auto size = TRY(find_message_size());
        if (!size) return std::optional<StreamCut>();
        message_size_ = *size;
    }
    if (buffered() < message_size_) return std::optional<StreamCut>();
    return std::optional<StreamCut>(take_message());
}

std::optional<StreamCut> StreamCutter::pop_blank() {
    size_t lines = 0;
    std::string_view rest = unread();
    while (rest.starts_with(crlf)) {
        rest.remove_prefix(crlf.size());
        ++lines;
    }
    if (lines == 0) return std::nullopt;
    consume(lines * crlf.size());
    // However many came at once, one answer is enough.
    if (lines == 1) return StreamPong{};
    return StreamPing{};
}

Result<std::optional<size_t>> StreamCutter::find_message_size() {
    const std::string_view bytes = unread();
    // A lone CR may be the first half of a keep-alive whose other half is on its way.
    if (bytes == "\r") return std::optional<size_t>();
    const size_t found = bytes.find(head_end_mark, scanned_);
    const size_t head_size = found == std::string_view::npos ? bytes.size() : found;
    if (head_size > limits_.head_bytes) {
        return broken(ErrorCode::TooLarge, "", "header lines exceed the limit", 413);
    }
    if (found == std::string_view::npos) {
        // The mark may be cut in two: its first three bytes are looked at again.
        scanned_ =
            bytes.size() < head_end_mark.size() ? 0 : bytes.size() - head_end_mark.size() + 1;
        return std::optional<size_t>();
    }
    const uint32_t length = TRY(content_length_of(bytes.substr(0, found)));
    const size_t size = found + head_end_mark.size() + length;
    if (size > limits_.message_bytes) {
        return broken(ErrorCode::TooLarge, "Content-Length", "message exceeds the limit", 413);
    }
    return std::optional<size_t>(size);
}

StreamBytes StreamCutter::take_message() {
    std::string bytes;
    if (consumed_ == 0 && buffer_.size() == message_size_) {
        bytes = std::move(buffer_);
        buffer_.clear();
        scanned_ = message_size_ = 0;
    } else {
        bytes = unread().substr(0, message_size_);
        consume(message_size_);
    }
    return {std::move(bytes)};
}

void StreamCutter::consume(size_t count) {
    consumed_ += count;
    scanned_ = message_size_ = 0;
    if (consumed_ < buffer_.size()) return;
    buffer_.clear();
    consumed_ = 0;
    if (buffer_.capacity() > idle_capacity_max) buffer_.shrink_to_fit();
}

Result<std::optional<StreamItem>> StreamFramer::pop() {
    auto cut = TRY(cutter_.pop());
    if (!cut) return std::optional<StreamItem>();
    if (std::holds_alternative<StreamPing>(*cut)) return std::optional<StreamItem>(StreamPing{});
    if (std::holds_alternative<StreamPong>(*cut)) return std::optional<StreamItem>(StreamPong{});
    std::string& bytes = std::get<StreamBytes>(*cut).bytes;
    auto message = parse_message(std::move(bytes), cutter_.limits());
    if (message) return std::optional<StreamItem>(std::move(*message));
    // Refused bytes are still there.
    return std::optional<StreamItem>(
        StreamRejected{message.error(), answer_to_rejected(bytes, message.error())});
}

}  // namespace tandem::sip
