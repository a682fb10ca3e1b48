#include "app/cli/client.h"

#include <curl/curl.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>

#include "base/bytes.h"

namespace tandem::cli {
namespace {

constexpr std::string_view kSessionPath = "/api/v1/session";
constexpr std::string_view kBytesType = "application/octet-stream";
constexpr std::string_view kBulkPath = "/api/v1/bulk";
constexpr long kTimeoutMs = 15'000;
// Where another server can be asked instead.
constexpr long kTryMs = 2'000;
constexpr long kConnectMs = 500;
// Of a download, which may take as long as it takes: seconds without a byte.
constexpr long kSilenceS = 30;

size_t collect(char* data, size_t size, size_t count, void* into) {
    static_cast<std::string*>(into)->append(data, size * count);
    return size * count;
}

std::string detail_of(const Answer& answer) {
    boost::system::error_code error;
    const boost::json::value json = boost::json::parse(answer.body, error);
    if (error || !json.is_object()) return "HTTP status " + std::to_string(answer.status);
    std::string text;
    if (const auto* field = json.as_object().if_contains("field")) {
        if (field->is_string()) text = std::string(field->as_string()) + ": ";
    }
    const auto* detail = json.as_object().if_contains("detail");
    return text + (detail && detail->is_string() ? std::string(detail->as_string()) : "refused");
}

std::string read_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return std::string(trim(line));
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

}  // namespace

struct Client::Request {
    std::string method;
    const std::string& path;
    const std::string& body;
    const std::string& etag;
    const Take* take = nullptr;  // for the body of an answer that is no refusal
    std::string seen = {};       // the last event of a stream
};
struct Client::Attempt {
    Answer answer;  // status 0: none came
    bool was_sent = true;
    std::string why;
};

namespace {

struct Sink {
    CURL* curl;
    const Client::Take* take;
    std::string& refusal;
};

size_t store(char* data, size_t size, size_t count, void* into) {
    Sink& sink = *static_cast<Sink*>(into);
    long status = 0;
    curl_easy_getinfo(sink.curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 300) return (*sink.take)({data, size * count}) ? size * count : 0;
    return collect(data, size, count, &sink.refusal);
}

}  // namespace

const boost::json::value& Answer::json() const {
    static const boost::json::value none;
    return read ? *read : none;
}

Client::Client(std::string_view url, std::string token) : token_(std::move(token)) {
    for (size_t begin = 0; begin <= url.size();) {
        const size_t end = std::min(url.find(',', begin), url.size());
        std::string_view one = url.substr(begin, end - begin);
        while (one.ends_with('/')) one.remove_suffix(1);
        if (!one.empty() || urls_.empty()) urls_.emplace_back(one);
        begin = end + 1;
    }
}

// The refusal in the words of the server, and what to do about it.
Error Client::refused(const Request& request, const Answer& answer) const {
    const std::string detail = detail_of(answer);
    switch (answer.status) {
        case 401:
            if (request.method == "POST" && request.path == kSessionPath) {
                return make_error(ErrorCode::Unauthorized, "",
                                  "the domain, the user or the password is wrong");
            }
            if (!token_.empty()) {
                return make_error(ErrorCode::Unauthorized, "",
                                  "the token is refused; is it of this server's data directory?");
            }
            return make_error(ErrorCode::Unauthorized, "",
                              "a token is needed and none was found: give --token or TANDEM_TOKEN,"
                              " or set TANDEM_DATA to the server's data directory (admin.token)");
        case 404:
            return make_error(ErrorCode::NotFound, "", detail);
        case 429:
            return make_error(ErrorCode::Unavailable, "", detail);
        case 503:
            return make_error(ErrorCode::Unavailable, "", detail + "; nothing was done, try again");
        case 504:
            return make_error(ErrorCode::Timeout, "", detail);
        default:
            return make_error(ErrorCode::Conflict, "", detail);
    }
}

// What is no JSON comes from something else than Tandem, as a proxy's page does.
Result<Answer> Client::taken(const Request& request, Answer answer) const {
    const bool is_json = request.take == nullptr && request.path != kBulkPath;
    if (!is_json || answer.is_bytes || answer.status == 204) return answer;
    boost::system::error_code error;
    answer.read =
        std::make_shared<const boost::json::value>(boost::json::parse(answer.body, error));
    if (!error) return answer;
    return make_error(ErrorCode::Conflict, "",
                      "the answer to " + request.method + " " + request.path +
                          " is not JSON; is --url that of a Tandem web gate?");
}

Client::Attempt Client::attempt(const std::string& url, const Request& request) const {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(),
                                                                   &curl_easy_cleanup);
    const bool is_lines = request.path == kBulkPath;
    curl_slist* list = curl_slist_append(nullptr, is_lines ? "Content-Type: application/x-ndjson"
                                                           : "Content-Type: application/json");
    if (!token_.empty()) {
        list = curl_slist_append(list, ("Authorization: Bearer " + token_).c_str());
    }
    if (!request.etag.empty())
        list = curl_slist_append(list, ("If-Match: \"" + request.etag + "\"").c_str());
    if (!request.seen.empty())
        list = curl_slist_append(list, ("Last-Event-ID: " + request.seen).c_str());
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list,
                                                                              &curl_slist_free_all);
    Attempt attempt;
    const bool is_one_of_many = urls_.size() > 1;
    const bool may_be_repeated = is_one_of_many && request.method == "GET";
    curl_easy_setopt(curl.get(), CURLOPT_URL, (url + request.path).c_str());
    curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &collect);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &attempt.answer.body);
    curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, may_be_repeated ? kTryMs : kTimeoutMs);
    if (is_one_of_many) curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
    Sink sink{curl.get(), request.take, attempt.answer.body};
    if (request.take != nullptr) {
        curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &store);
        curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &sink);
        curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, 0L);
        curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, kSilenceS);
    }
    curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
    if (!request.body.empty()) {
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
        curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, request.body.c_str());
    }
    const CURLcode code = curl_easy_perform(curl.get());
    if (code == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
        attempt.answer.status = static_cast<int>(status);
        const char* type = nullptr;
        curl_easy_getinfo(curl.get(), CURLINFO_CONTENT_TYPE, &type);
        attempt.answer.is_bytes = type != nullptr && type == kBytesType;
        return attempt;
    }
    double connected_after = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_CONNECT_TIME, &connected_after);
    // What is in a file already can't be asked of another server.
    attempt.was_sent = connected_after > 0 && (!may_be_repeated || request.take != nullptr);
    attempt.why = url + " does not answer (" + curl_easy_strerror(code) + ")";
    return attempt;
}

Result<Answer> Client::call(std::string_view method, const std::string& path,
                            const std::string& body, const std::string& etag) {
    return ask({std::string(method), path, body, etag});
}

Result<void> Client::stream(const std::string& path, const Take& take, const std::string& seen) {
    const std::string none;
    (void)TRY(ask({"GET", path, none, none, &take, seen}));
    return {};
}

Result<Answer> Client::ask(const Request& request) {
    std::string why;
    for (const std::string& url : urls_) {
        Attempt one = attempt(url, request);
        const int status = one.answer.status;
        if (status >= 200 && status < 300) return taken(request, std::move(one.answer));
        if (status != 0) return refused(request, one.answer);
        why = std::move(one.why);
        if (one.was_sent) break;
    }
    return make_error(ErrorCode::Unavailable, "",
                      why + "; is tandemd running, and is --url right?");
}

std::string encode(std::string_view text) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += '%';
            out += digits[octet >> 4];
            out += digits[octet & 15];
        }
    }
    return out;
}

std::string within(const std::string& domain, const char* collection) {
    return domain.empty() ? std::string("/api/v1/") + collection
                          : "/api/v1/domains/" + encode(domain) + "/" + collection;
}

std::string filtered(std::string path, Filters filters) {
    char mark = path.find('?') == std::string::npos ? '?' : '&';
    for (const auto& [name, value] : filters) {
        if (value.empty()) continue;
        path += mark + std::string(name) + "=" + encode(value);
        mark = '&';
    }
    return path;
}

std::string default_url() {
    const std::string url = environment("TANDEM_URL");
    return url.empty() ? "http://127.0.0.1:8080" : url;
}

std::string find_token_in(const std::string& data) {
    return read_line(data + "/admin.token");
}

std::string find_token(const std::string& given) {
    if (!given.empty()) return given;
    if (std::string token = environment("TANDEM_TOKEN"); !token.empty()) return token;
    const std::string data = environment("TANDEM_DATA");
    for (const std::string& folder : {data, std::string("./var"), std::string("/var/lib/tandem")}) {
        if (folder.empty()) continue;
        if (std::string token = find_token_in(folder); !token.empty()) return token;
    }
    return {};
}

}  // namespace tandem::cli
