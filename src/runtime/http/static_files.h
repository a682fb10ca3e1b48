// Files of the web app.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ports/web_port.h"

namespace tandem::runtime {

// The largest file of the web app, with room; larger ones are not served.
inline constexpr size_t static_file_bytes_max = 16u << 20;

class StaticFiles {
 public:
    explicit StaticFiles(std::string directory) : directory_(std::move(directory)) {}
    // Whether requests for this path are answered from files.
    static bool is_file_path(std::string_view path);
    ports::HttpResponse answer(const ports::HttpRequest& request) const;

 private:
    std::optional<std::string> file_for(std::string_view path) const;
    std::string directory_;
};

std::string_view content_type_of(std::string_view path);

}  // namespace tandem::runtime
