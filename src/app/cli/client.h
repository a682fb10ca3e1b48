// The API as the command line sees it: one request, one JSON answer. Over libcurl.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace boost::json {
class value;
}

namespace tandem::cli {

struct Answer {
    int status = 0;
    std::string body;
    bool is_bytes = false;  // a piece of a backup: application/octet-stream
    // The body as the client has read it; null where that is empty or something else than JSON.
    const boost::json::value& json() const;
    std::shared_ptr<const boost::json::value> read;
};

class Client {
 public:
    // `url`: one, or several with commas between, of servers of one site: the next is asked when
    // one is not reached (and for reads, when it does not answer). `token` may be empty (health
    // needs none).
    Client(std::string_view url, std::string token);

    // `path` begins with /api/v1. A non-2xx answer is an error that carries the problem's detail
    // and says what to do. `etag`: sent as If-Match.
    Result<Answer> call(std::string_view method, const std::string& path,
                        const std::string& body = {}, const std::string& etag = {});
    // GETs something long, such as CSV, and gives it to `take` as it comes; false: enough. An end
    // that is missing is an error.
    // `seen`: sent as Last-Event-ID.
    using Take = std::function<bool(std::string_view)>;
    Result<void> stream(const std::string& path, const Take& take, const std::string& seen = {});

 private:
    struct Request;
    struct Attempt;
    Attempt attempt(const std::string& url, const Request& request) const;
    Result<Answer> ask(const Request& request);
    Error refused(const Request& request, const Answer& answer) const;
    Result<Answer> taken(const Request& request, Answer answer) const;

    std::vector<std::string> urls_;
    std::string token_;
};

// A part of a path or a query value, percent-encoded (RFC 3986 2.1).
std::string encode(std::string_view text);
// The path of what a domain has of a collection; without a domain, of what all have.
std::string within(const std::string& domain, const char* collection);
// The path with those filters in its query that have a value.
using Filters = std::initializer_list<std::pair<const char*, const std::string&>>;
std::string filtered(std::string path, Filters filters);

// $TANDEM_URL, else http://127.0.0.1:8080.
std::string default_url();
// The file admin.token of that data directory; empty: there is none.
std::string find_token_in(const std::string& data);
// `given`, else $TANDEM_TOKEN, else the file admin.token of $TANDEM_DATA, ./var or /var/lib/tandem.
std::string find_token(const std::string& given);

}  // namespace tandem::cli
