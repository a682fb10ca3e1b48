// Errors as RFC 9457 problem documents: {"type", "title", "status", "detail"} and where they apply
// "field" (the member or parameter at fault) and "position" (byte offset into the body).
#pragma once

#include "base/result.h"
#include "ports/web_port.h"

namespace tandem::roles::web_gate {

// The HTTP status that says the same as `error`. `conditional`: the request had an If-Match, so a
// clash of versions is 412 (RFC 9110 13.1.1).
int http_status_of(const Error& error, bool conditional = false);

ports::HttpResponse problem(int status, const Error& error);
inline ports::HttpResponse problem(const Error& error, bool conditional = false) {
    return problem(http_status_of(error, conditional), error);
}
ports::HttpResponse problem(int status, std::string_view detail);

std::string_view title_of(int status);

}  // namespace tandem::roles::web_gate
