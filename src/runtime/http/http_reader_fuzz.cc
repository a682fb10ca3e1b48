#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "runtime/http/http_reader.h"

// The bytes of a client in one piece and in two: both must give the same requests.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem::runtime;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    HttpLimits limits;
    limits.head_bytes_max = 1'024;
    limits.body_bytes_max = 1'024;
    std::vector<std::string> seen[2];
    for (int pieces = 0; pieces < 2; ++pieces) {
        HttpReader reader(limits);
        const size_t cut = pieces == 0 ? size : size / 2;
        bool broken = false;
        for (const auto piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
            if (broken) break;
            reader.push(piece);
            while (true) {
                auto request = reader.pop();
                broken = !request.has_value();
                if (broken || !*request) break;
                CHECK((*request)->request.body.size() <= limits.body_bytes_max);
                seen[pieces].push_back((*request)->request.path);
            }
        }
    }
    CHECK(seen[0] == seen[1]);
    return 0;
}
