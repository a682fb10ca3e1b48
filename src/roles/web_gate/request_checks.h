// What a request must hold before anyone acts on it. RFC 9110, RFC 6750.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ports/join_port.h"
#include "ports/web_port.h"
#include "roles/web_gate/router.h"

namespace tandem::roles::web_gate {

std::string_view header_of(const ports::HttpRequest& request, std::string_view lower_case_name);
std::optional<std::string_view> query_of(const ports::HttpRequest& request, std::string_view name);

bool from_this_machine(const ports::HttpRequest& request);

// The answer to a request that must not be carried out: 405, 406, 413, 414, 415.
std::optional<ports::HttpResponse> refuse(const ports::HttpRequest& request, const Route& route,
                                          size_t body_bytes_max);

// ?limit=, ?after=. 422 with the parameter's name.
struct Page {
    uint32_t limit = 0;
    std::string after;
};
Result<Page> page_of(const ports::HttpRequest& request);

// ?since= of events, in `after`, and ?limit=.
Result<Page> events_of(const ports::HttpRequest& request);

// What a question to the history of calls asks for beside domain, time and page; the account is the
// gate's to find. 422 with the parameter's name.
Result<void> read_history_filters(const ports::HttpRequest& request, ports::HistoryQuery& query);
// ?format=csv, or Accept: text/csv.
Result<bool> wants_csv(const ports::HttpRequest& request);

// ?from=, ?to=: milliseconds since 1970 or RFC 3339 ("2026-11-22T21:44:12Z").
Result<int64_t> time_in(std::string_view text, std::string_view name);
Result<int64_t> time_of(const ports::HttpRequest& request, std::string_view name);

// One string member of a JSON object; `fields` are all that it may have. Used for the few bodies
// that are no entities.
Result<std::vector<std::string>> text_members(std::string_view body,
                                              std::initializer_list<std::string_view> fields);

// ?piece=N of a backup, from 1.
Result<uint64_t> piece_of(const ports::HttpRequest& request);

// {"server": "server2", "valid_s": 3600}; both may be left out.
Result<ports::JoinTokenQuery> token_query_of(std::string_view body);
// {"kind": "pause", "seconds": 5, "scope": "node"}
Result<ports::HarmRequest> harm_of(std::string_view body);

}  // namespace tandem::roles::web_gate
