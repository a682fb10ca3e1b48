// Runs ladders: ladders [--rewrite] [--restore-everywhere] [file or folder ...]. Without a name:
// all of tests/ladders, found from the working directory.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/ladder.h"

namespace {

namespace fs = std::filesystem;
using tandem::sim::LadderRestores;

struct Options {
    bool rewrite = false;
    LadderRestores restores = LadderRestores::WhereWritten;
    std::vector<fs::path> files;
};

void add_path(const fs::path& path, std::vector<fs::path>& files) {
    if (!fs::is_directory(path)) {
        files.push_back(path);
        return;
    }
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (entry.path().extension() == ".ladder") files.push_back(entry.path());
    }
}

Options options_from(const std::vector<std::string_view>& arguments) {
    Options options;
    for (const std::string_view argument : arguments) {
        if (argument == "--rewrite") {
            options.rewrite = true;
        } else if (argument == "--restore-everywhere") {
            options.restores = LadderRestores::Everywhere;
        } else {
            add_path(fs::path(argument), options.files);
        }
    }
    if (options.files.empty()) add_path("tests/ladders", options.files);
    std::sort(options.files.begin(), options.files.end());
    return options;
}

std::string read(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

// Shows the first place where the transcripts part.
void report(const fs::path& path, const std::string& expected, const std::string& found) {
    std::istringstream left(expected);
    std::istringstream right(found);
    std::string want;
    std::string have;
    for (int line = 1;; ++line) {
        const bool more_left = static_cast<bool>(std::getline(left, want));
        const bool more_right = static_cast<bool>(std::getline(right, have));
        if (more_left && more_right && want == have) continue;
        std::printf("%s:%d\n  expected: %s\n  found:    %s\n", path.c_str(), line,
                    more_left ? want.c_str() : "(end)", more_right ? have.c_str() : "(end)");
        return;
    }
}

bool run(const fs::path& path, const Options& options) {
    const std::string text = read(path);
    const auto result =
        tandem::sim::run_ladder(text, tandem::sim::make_ladder_subject, options.restores);
    if (!result) {
        std::printf("%s: %s\n", path.c_str(), result.error().message.c_str());
        return false;
    }
    if (*result == text) return true;
    if (options.rewrite) {
        std::ofstream(path, std::ios::binary) << *result;
        std::printf("%s: rewritten\n", path.c_str());
        return true;
    }
    report(path, text, *result);
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = options_from({argv + 1, argv + argc});
    size_t failed = 0;
    for (const fs::path& path : options.files) failed += run(path, options) ? 0 : 1;
    std::printf("%zu ladders, %zu failed\n", options.files.size(), failed);
    return failed == 0 && !options.files.empty() ? 0 : 1;
}
