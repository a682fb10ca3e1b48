#include "app/cli/input.h"

#include <fstream>
#include <iostream>
#include <iterator>

namespace tandem::cli {

Result<std::string> read_input(const std::string& path, std::string_view field) {
    if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
    std::ifstream file(path, std::ios::binary);
    if (!file) return make_error(ErrorCode::NotFound, field, path + " cannot be read");
    return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace tandem::cli
