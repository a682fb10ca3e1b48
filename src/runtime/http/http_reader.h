// Requests of one HTTP/1.1 connection from its bytes, over Beast's parser. RFC 9110, RFC 9112.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/web_port.h"
#include "runtime/http/limits.h"

namespace tandem::runtime {

struct ParsedRequest {
    ports::HttpRequest request;  // without remote and secure
    bool keep_alive = true;
    bool knows_chunks = true;  // HTTP/1.1 (RFC 9112 7.1)
};

class HttpReader {
 public:
    explicit HttpReader(const HttpLimits& limits);
    ~HttpReader();

    void push(std::string_view bytes);
    // The next whole request; nullopt: more bytes are needed. The error's sip_status is the HTTP
    // status to answer (400, 413, 431); it is final.
    Result<std::optional<ParsedRequest>> pop();
    bool mid_request() const;  // some of it is here
    bool in_body() const;      // its head is here
    // True once for a request whose client waits for "100 Continue" before it sends the body.
    bool take_expectation();

 private:
    struct State;
    std::unique_ptr<State> state_;
};

// "%41+b" to "A b"; nullopt for a broken escape or a NUL. A plus sign is a space in queries only.
enum class PlusSign { Literal, Space };
std::optional<std::string> percent_decode(std::string_view text, PlusSign plus);

// Sets path and query of `request` from the target of a request line. Malformed: neither a path nor
// "*", or a broken escape.
Result<void> split_target(std::string_view target, ports::HttpRequest& request);

}  // namespace tandem::runtime
