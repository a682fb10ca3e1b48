#include <cstddef>
#include <cstdint>
#include <string>

#include "app/config/bootstrap.h"
#include "base/check.h"

// Whatever an operator writes into the file gets an answer, and a refusal names the file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto bootstrap = tandem::app::parse_bootstrap(text, "fuzzed.toml");
    if (bootstrap.has_value()) return 0;
    CHECK(bootstrap.error().message.find("fuzzed.toml") != std::string::npos);
    return 0;
}
