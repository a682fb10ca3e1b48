#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "runtime/websocket/websocket.h"

// The bytes of a peer, in one piece and in two: both must give the same items.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace tandem::runtime;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    (void)read_upgrade(bytes);
    constexpr size_t kMessageMax = 4'096;
    for (const auto side : {WebSocketSide::Server, WebSocketSide::Client}) {
        size_t items[2] = {0, 0};
        for (int pieces = 0; pieces < 2; ++pieces) {
            WebSocketReader reader(side, kMessageMax);
            const size_t cut = pieces == 0 ? size : size / 2;
            for (const auto piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
                reader.push(piece);
                bool broken = false;
                while (true) {
                    auto item = reader.pop();
                    broken = !item.has_value();
                    if (broken || !*item) break;
                    ++items[pieces];
                    const auto* message = std::get_if<WebSocketMessage>(&**item);
                    CHECK(message == nullptr || message->payload.size() <= kMessageMax);
                }
                if (broken) break;
            }
        }
        CHECK(items[0] == items[1]);
    }
    return 0;
}
