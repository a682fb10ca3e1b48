#include "roles/web_gate/request_checks.h"

#include <boost/json.hpp>
#include <charconv>
#include <chrono>

#include "base/bytes.h"
#include "base/net_address.h"
#include "roles/web_gate/limits.h"
#include "roles/web_gate/problem.h"

namespace tandem::roles::web_gate {
namespace {

bool accepts(std::string_view accept, Action action) {
    if (accept.empty()) return true;
    const std::string_view ours = action == Action::Metrics ? "text/plain" : "application/json";
    const std::string_view family = action == Action::Metrics ? "text/*" : "application/*";
    const std::string lower = to_lower(accept);
    if (action == Action::CallEvents && lower.find("text/event-stream") != std::string::npos)
        return true;
    if (action == Action::Cdr && lower.find("text/csv") != std::string::npos) return true;
    return lower.find("*/*") != std::string::npos || lower.find(ours) != std::string::npos ||
           lower.find(family) != std::string::npos ||
           (action == Action::Backup &&
            lower.find("application/octet-stream") != std::string::npos) ||
           lower.find("application/openmetrics-text") != std::string::npos;
}

bool is_json(std::string_view content_type, bool patch, bool lines) {
    const std::string type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
    if (lines && type == "application/x-ndjson") return true;
    return type == "application/json" || (patch && type == "application/merge-patch+json");
}

Error bad_parameter(std::string_view name, std::string_view message) {
    return make_error(ErrorCode::OutOfRange, name, message);
}

template <typename T>
bool parse_number(std::string_view text, T& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

// YYYY-MM-DDTHH:MM:SS[.fff]Z, the form that to_rfc3339() writes.
std::optional<int64_t> parse_rfc3339(std::string_view text) {
    int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text.back() != 'Z') {
        return std::nullopt;
    }
    const bool numbers =
        parse_number(text.substr(0, 4), year) && parse_number(text.substr(5, 2), month) &&
        parse_number(text.substr(8, 2), day) && parse_number(text.substr(11, 2), hour) &&
        parse_number(text.substr(14, 2), minute) && parse_number(text.substr(17, 2), second);
    const std::chrono::year_month_day date{std::chrono::year(year),
                                           std::chrono::month(static_cast<unsigned>(month)),
                                           std::chrono::day(static_cast<unsigned>(day))};
    if (!numbers || !date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
    const auto days = std::chrono::sys_days(date).time_since_epoch();
    int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(days).count();
    ms += ((hour * 60LL + minute) * 60 + second) * 1000;
    int fraction = 0;
    if (text[19] == '.' && text.size() == 24 && parse_number(text.substr(20, 3), fraction)) {
        ms += fraction;
    }
    return ms;
}

}  // namespace

bool from_this_machine(const ports::HttpRequest& request) {
    if (const auto address = SocketAddress::parse(request.remote)) return address->ip.is_loopback();
    const auto ip = IpAddress::parse(request.remote);
    return ip && ip->is_loopback();
}

std::string_view header_of(const ports::HttpRequest& request, std::string_view lower_case_name) {
    for (const auto& [name, value] : request.headers) {
        if (name == lower_case_name) return value;
    }
    return {};
}

std::optional<std::string_view> query_of(const ports::HttpRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.query) {
        if (key == name) return value;
    }
    return std::nullopt;
}

std::optional<ports::HttpResponse> refuse(const ports::HttpRequest& request, const Route& route,
                                          size_t body_bytes_max) {
    const uint8_t method = method_bit(request.method);
    if ((route.methods & method) == 0) {
        ports::HttpResponse response = problem(405, "this resource has other methods");
        response.headers.emplace_back("Allow", allow_of(route));
        return response;
    }
    if (!accepts(header_of(request, "accept"), route.action)) {
        return problem(406, "only application/json is offered");
    }
    if (request.body.size() > body_bytes_max) {
        return problem(413, "the body is longer than " + std::to_string(body_bytes_max) + " bytes");
    }
    const bool with_body = (method & (kPost | kPut | kPatch)) != 0;
    if (with_body && !is_json(header_of(request, "content-type"), method == kPatch,
                              route.action == Action::Bulk)) {
        return problem(415, "the body must be application/json");
    }
    return std::nullopt;
}

Result<Page> page_of(const ports::HttpRequest& request) {
    Page page{page_limit_default, {}};
    if (const auto limit = query_of(request, "limit")) {
        if (!parse_number(*limit, page.limit) || page.limit == 0 || page.limit > page_limit_max) {
            return bad_parameter("limit", "limit must be a number from 1 to 1000");
        }
    }
    if (const auto after = query_of(request, "after")) page.after = *after;
    return page;
}

Result<Page> events_of(const ports::HttpRequest& request) {
    Page page = TRY(page_of(request));
    page.after.clear();
    uint64_t id = 0;
    if (const auto since = query_of(request, "since")) {
        if (!parse_number(*since, id)) return bad_parameter("since", "since must be a number");
        page.after = *since;
    }
    return page;
}

Result<bool> wants_csv(const ports::HttpRequest& request) {
    const auto format = query_of(request, "format");
    if (!format) {
        const std::string accept = to_lower(header_of(request, "accept"));
        return accept.find("text/csv") != std::string::npos &&
               accept.find("application/json") == std::string::npos;
    }
    if (*format == "csv") return true;
    if (*format == "json") return false;
    return bad_parameter("format", "must be one of json, csv");
}

Result<void> read_history_filters(const ports::HttpRequest& request, ports::HistoryQuery& query) {
    query.call_id = query_of(request, "call").value_or("");
    if (!query.call_id.empty() && !CallId::parse(query.call_id))
        return bad_parameter("call", "must be the id of a call: 32 hexadecimal digits");
    query.number = query_of(request, "number").value_or("");
    if (query.number.find('*') < query.number.size() - 1 && !query.number.empty())
        return bad_parameter("number", "may have a * at its end only");
    query.direction = query_of(request, "direction").value_or("");
    query.result = query_of(request, "result").value_or("");
    if (const auto status = query_of(request, "status")) {
        if (!parse_number(*status, query.sip_status) || query.sip_status < 0 ||
            query.sip_status > 699)
            return bad_parameter("status", "must be a SIP status, from 0 to 699");
    }
    if (const auto least = query_of(request, "duration_min_s")) {
        int64_t seconds = 0;
        if (!parse_number(*least, seconds) || seconds < 0 || seconds > history_duration_max_s)
            return bad_parameter("duration_min_s", "must be a number of seconds, from 0");
        query.duration_min_ms = seconds * 1000;
    }
    query.csv = TRY(wants_csv(request));
    if (query.csv && (query_of(request, "limit") || query_of(request, "after")))
        return bad_parameter("limit", "CSV has no pages: it brings all that fit");
    if (query.csv) query.limit = page_limit_max;
    return {};
}

Result<int64_t> time_of(const ports::HttpRequest& request, std::string_view name) {
    return time_in(query_of(request, name).value_or(""), name);
}

Result<int64_t> time_in(std::string_view text, std::string_view name) {
    if (text.empty()) return int64_t{0};
    int64_t ms = 0;
    if (parse_number(text, ms) && ms >= 0) return ms;
    if (const auto parsed = parse_rfc3339(text)) return *parsed;
    return bad_parameter(name,
                         "must be milliseconds since 1970 or a time like 2026-11-22T21:44:12Z");
}

Result<uint64_t> piece_of(const ports::HttpRequest& request) {
    const auto text = query_of(request, "piece");
    uint64_t number = 0;
    if (text && parse_number(*text, number) && number > 0) return number;
    return bad_parameter("piece", "must be the number of a piece, from 1");
}

namespace {

namespace json = boost::json;

// What the few bodies that are no entities have in common.
Result<json::object> object_in(std::string_view body,
                               std::initializer_list<std::string_view> fields) {
    json::stream_parser parser;
    boost::system::error_code error;
    const size_t parsed = parser.write_some(body.data(), body.size(), error);
    if (!error && parsed < body.size()) error = json::error::extra_data;
    if (!error) parser.finish(error);
    if (error) {
        Error bad = make_error(ErrorCode::Malformed, "", "the body is no valid JSON");
        bad.offset = parsed;
        return bad;
    }
    json::value value = parser.release();
    if (!value.is_object()) {
        return make_error(ErrorCode::Malformed, "", "the body must be a JSON object");
    }
    for (const auto& [name, member] : value.get_object()) {
        const std::string_view key(name.data(), name.size());
        if (std::find(fields.begin(), fields.end(), key) == fields.end()) {
            return make_error(ErrorCode::UnknownField, key, "there is no such field");
        }
    }
    return std::move(value.get_object());
}

Result<std::string> text_in(const json::object& object, std::string_view field) {
    const json::value* member = object.if_contains(field);
    if (member == nullptr) return std::string();
    if (member->is_string()) return std::string(member->get_string());
    return make_error(ErrorCode::OutOfRange, field, "must be a string");
}

// Which of `names` the field says; the first one when it is absent.
template <typename E>
Result<E> choice_in(const json::object& object, std::string_view field,
                    std::initializer_list<std::string_view> names) {
    const std::string text = TRY(text_in(object, field));
    std::string allowed;
    uint8_t index = 0;
    for (const std::string_view name : names) {
        if (text == name || (index == 0 && !object.contains(field))) return static_cast<E>(index);
        allowed.append(allowed.empty() ? "" : ", ").append(name);
        ++index;
    }
    return make_error(ErrorCode::OutOfRange, field, "must be one of " + allowed);
}

constexpr int64_t kHarmSecondsMax = 3600;

}  // namespace

Result<std::vector<std::string>> text_members(std::string_view body,
                                              std::initializer_list<std::string_view> fields) {
    const json::object object = TRY(object_in(body, fields));
    std::vector<std::string> values;
    for (const std::string_view field : fields) values.push_back(TRY(text_in(object, field)));
    return values;
}

Result<ports::JoinTokenQuery> token_query_of(std::string_view body) {
    const json::object object = TRY(object_in(body, {"server", "valid_s"}));
    ports::JoinTokenQuery query;
    query.server = TRY(text_in(object, "server"));
    const json::value* valid = object.if_contains("valid_s");
    if (valid == nullptr) return query;
    if (!valid->is_int64() || valid->get_int64() < 1 || valid->get_int64() > UINT32_MAX) {
        return make_error(ErrorCode::OutOfRange, "valid_s", "must be from 1 to 604800");
    }
    query.valid_s = static_cast<uint32_t>(valid->get_int64());
    return query;
}

Result<ports::HarmRequest> harm_of(std::string_view body) {
    using ports::HarmRequest;
    const json::object object = TRY(object_in(body, {"kind", "seconds", "scope"}));
    if (!object.contains("kind")) {
        return make_error(ErrorCode::Missing, "kind", "this field is required");
    }
    HarmRequest harm;
    harm.kind = TRY(choice_in<HarmRequest::Kind>(object, "kind", {"kill", "pause", "partition"}));
    harm.scope = TRY(choice_in<HarmRequest::Scope>(object, "scope", {"node", "server"}));
    if (harm.kind == HarmRequest::Kind::Kill) {
        if (!object.contains("seconds")) return harm;
        return make_error(ErrorCode::OutOfRange, "seconds", "what is killed stays so");
    }
    const json::value* seconds = object.if_contains("seconds");
    const bool fits = seconds != nullptr && seconds->is_int64() && seconds->get_int64() >= 1 &&
                      seconds->get_int64() <= kHarmSecondsMax;
    if (!fits) {
        return make_error(ErrorCode::OutOfRange, "seconds", "must be a number from 1 to 3600");
    }
    harm.seconds = static_cast<uint32_t>(seconds->get_int64());
    return harm;
}

}  // namespace tandem::roles::web_gate
