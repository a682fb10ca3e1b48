#include "roles/web_gate/problem.h"

#include "base/json_text.h"

namespace tandem::roles::web_gate {

int http_status_of(const Error& error, bool conditional) {
    switch (error.code) {
        case ErrorCode::Malformed:
            return error.field.empty() ? 400 : 422;
        case ErrorCode::TooLarge:
        case ErrorCode::OutOfRange:
        case ErrorCode::Missing:
        case ErrorCode::UnknownField:
            return 422;
        case ErrorCode::NotFound:
            return 404;
        case ErrorCode::Conflict:
            return conditional && (error.field.empty() || error.field == "if_match") ? 412 : 409;
        case ErrorCode::Forbidden:
            return 403;
        case ErrorCode::Unauthorized:
            return 401;
        case ErrorCode::Unavailable:
            return 503;
        case ErrorCode::Timeout:
            return 504;
        case ErrorCode::Unsupported:
            return 501;
        case ErrorCode::Internal:
            return 500;
    }
    return 500;
}

std::string_view title_of(int status) {
    switch (status) {
        case 400:
            return "Bad Request";
        case 401:
            return "Unauthorized";
        case 403:
            return "Forbidden";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 409:
            return "Conflict";
        case 412:
            return "Precondition Failed";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 422:
            return "Unprocessable Content";
        case 429:
            return "Too Many Requests";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 504:
            return "Gateway Timeout";
    }
    return "Internal Server Error";
}

ports::HttpResponse problem(int status, const Error& error) {
    JsonWriter json;
    json.begin_object();
    json.field("type").value("about:blank");
    json.field("title").value(title_of(status));
    json.field("status").value(status);
    if (!error.message.empty()) json.field("detail").value(error.message);
    if (!error.field.empty()) json.field("field").value(error.field);
    if (error.code == ErrorCode::Malformed && error.offset > 0) {
        json.field("position").value(static_cast<uint64_t>(error.offset));
    }
    json.end_object();
    ports::HttpResponse response;
    response.status = status;
    response.content_type = "application/problem+json";
    response.body = json.take();
    if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
}

ports::HttpResponse problem(int status, std::string_view detail) {
    Error error;
    error.message = detail;
    return problem(status, error);
}

}  // namespace tandem::roles::web_gate
