#include "runtime/http/static_files.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>

namespace tandem::runtime {

namespace {

constexpr std::string_view kIndex = "/index.html";

// No segment that leads upwards, is hidden or is empty.
bool is_safe(std::string_view path) {
    if (path.find('\\') != std::string_view::npos) return false;
    return path.find("/.") == std::string_view::npos && path.find("//") == std::string_view::npos;
}

bool has_suffix_dot(std::string_view path) {
    const std::string_view last = path.substr(path.rfind('/') + 1);
    return last.find('.') != std::string_view::npos;
}

ports::HttpResponse plain(int status, std::string text) {
    ports::HttpResponse response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::move(text);
    return response;
}

std::string tag_of(const struct stat& file) {
    return "\"" + std::to_string(file.st_mtim.tv_sec) + "-" + std::to_string(file.st_size) + "\"";
}

std::string_view header_of(const ports::HttpRequest& request, std::string_view name) {
    for (const auto& [key, value] : request.headers) {
        if (key == name) return value;
    }
    return {};
}

}  // namespace

std::string_view content_type_of(std::string_view path) {
    static constexpr std::pair<std::string_view, std::string_view> types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
        {".webmanifest", "application/manifest+json"},
        {".wav", "audio/wav"},
        {".mp3", "audio/mpeg"},
        {".ogg", "audio/ogg"},
        {".map", "application/json"},
        {".yaml", "application/yaml"},
        {".wasm", "application/wasm"},
    };
    for (const auto& [suffix, type] : types) {
        if (path.ends_with(suffix)) return type;
    }
    return "application/octet-stream";
}

bool StaticFiles::is_file_path(std::string_view path) {
    for (const std::string_view owned : {"/api", "/metrics", "/sip"}) {
        if (!path.starts_with(owned)) continue;
        if (path.size() == owned.size() || path[owned.size()] == '/') return false;
    }
    return true;
}

std::optional<std::string> StaticFiles::file_for(std::string_view path) const {
    if (!is_safe(path)) return std::nullopt;
    struct stat file {};
    std::string name = directory_ + std::string(path);
    if (stat(name.c_str(), &file) == 0 && S_ISREG(file.st_mode)) return name;
    // A page of the single-page application, which finds its way itself.
    if (has_suffix_dot(path)) return std::nullopt;
    return directory_ + std::string(kIndex);
}

ports::HttpResponse StaticFiles::answer(const ports::HttpRequest& request) const {
    if (request.method != "GET" && request.method != "HEAD") return plain(405, "GET expected\n");
    const auto name = file_for(request.path);
    struct stat file {};
    if (!name || stat(name->c_str(), &file) != 0 || !S_ISREG(file.st_mode) ||
        static_cast<size_t>(file.st_size) > static_file_bytes_max) {
        return plain(404, "not found\n");
    }
    ports::HttpResponse response;
    response.content_type = content_type_of(*name);
    const std::string tag = tag_of(file);
    response.headers.emplace_back("etag", tag);
    response.headers.emplace_back("x-content-type-options", "nosniff");
    // Names below /assets/ carry a hash of their content; the page that names them must be fresh.
    const bool immutable = request.path.starts_with("/assets/");
    response.headers.emplace_back("cache-control",
                                  immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (header_of(request, "if-none-match") == tag) {
        response.status = 304;
        return response;
    }
    std::ifstream stream(*name, std::ios::binary);
    response.body.assign(std::istreambuf_iterator<char>(stream), {});
    return response;
}

}  // namespace tandem::runtime
