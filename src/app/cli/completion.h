// Shell completion, made from the commands themselves.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace tandem::cli {

std::string bash_completion(const CLI::App& app);

}  // namespace tandem::cli
