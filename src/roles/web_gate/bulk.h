// Many creations in one request: NDJSON, a line each (RFC 8259 values, one a line), answered by a
// line each.
//
//   {"kind": "domain", "parent": "top.test", "value": {"name": "a.test"}}
//   {"kind": "account", "domain": "a.test", "value": {"login": "1001", "password": "..."}}
//   {"kind": "licence", "domain": "a.test", "value": {"accounts_max": 50}}
//
// A line is carried out whole or not at all, as the same request by itself would be; many of them
// are on their way at once. One that needs a domain that a line before it makes waits for that one.
// Who has lost the answer sends the lines again: those that were carried out answer 409.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ports/letter.h"
#include "roles/web_gate/principal.h"
#include "roles/web_gate/router.h"

namespace tandem::roles::web_gate {

// A request that somebody may make.
struct Asked {
    ports::Letter letter;
    RouteMatch match;
    uint8_t method = kGet;
    Principal principal;
    int tries = 0;  // before this one
    const ports::HttpRequest& request() const { return get<ports::HttpRequest>(letter.payload); }
};

struct Bulk {
    Asked asked;                          // with its body, which the lines are views of
    std::vector<std::string_view> lines;  // with numbers from 1
    std::vector<std::string> answers;     // of each line
    size_t next = 0;                      // line to be sent
    size_t in_flight = 0;
    std::multiset<std::string> being_made;  // names of domains whose lines are under way
};

struct BulkLineParts {
    std::string kind;
    std::string domain;  // name or id
    std::string parent;  // of a new domain, by name or id; empty: as the value says
    std::string value;   // JSON object
};
// Errors as for a body: Malformed, UnknownField, Missing.
Result<BulkLineParts> bulk_line_of(std::string_view line);
// Lines that are not empty.
std::vector<std::string_view> bulk_lines_of(std::string_view body);
// {"line":3,"status":201,"id":"..."}
std::string bulk_answer(size_t line, int status, std::string_view id);
// {"line":3,"status":409,"field":"login","detail":"..."}
std::string bulk_answer(size_t line, int status, const Error& error);

}  // namespace tandem::roles::web_gate
